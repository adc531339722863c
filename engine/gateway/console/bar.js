/* The bar on top: whose page this is, whether events come, the way out. */

import { attribute, el, icon, show, text } from "/static/dom.js";
import { showKeys } from "/static/dialogs.js";

const TOLD = { connecting: "Connecting", live: "Live", lost: "Offline", catching_up: "Catching up" };

export function makeBar(signOut) {
  const label = el("span");
  const live = el("span", { class: "live" }, el("span", { class: "dot" }), label);
  const version = el("span", { class: "version" });
  const home = el("a", { class: "home", href: "#/clones" }, el("img", { src: "/static/icon.svg", alt: "", width: 24, height: 24 }), "funnel-clone", version);
  const keys = el("button", { type: "button", class: "quiet small keys-button", on: { click: showKeys } }, "Keys");
  const out = el("button", { type: "button", class: "quiet small", on: { click: signOut } }, icon("out"), "Sign out");
  document.getElementById("bar").append(home, el("div", { class: "bar-end" }, live, keys, out));
  const update = ({ session, connection }) => {
    for (const node of [live, keys, out]) show(node, session !== null);
    text(version, session?.version ? `v${session.version}` : "");
    attribute(live, "data-connection", connection);
    text(label, TOLD[connection]);
  };
  return { update };
}
