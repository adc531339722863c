/* What an operator can have done, each with the question that comes first and says what will happen. */

import { order, requestClone, startPass } from "/static/api.js";
import { ask } from "/static/dialogs.js";
import { load } from "/static/loading.js";
import { toast } from "/static/notices.js";
import { go, listHash } from "/static/route.js";
import { state } from "/static/state.js";
import { counted, nameOf, toldState } from "/static/words.js";

const IN_HAND = ["waiting", "cloning"];

export const ACTIONS = {
  retry: { label: "Retry", icon: "retry", run: retry },
  cancel: { label: "Cancel", icon: "stop", run: cancel },
  undo: { label: "Undo", icon: "undo", run: undo },
};

/* Names of what can be done to a clone as it stands; the gateway has the last word. */
export function actionsFor(clone, session) {
  const told = toldState(clone);
  if (IN_HAND.includes(told)) return ["cancel"];
  // Where whoever undid it has died, another yes goes on with it.
  if (told === "undoing") return session?.undo ? ["undo"] : [];
  if (told === "undone") return [];
  const names = told === "completed" ? [] : ["retry"];
  return session?.undo ? [...names, "undo"] : names;
}

export async function request() {
  // One key for as long as the dialog is open: pressed twice, or after a lost answer, it is one clone.
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const made = await ask({
    title: "Request a clone",
    body: ["The next pass makes a new funnel with every page, image and form of the original. The original stays as it is."],
    confirm: "Request clone",
    fields: [
      { name: "funnel", label: "Funnel to clone", hint: "The original's id.", required: true },
      { name: "name", label: "Name", hint: "Left empty: the original's name with “(Clone)” behind it." },
      { name: "account_id", label: "Account", hint: "Left empty: the original's account." },
    ],
    act: ({ funnel, name, account_id }) =>
      requestClone(funnel, { ...(name && { name }), ...(account_id && { account_id }) }, key),
  });
  if (made === null) return;
  state.touched.add(made.funnel_id);
  toast("Clone requested. The next pass takes it up.", { tone: "good", funnelId: made.funnel_id });
  await load();
}

export async function trigger() {
  const started = await ask({
    title: "Run a pass now",
    body: [
      "A pass takes up what waits: the oldest requests first, accounts in turns. The schedule goes on as before.",
      "While a pass runs, a second one is refused.",
    ],
    confirm: "Run a pass",
    act: startPass,
  });
  if (started) toast("A pass was started.", { tone: "good" });
}

async function retry(clone) {
  const withErrors = toldState(clone) === "with_errors";
  const done = await ask({
    title: `Retry ${nameOf(clone)}?`,
    body: withErrors
      ? [`${counted(clone.errors.length, "part")} could not be cloned. The next pass tries these again; all else stays as it is.`]
      : ["The next pass goes on where this clone stopped. Pages that are done stay done."],
    confirm: "Retry",
    forced: "Retry and overwrite",
    act: (_, force) => order("retry", clone.funnel_id, { force }),
  });
  if (!done) return;
  state.touched.add(clone.funnel_id);
  toast(`${nameOf(clone)} is asked for again.`, { tone: "good" });
  await load();
}

async function cancel(clone) {
  const done = await ask({
    title: `Cancel ${nameOf(clone)}?`,
    body: [
      "Whoever works on it lets go within seconds, and the account's users are told. What was made stays: retry goes on from there.",
    ],
    confirm: "Cancel clone",
    danger: true,
    act: () => order("cancel", clone.funnel_id, {}),
  });
  if (!done) return;
  state.touched.delete(clone.funnel_id);
  toast(`${nameOf(clone)} is cancelled.`);
  await load();
}

async function undo(clone) {
  const begun = toldState(clone) === "undoing";
  const done = await ask({
    title: begun ? `Go on to undo ${nameOf(clone)}?` : `Undo ${nameOf(clone)}?`,
    body: [
      ...(begun ? ["Somebody began to undo this clone. If that was broken off, this goes on with what is left."] : []),
      `Removes all that the clone made, and nothing else: ${counted(clone.steps_total, "page")}, ${counted(clone.images_total, "image")}, its forms. The original stays as it is.`,
      "This cannot be taken back.",
    ],
    confirm: "Undo clone",
    danger: true,
    forced: "Undo all the same",
    act: (_, force) => order("undo", clone.funnel_id, { force }),
  });
  if (!done) return;
  state.touched.delete(clone.funnel_id);
  const last = done.state === "undoing" ? "is being undone: what it made is being removed" : "is undone: what it made is removed";
  toast(`${nameOf(clone)} ${last}.`);
  go(listHash({}));
  await load();
}
