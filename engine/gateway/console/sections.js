/* Sections of a clone's page that tell about the whole: progress, errors, facts, timings, proof. */

import { adviceFor, kindLabel } from "/static/advice.js";
import { attribute, el, icon, keyed, show, text } from "/static/dom.js";
import { aging, copyable, progressBar } from "/static/marks.js";
import { listHash } from "/static/route.js";
import { counted, duration, errorsOf, moment, number, toldState } from "/static/words.js";

/* `note` stands beside the heading. */
export function section(heading, ...content) {
  const note = el("span", { class: "note" });
  const node = el("section", { class: "card section" }, el("h2", {}, heading, " ", note), content);
  return { node, note };
}

export function progressSection() {
  const meters = [
    ["Steps", "steps_done", "steps_total"],
    ["Images", "images_done", "images_total"],
  ].map(([label, done, total]) => {
    const bar = progressBar();
    const figure = el("span", { class: "figure" });
    const row = el("div", { class: "meter" }, el("span", { class: "meter-label" }, label), figure, bar.node);
    const update = (clone) => {
      bar.update(label, clone, clone[done], clone[total]);
      text(figure, clone[total] ? `${number(clone[done])} / ${number(clone[total])}` : "none");
    };
    return { row, update };
  });
  const why = el("p", { class: "reason" });
  const { node } = section("Progress", el("div", { class: "meters" }, meters.map((meter) => meter.row)), why);
  const update = (clone) => {
    for (const meter of meters) meter.update(clone);
    const sentence = whyNow(clone);
    show(why, sentence !== "");
    text(why, sentence);
  };
  return { node, update };
}

function whyNow(clone) {
  const told = toldState(clone);
  if (told === "waiting" && !clone.next_try_at) return "Asked for: the next pass takes it up.";
  if (told === "waiting") return `Waits for its next try at ${moment(clone.next_try_at)}${clone.reason ? `: ${clone.reason}` : "."}`;
  if (told === "cancelled" && clone.errors.includes("undone")) return "What it made was removed, and the funnel kept. Retry clones it anew.";
  if (told === "cancelled") return "What was made until then stays. Retry goes on from there.";
  if (told === "undoing") return "What it made is being removed. Nobody else can work on it.";
  return "";
}

export function errorsSection() {
  const list = el("ul", { class: "errors" });
  const { node, note } = section("What could not be cloned", list);
  node.classList.add("bad");
  const update = (clone) => {
    const items = itemsOf(clone);
    show(node, items.length > 0);
    text(note, counted(items.length, "item"));
    keyed(list, distinct(items), ({ key }) => key, ({ item }) => ({ node: errorLine(item) }), () => {});
  };
  return { node, update };
}

function itemsOf(clone) {
  const errors = errorsOf(clone);
  if (clone.errors_by_item.length === 0) return errors.map((detail) => ({ kind: "clone", item: "", detail }));
  return clone.errors_by_item.filter((item) => clone.state !== "cancelled" || errors.includes(item.detail) || item.kind);
}

/* Two equal errors are one line. */
function distinct(items) {
  const byKey = new Map(items.map((item) => [`${item.kind}\0${item.item}\0${item.detail}`, item]));
  return [...byKey].map(([key, item]) => ({ key, item }));
}

function errorLine({ kind, item, detail }) {
  return el(
    "li",
    {},
    icon("warning"),
    el(
      "div",
      {},
      el("p", { class: "error-what" }, el("strong", {}, kindLabel(kind)), item ? [" ", el("code", {}, item)] : null),
      el("p", {}, detail),
      el("p", { class: "advice" }, adviceFor(kind)),
    ),
  );
}

export function factsSection() {
  const facts = el("dl", { class: "facts" });
  const { node } = section("Facts", facts);
  const update = (clone) => drawFacts(facts, factsOf(clone));
  return { node, update };
}

function factsOf(clone) {
  const account = () => el("a", { href: listHash({ account: clone.account_id }) }, clone.account_id);
  return [
    ["Original", clone.original_funnel_id, () => copyable(clone.original_funnel_id, "the original's id")],
    ["Account", clone.account_id, account],
    ["Run", clone.run, null],
    ["Attempt", clone.attempts || null, null],
    ["Next try", clone.next_try_at, null, moment],
  ];
}

export function timingsSection() {
  const facts = el("dl", { class: "facts" });
  const changedAt = aging();
  const { node } = section("Timings", facts);
  const update = (clone) => {
    changedAt.update(clone.updated_at);
    drawFacts(facts, [
      ["Started", clone.started_at, null, moment],
      ["Finished", clone.finished_at, null, moment],
      ["Waited", clone.timings?.waited_s ?? null, null, duration],
      ["Cloned in", clone.timings?.cloned_s ?? null, null, duration],
      ["Changed", clone.updated_at ? "shown" : null, () => changedAt.node],
    ]);
  };
  return { node, update };
}

export function proofSection() {
  const facts = el("dl", { class: "facts" });
  const told = el("p", { class: "quiet-text" });
  const { node, note } = section("Proof", told, facts);
  const update = (clone) => {
    const proof = typeof clone.proof === "string" ? { digest: clone.proof } : clone.proof;
    text(note, proof ? "kept" : "");
    attribute(node, "data-proved", proof ? true : null);
    text(told, proofTold(clone, proof));
    drawFacts(facts, Object.entries(proof ?? {}).map(([name, value]) => [label(name), plain(value), longValue(name, value)]));
  };
  return { node, update };
}

function proofTold(clone, proof) {
  if (proof) return "Hashes of what was read and written, kept with the clone: funnel-clone verify proves it against its original.";
  if (clone.state === "completed") return "None is kept: it was cloned before proofs were. funnel-clone verify compares it with its original.";
  return "Kept once the clone is completed.";
}

function longValue(name, value) {
  return typeof value === "string" && value.length > 24 ? () => copyable(value, `the ${label(name).toLowerCase()}`) : null;
}

function label(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function plain(value) {
  return value === null || typeof value !== "object" ? value : JSON.stringify(value);
}

/* [label, value, how it is drawn if not as text, how the value reads]; without a value there is no line. */
function drawFacts(list, facts) {
  keyed(
    list,
    facts.filter(([, value]) => value !== null && value !== undefined && value !== ""),
    ([name, value, draw]) => (draw ? `${name} ${value}` : name),
    ([name, , draw]) => {
      const shown = el("dd", {}, draw ? draw() : "");
      return { node: el("div", {}, el("dt", {}, name), shown), shown };
    },
    ({ shown }, [, value, draw, reads = String]) => draw || text(shown, reads(value)),
  );
}
