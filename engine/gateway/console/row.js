/* One clone's line in the list. */

import { ACTIONS, actionsFor } from "/static/actions.js";
import { attribute, el, icon, keyed, show, text } from "/static/dom.js";
import { aging, chip, progressBar } from "/static/marks.js";
import { cloneHash, go, listHash } from "/static/route.js";
import { state } from "/static/state.js";
import { ago, counted, errorsOf, nameOf, progressLine, toldState } from "/static/words.js";

export function makeRow() {
  let clone = null;
  const mark = chip();
  const name = el("a", { class: "name" });
  const account = el("button", { type: "button", class: "account", tabindex: -1, title: "Show this account alone" });
  const why = el("span");
  const reason = el("p", { class: "reason" }, icon("warning"), why);
  const bar = progressBar();
  const parts = el("span", { class: "parts" });
  const updated = aging();
  const buttons = el("div", { class: "row-actions" });
  account.addEventListener("click", () => {
    go(listHash({ ...state.route.filters, account: clone.account_id, cursor: "" }));
  });
  const node = el(
    "li",
    { class: "row" },
    el("div", { class: "cell state" }, mark.node),
    el("div", { class: "cell what" }, name, el("p", { class: "under" }, account), reason),
    el("div", { class: "cell work" }, bar.node, parts),
    el("div", { class: "cell when" }, updated.node),
    buttons,
  );
  const update = (given) => {
    clone = given;
    const told = toldState(clone);
    mark.update(told);
    text(name, nameOf(clone));
    attribute(name, "href", cloneHash(clone.funnel_id));
    text(account, clone.account_id ? `Account ${clone.account_id}` : "No account");
    attribute(account, "aria-label", `Account ${clone.account_id}: show it alone`);
    const sentence = reasonOf(clone, told);
    show(reason, sentence !== "");
    attribute(reason, "data-state", told);
    text(why, sentence);
    const atRest = told === "completed" || told === "with_errors";
    show(bar.node, !atRest && (clone.state === "cloning" || clone.steps_total > 0));
    bar.update(`Progress of ${nameOf(clone)}`, clone, clone.steps_done + clone.images_done, clone.steps_total + clone.images_total);
    text(parts, progressLine(clone));
    updated.update(clone.updated_at);
    keyed(buttons, actionsFor(clone, null).slice(0, 1), (action) => action, (action) => button(action, () => clone), labelled);
  };
  const labelled = (entry) => attribute(entry.node, "aria-label", `${entry.label} ${nameOf(clone)}`);
  return { node, name, update };
}

function button(action, cloneNow) {
  const { label, run } = ACTIONS[action];
  const node = el("button", { type: "button", class: "quiet small", tabindex: -1, on: { click: () => run(cloneNow()) } }, label);
  return { node, label };
}

/* The first error by its item, and how many more; of one that waits, why and until when. */
function reasonOf(clone, told) {
  if (told === "waiting" && clone.next_try_at) {
    return `Next try ${ago(clone.next_try_at)}${clone.reason ? `: ${clone.reason}` : ""}`;
  }
  const [first, ...more] = errorsOf(clone);
  if (first === undefined) return "";
  return more.length > 0 ? `${first}, and ${counted(more.length, "more error")}` : first;
}
