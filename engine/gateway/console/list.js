/* The list of clones: filters, rows, pages, and what stands there when there is nothing to list. */

import { request, trigger } from "/static/actions.js";
import { attribute, el, icon, keyed, show, text } from "/static/dom.js";
import { clearAll, makeFilters } from "/static/filters.js";
import { load } from "/static/loading.js";
import { go, listHash } from "/static/route.js";
import { makeRow } from "/static/row.js";
import { rove } from "/static/keyboard.js";
import { state } from "/static/state.js";
import { counted } from "/static/words.js";

const SKELETONS = 6;

export function makeList() {
  const filters = makeFilters();
  const pass = el("button", { type: "button", on: { click: trigger } }, icon("play"), "Run a pass");
  const ask = el("button", { type: "button", class: "primary", on: { click: request } }, icon("plus"), "Request a clone");
  const rows = el("ol", { class: "rows", "aria-label": "Clones" });
  const roving = rove(rows);
  const blank = el("div", { class: "blank", hidden: true });
  const waiting = el("div", { class: "skeletons", "aria-hidden": "true" }, Array.from({ length: SKELETONS }, () => el("div")));
  const heads = ["State", "Clone", "Progress", "Changed", ""].map((head) => el("span", {}, head));
  const pager = makePager();
  const heading = el("div", { class: "heads", "aria-hidden": "true" }, heads);
  const node = el(
    "section",
    { class: "list" },
    el("div", { class: "title" }, el("h1", {}, "Clones"), el("div", { class: "title-actions" }, pass, ask)),
    filters.node,
    el("div", { class: "card" }, heading, waiting, rows, blank),
    pager.node,
  );
  const update = (now) => {
    const { list, route, session } = now;
    show(pass, session?.hooks === true);
    filters.update(now);
    show(waiting, !list.loaded);
    attribute(rows, "aria-busy", list.loaded ? null : true);
    keyed(rows, list.clones, (clone) => clone.funnel_id, makeRow, (row, clone) => row.update(clone));
    roving.settle();
    const empty = list.loaded && list.clones.length === 0;
    const kind = blankKind(list, route.filters);
    show(rows, !empty);
    show(heading, !empty);
    show(filters.node, !empty || kind !== "new");
    show(blank, empty);
    keyed(blank, empty ? [kind] : [], (each) => each, (each) => ({ node: BLANKS[each](list) }), () => {});
    pager.update(list, route.filters);
    document.title = `${list.counts?.cloning ? `(${list.counts.cloning}) ` : ""}Clones · funnel-clone`;
  };
  return { node, update, search: filters.search };
}

/* One of three: the gateway gave no answer, nothing matches, there is nothing yet. */
function blankKind(list, filters) {
  if (list.problem) return "problem";
  return filters.q || filters.account || filters.state || filters.cursor ? "none" : "new";
}

const BLANKS = {
  problem: (list) =>
    blankPage("Clones could not be read", list.problem.detail, el("button", { type: "button", on: { click: load } }, "Try again")),
  none: () =>
    blankPage("No clone matches", "Nothing fits the search and filters.", el("button", { type: "button", on: { click: clearAll } }, "Clear filters")),
  new: () =>
    blankPage(
      "No clones yet",
      "A clone is a new funnel with every page, image and form of another. Request one here; it appears in this list and you can watch it being made.",
      el("button", { type: "button", class: "primary", on: { click: request } }, icon("plus"), "Request a clone"),
    ),
};

function blankPage(title, body, button) {
  return el("div", {}, el("h2", {}, title), el("p", {}, body), button);
}

/* Cursors lead on only, so those of the pages before are kept; a link opened in the middle leads back to the newest. */
function makePager() {
  const before = [];
  const turn = (cursor) => {
    go(listHash({ ...state.route.filters, cursor }));
    scrollTo({ top: 0 });
  };
  const newer = el("button", { type: "button", class: "small", on: { click: () => turn(before.pop() ?? "") } }, "Newer");
  const older = el("button", { type: "button", class: "small" }, "Older");
  const told = el("span", { class: "told" });
  older.addEventListener("click", () => {
    before.push(state.route.filters.cursor);
    turn(state.list.nextCursor);
  });
  const node = el("nav", { class: "pager", "aria-label": "Pages" }, told, newer, older);
  const update = (list, { cursor }) => {
    if (!cursor) before.length = 0;
    show(node, list.clones.length > 0 || Boolean(cursor));
    show(newer, Boolean(cursor));
    show(older, list.nextCursor !== null);
    text(told, `${counted(list.clones.length, "clone")} on this page, newest first`);
  };
  return { node, update };
}
