/* Asks for the operator token; it is kept for this tab alone. */

import { fetchSession, keepToken } from "/static/api.js";
import { el, show, text } from "/static/dom.js";

/* `enter(session)` once the gateway has taken the token. */
export function makeSignIn(enter, why = "") {
  const token = el("input", {
    id: "token",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    "aria-describedby": "token-hint",
  });
  const problem = el("p", { class: "problem", role: "alert" }, why);
  const button = el("button", { type: "submit", class: "primary" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    const given = token.value.trim();
    if (given === "") return token.focus();
    button.disabled = true;
    try {
      const session = await fetchSession(given);
      keepToken(given);
      enter(session);
    } catch (reason) {
      text(problem, reason.status === 401 ? "The gateway does not know this token." : reason.detail);
      show(problem, true);
      token.select();
    } finally {
      button.disabled = false;
    }
  };
  const form = el(
    "form",
    { on: { submit } },
    el("img", { src: "/static/icon.svg", alt: "", width: 40, height: 40 }),
    el("h1", {}, "Sign in"),
    el("p", { class: "quiet-text" }, "The console shows the clones of every account."),
    el("div", { class: "field" }, el("label", { for: "token" }, "Operator token"), token, el("p", { class: "hint", id: "token-hint" }, "gateway.operator_token of the configuration. Kept until this tab is closed.")),
    problem,
    button,
  );
  show(problem, why !== "");
  return { node: el("section", { class: "sign-in card" }, form), token, update: () => {} };
}
