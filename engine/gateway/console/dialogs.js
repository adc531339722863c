/* A question before something is done. The browser's own dialog keeps the focus inside, and Esc closes it. */

import { el, show, text } from "/static/dom.js";

/*
 * `act(values, force)` does it; a Problem that it throws is shown and the dialog stays. `forced`: what the button says
 * where force would help. Resolves to what `act` returned, or null where somebody thought better of it.
 */
export function ask({ title, body, confirm, danger = false, fields = [], forced = null, act }) {
  const inputs = fields.map(field);
  const problem = el("div", { class: "problem", role: "alert", hidden: true });
  const cancel = el("button", { type: "button", class: "quiet" }, "Not now");
  const agree = el("button", { type: "submit", class: danger ? "danger" : "primary" }, confirm);
  const form = el(
    "form",
    { method: "dialog", novalidate: true },
    el("h2", { id: "dialog-title" }, title),
    el("div", { class: "dialog-body", id: "dialog-body" }, body.map((line) => el("p", {}, line))),
    inputs.map((input) => input.node),
    problem,
    el("div", { class: "dialog-buttons" }, cancel, agree),
  );
  const dialog = el("dialog", { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-body" }, form);
  let result = null;
  let force = false;

  const complain = (reason) => {
    problem.replaceChildren(...sentences(reason));
    show(problem, true);
    force = Boolean(forced) && reason.forceHelps === true;
    if (!force) return;
    text(agree, forced);
    agree.className = "danger";
  };
  const submit = async (event) => {
    event.preventDefault();
    if (agree.disabled || inputs.filter((input) => !input.valid()).length > 0) return;
    agree.disabled = true;
    dialog.setAttribute("aria-busy", "true");
    try {
      result = await act(Object.fromEntries(inputs.map((input) => [input.name, input.value()])), force);
      dialog.close();
    } catch (reason) {
      complain(reason);
    } finally {
      agree.disabled = false;
      dialog.removeAttribute("aria-busy");
    }
  };

  return new Promise((resolve) => {
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    form.addEventListener("submit", submit);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0]?.input ?? (danger ? cancel : agree)).focus();
  });
}

function sentences(reason) {
  const pages = (reason.edited ?? []).map(({ name, step_id, id, reason: why }) => el("li", {}, el("strong", {}, name || step_id || id), `: ${why}`));
  return [el("p", {}, reason.detail ?? String(reason)), ...(pages.length ? [el("ul", {}, pages)] : [])];
}

function field({ name, label, hint, value = "", required = false }) {
  const id = `field-${name}`;
  const told = el("p", { class: "hint", id: `${id}-hint` }, hint);
  const input = el("input", { id, name, value, required, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-hint` });
  const valid = () => {
    const good = !required || input.value.trim() !== "";
    input.setAttribute("aria-invalid", String(!good));
    if (!good) input.focus();
    return good;
  };
  const node = el("div", { class: "field" }, el("label", { for: id }, label, required ? "" : el("span", {}, "optional")), input, told);
  return { name, node, input, valid, value: () => input.value.trim() };
}

const KEYS = [
  ["/", "Search"],
  ["↑ ↓", "From clone to clone"],
  ["Enter", "Open the clone"],
  ["→ ←", "To its button and back"],
  ["Esc", "Close, or back to the list"],
  ["?", "This list"],
];

export function showKeys() {
  const close = el("button", { type: "submit", class: "primary" }, "Close");
  const rows = KEYS.map(([key, does]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, does)]);
  const form = el("form", { method: "dialog" }, el("h2", { id: "keys-title" }, "Keys"), el("dl", { class: "keys" }, rows), el("div", { class: "dialog-buttons" }, close));
  const dialog = el("dialog", { "aria-labelledby": "keys-title", class: "narrow" }, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
