/* What is told beside the view: toasts for results, words for screen readers, the banner about the connection. */

import { el, icon, keyed, show } from "/static/dom.js";
import { cloneHash } from "/static/route.js";

const STAYS_MS = 7000;
const MOST_TOASTS = 4;
const MOST_SAID = 20;

/* `tone`: good, warning, bad or plain. A bad one stays until it is closed. */
export function toast(message, { tone = "plain", funnelId = null } = {}) {
  const shelf = document.getElementById("toasts");
  const close = el("button", { type: "button", class: "icon-button", "aria-label": "Dismiss" }, icon("close"));
  const link = funnelId ? el("a", { href: cloneHash(funnelId) }, "Show") : null;
  const role = tone === "bad" ? "alert" : "status";
  const card = el("div", { class: `toast ${tone}`, role }, el("p", {}, message), link, close);
  close.addEventListener("click", () => card.remove());
  shelf.append(card);
  while (shelf.children.length > MOST_TOASTS) shelf.firstElementChild.remove();
  if (tone !== "bad") removeLater(card);
}

/* Not under somebody's pointer or focus. */
function removeLater(card) {
  setTimeout(() => {
    if (card.matches(":hover, :focus-within")) removeLater(card);
    else card.remove();
  }, STAYS_MS);
}

export function announce(sentence) {
  const log = document.getElementById("announcements");
  log.append(el("p", {}, sentence));
  while (log.children.length > MOST_SAID) log.firstElementChild.remove();
}

const BANNERS = {
  lost: ["Connection lost.", "What you see may be out of date. Trying to reach the gateway…"],
  catching_up: ["Connected again.", "Catching up on what happened meanwhile…"],
};

export function drawBanner(connection, retryNow) {
  const banner = document.getElementById("banner");
  const shown = BANNERS[connection] ? [connection] : [];
  keyed(
    banner,
    shown,
    (kind) => kind,
    (kind) => {
      const [title, body] = BANNERS[kind];
      const retry = el("button", { type: "button", class: "quiet", on: { click: retryNow } }, "Try now");
      show(retry, kind === "lost");
      const words = el("p", {}, el("strong", {}, title), " ", body);
      return { node: el("div", { class: `banner ${kind}` }, el("span", { class: "pulse" }), words, retry) };
    },
    () => {},
  );
}
