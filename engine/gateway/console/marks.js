/* Small marks that several views show: a state's chip, a bar of progress, a time that ages, an id to copy. */

import { attribute, el, icon, show, text } from "/static/dom.js";
import { ago, moment, progressLine, stateLabel, toldState } from "/static/words.js";

export function chip() {
  const label = el("span");
  const node = el("span", { class: "chip" }, el("span", { class: "dot" }), label);
  const update = (state) => {
    attribute(node, "data-state", state);
    text(label, stateLabel(state));
  };
  return { node, update };
}

/* Both kinds of work in one bar: an image costs about what a step does. */
export function progressBar() {
  const fill = el("span", { class: "fill" });
  const node = el("span", { class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  const update = (name, clone, done, total) => {
    const known = total > 0;
    const percent = known ? Math.min(100, Math.floor((100 * done) / total)) : 0;
    attribute(node, "aria-label", name);
    attribute(node, "aria-valuenow", known ? percent : null);
    attribute(node, "aria-valuetext", known ? `${percent} %, ${progressLine(clone)}` : progressLine(clone));
    attribute(node, "data-state", toldState(clone));
    node.classList.toggle("unknown", !known && clone.state === "cloning");
    fill.style.setProperty("--done", `${percent}%`);
  };
  return { node, update };
}

/* Ages by itself: see ageTimes. */
export function aging() {
  const node = el("time");
  const update = (iso) => {
    show(node, Boolean(iso));
    attribute(node, "datetime", iso);
    attribute(node, "title", moment(iso));
    text(node, ago(iso));
  };
  return { node, update };
}

export function ageTimes() {
  for (const node of document.querySelectorAll("time[datetime]")) text(node, ago(node.getAttribute("datetime")));
}

export function copyable(value, what) {
  const copy = async () => {
    // Only where the page came over https or from this machine does the browser lend its clipboard.
    const done = await navigator.clipboard?.writeText(value).then(() => true, () => false);
    if (!done) getSelection().selectAllChildren(code);
    button.classList.toggle("done", done === true);
    setTimeout(() => button.classList.remove("done"), 1500);
  };
  const code = el("code", {}, value);
  const label = `Copy ${what}`;
  const button = el("button", { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: copy } }, icon("copy"));
  return el("span", { class: "copyable" }, code, button);
}
