/* The page of one clone: what it is, how far it is, what went wrong, and all that it made. */

import { ACTIONS, actionsFor } from "/static/actions.js";
import { attribute, el, icon, keyed, show, text } from "/static/dom.js";
import { load } from "/static/loading.js";
import { chip, copyable } from "/static/marks.js";
import { errorsSection, factsSection, progressSection, proofSection, timingsSection } from "/static/sections.js";
import { formsSection, imagesSection, stepsSection } from "/static/parts.js";
import { nameOf, toldState } from "/static/words.js";

export function makeClonePage(id, backHash) {
  const back = el("a", { class: "back" }, icon("back"), "Clones");
  const title = el("h1", { tabindex: -1 }, "…");
  const mark = chip();
  const buttons = el("div", { class: "title-actions" });
  const sections = [
    progressSection(),
    errorsSection(),
    stepsSection(),
    imagesSection(),
    formsSection(),
    factsSection(),
    timingsSection(),
    proofSection(),
  ];
  const [progress, errors, steps, images, forms, ...aside] = sections.map((section) => section.node);
  const body = el(
    "div",
    { class: "clone-body" },
    el("div", { class: "clone-main" }, progress, errors, steps, images, forms),
    el("div", { class: "clone-aside" }, aside),
  );
  const missing = el("div", { class: "card blank" });
  const node = el(
    "section",
    { class: "clone" },
    el("nav", { "aria-label": "Way back" }, back),
    el("div", { class: "title" }, el("div", {}, el("div", { class: "name-and-state" }, title, mark.node), copyable(id, "the clone's id")), buttons),
    body,
    missing,
  );
  let current = null;
  const update = ({ clone, session }) => {
    attribute(back, "href", backHash());
    const known = clone.id === id ? clone.document : null;
    const problem = clone.id === id ? clone.problem : null;
    show(body, known !== null);
    show(mark.node, known !== null);
    show(missing, known === null && problem !== null);
    const kinds = known === null && problem ? [problem.status === 404 ? "unknown" : "unread"] : [];
    keyed(missing, kinds, (kind) => kind, (kind) => ({ node: whyMissing(kind, problem) }), () => {});
    if (known === null) {
      text(title, problem ? "No clone" : "…");
      return;
    }
    current = known;
    text(title, nameOf(known));
    document.title = `${nameOf(known)} · funnel-clone`;
    mark.update(toldState(known));
    keyed(buttons, actionsFor(known, session), (action) => action, (action) => makeButton(action, () => current), () => {});
    for (const section of sections) section.update(known);
  };
  return { node, update, title };
}

function makeButton(action, cloneNow) {
  const { label, icon: picture, run } = ACTIONS[action];
  const tone = action === "retry" ? "primary" : "";
  return { node: el("button", { type: "button", class: tone, on: { click: () => run(cloneNow()) } }, icon(picture), label) };
}

function whyMissing(kind, problem) {
  const again = el("button", { type: "button", on: { click: load } }, "Try again");
  return kind === "unknown"
    ? el("div", {}, el("h2", {}, "No clone has this id"), el("p", {}, "It may have been undone, or the link is not whole."))
    : el("div", {}, el("h2", {}, "The clone could not be read"), el("p", {}, problem.detail), again);
}
