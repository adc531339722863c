/* Sections of a clone's page that list what it is made of: steps, images, forms. */

import { attribute, el, icon, keyed, show, text } from "/static/dom.js";
import { section } from "/static/sections.js";
import { bytes, counted, moment, number } from "/static/words.js";

const STEP_STATES = { done: ["completed", "Done"], cloning: ["cloning", "Cloning"], pending: ["waiting", "Waiting"] };

/* `total` may be more than the gateway lists. */
function note(listed, total, word) {
  return total > listed ? `first ${number(listed)} of ${counted(total, word)}` : counted(listed, word);
}

export function stepsSection() {
  const list = el("ol", { class: "steps" });
  const none = el("p", { class: "quiet-text" });
  const part = section("Steps", none, list);
  const update = (clone) => {
    text(part.note, clone.steps.length ? note(clone.steps.length, clone.steps_total, "step") : "");
    show(none, clone.steps.length === 0);
    text(none, clone.state === "completed" ? "The original has none." : "Not laid out yet.");
    keyed(list, clone.steps, (step) => step.step_id, makeStep, (row, step) => row.update(step));
  };
  return { node: part.node, update };
}

function makeStep() {
  const label = el("span");
  const mark = el("span", { class: "chip small" }, el("span", { class: "dot" }), label);
  const name = el("span", { class: "step-name" });
  const id = el("code");
  const errors = el("ul", { class: "step-errors" });
  const node = el("li", {}, mark, el("div", {}, name, el("p", { class: "under" }, id), errors));
  const update = (step) => {
    const [state, told] = STEP_STATES[step.state] ?? [step.state, step.state];
    const withErrors = state === "completed" && step.errors.length > 0;
    attribute(mark, "data-state", withErrors ? "with_errors" : state);
    text(label, withErrors ? "Done with errors" : told);
    text(name, step.name || "Unnamed page");
    text(id, step.step_id);
    attribute(node, "title", step.version ? `Version of ${moment(step.version)}` : null);
    keyed(errors, step.errors, (error) => error, (error) => ({ node: el("li", {}, error) }), () => {});
  };
  return { node, update };
}

export function imagesSection() {
  const list = el("ul", { class: "images" });
  const part = section("Images", list);
  const update = (clone) => {
    show(part.node, clone.images.length > 0);
    text(part.note, note(clone.images.length, clone.images_total, "image"));
    keyed(list, clone.images, (image) => image.record_id, makeImage, (card, image) => card.update(image));
  };
  return { node: part.node, update };
}

/* A picture that the browser may not have, or cannot read, leaves the placeholder. */
function makeImage() {
  const frame = el("div", { class: "thumbnail" }, icon("picture"));
  const name = el("span", { class: "image-name" });
  const size = el("span", { class: "under" });
  const node = el("li", {}, frame, el("div", {}, name, size));
  let shown = null;
  const update = (image) => {
    const address = image.uploaded && /^https?:\/\//.test(image.location ?? "") ? image.location : null;
    attribute(node, "data-uploaded", String(image.uploaded));
    attribute(name, "title", image.key || null);
    text(name, image.file_name || image.key || image.record_id);
    text(size, image.uploaded ? bytes(image.bytes) : "Not copied yet");
    if (address === shown) return;
    shown = address;
    frame.querySelector("img")?.remove();
    if (address) frame.append(thumbnail(address));
  };
  return { node, update };
}

function thumbnail(address) {
  const picture = el("img", { alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
  picture.addEventListener("error", () => picture.remove());
  picture.src = address;
  return picture;
}

export function formsSection() {
  const list = el("ul", { class: "forms" });
  const part = section("Forms", list);
  const update = (clone) => {
    show(part.node, clone.forms.length > 0);
    text(part.note, counted(clone.forms.length, "form"));
    keyed(list, clone.forms, (form) => form.form_id, makeForm, () => {});
  };
  return { node: part.node, update };
}

function makeForm(form) {
  return { node: el("li", {}, el("span", {}, form.name || "Unnamed form"), el("code", {}, form.form_id)) };
}
