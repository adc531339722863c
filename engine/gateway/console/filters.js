/* Search, account and state: what the list is narrowed to. The address holds them. */

import { attribute, el, icon, show, text } from "/static/dom.js";
import { go, listHash } from "/static/route.js";
import { state } from "/static/state.js";
import { STATES, number, stateLabel } from "/static/words.js";

const TYPING_MS = 250;

export function makeFilters() {
  const search = input("q", "Search by name or id", "search");
  const account = input("account", "Account id", "text");
  const clear = el("button", { type: "button", class: "quiet small", on: { click: clearAll } }, "Clear filters");
  const tabs = ["", ...STATES].map(makeTab);
  const node = el(
    "div",
    { class: "filters" },
    el(
      "div",
      { class: "filter-fields", role: "search" },
      el("div", { class: "with-icon" }, icon("search"), search, el("kbd", { "aria-hidden": "true" }, "/")),
      account,
      clear,
    ),
    el("div", { class: "tabs", role: "group", "aria-label": "State" }, tabs.map((tab) => tab.node)),
  );
  const update = ({ route, list }) => {
    const { filters } = route;
    for (const [field, value] of [[search, filters.q], [account, filters.account]]) {
      if (document.activeElement !== field) field.value = value;
    }
    show(clear, Boolean(filters.q || filters.account || filters.state));
    // The gateway counts all clones: beside a search these figures would mislead.
    for (const tab of tabs) tab.update(filters.state, filters.q || filters.account ? null : list.counts);
  };
  return { node, search, update };
}

export function clearAll() {
  for (const field of document.querySelectorAll(".filters input")) field.value = "";
  go(listHash({}));
}

function input(name, label, type) {
  let timer = null;
  const apply = (replace) => {
    clearTimeout(timer);
    go(listHash({ ...state.route.filters, [name]: field.value.trim(), cursor: "" }), { replace });
  };
  const field = el("input", {
    type,
    name,
    placeholder: label,
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    on: {
      input: () => {
        clearTimeout(timer);
        timer = setTimeout(() => apply(true), TYPING_MS);
      },
      keydown: (event) => {
        if (event.key === "Enter") apply(false);
        if (event.key === "Escape" && field.value !== "") {
          event.preventDefault();
          event.stopPropagation();
          field.value = "";
          apply(true);
        }
      },
    },
  });
  return field;
}

function makeTab(name) {
  const count = el("span", { class: "count" });
  const label = name === "" ? "All" : stateLabel(name);
  const choose = () => go(listHash({ ...state.route.filters, state: name, cursor: "" }));
  const node = el("button", { type: "button", class: "tab", "data-state": name, on: { click: choose } }, label, count);
  const update = (chosen, counts) => {
    attribute(node, "aria-pressed", String(chosen === name));
    const all = counts && Object.values(counts).reduce((sum, each) => sum + each, 0);
    text(count, counts ? number(name === "" ? all : (counts[name] ?? 0)) : "");
  };
  return { node, update };
}
