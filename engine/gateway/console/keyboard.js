/* Moving by keys: one stop of Tab for the whole list, arrows within it, and the page's own shortcuts. */

import { showKeys } from "/static/dialogs.js";
import { attribute } from "/static/dom.js";

/* Rows of `list` become one stop of Tab; the row last used keeps it. `settle` after each drawing. */
export function rove(list) {
  let at = 0;
  let inside = false;
  const rows = () => [...list.children];
  const link = (row) => row?.querySelector("a");
  const focus = (index) => {
    const all = rows();
    at = Math.max(0, Math.min(index, all.length - 1));
    settle();
    link(all[at])?.focus();
  };
  const settle = () => {
    const all = rows();
    at = Math.max(0, Math.min(at, all.length - 1));
    all.forEach((row, index) => {
      const stop = index === at ? 0 : -1;
      for (const node of row.querySelectorAll("a, button")) attribute(node, "tabindex", stop);
    });
    // The row that had the focus is gone, and the focus with it: it goes to the row that took its place.
    if (inside && document.activeElement === document.body) link(all[at])?.focus();
  };
  list.addEventListener("focusin", (event) => {
    inside = true;
    at = rows().indexOf(event.target.closest("li"));
    settle();
  });
  list.addEventListener("focusout", (event) => {
    inside = event.relatedTarget === null ? inside && !event.target.isConnected : list.contains(event.relatedTarget);
  });
  list.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: Infinity };
    if (event.key in moves) focus(moves[event.key]);
    else if (event.key === "ArrowRight") rows()[at]?.querySelector(".row-actions button")?.focus();
    else if (event.key === "ArrowLeft") link(rows()[at])?.focus();
    else return;
    event.preventDefault();
  });
  return { settle };
}

/* Letters mean themselves where somebody types. */
export function listenToKeys({ search, leave }) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.matches?.("input, textarea, select");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else leave();
    } else if (!typing && event.key === "/") {
      event.preventDefault();
      search();
    } else if (!typing && event.key === "?") {
      showKeys();
    } else if (event.key === "ArrowDown" && (typing || event.target === document.body)) {
      document.querySelector(".rows a")?.focus();
      event.preventDefault();
    }
  });
}
