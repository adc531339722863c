/* What an event changes on screen at once; what it does not say is read again soon after. */

import { fetchClone } from "/static/api.js";
import { loadSoon } from "/static/loading.js";
import { announce, toast } from "/static/notices.js";
import { changed, copiesOf, state } from "/static/state.js";
import { counted, nameOf, stateLabel, toldState } from "/static/words.js";

const REASONS = { cancelled: "cancelled", original_funnel_deleted: "source_deleted" };

const TONES = { completed: "good", with_errors: "warning", failed: "bad", source_deleted: "bad", cancelled: "plain" };

const HEARD = {
  funnel_cloning_progress: onProgress,
  funnel_cloning_completed: onCompleted,
  funnel_cloning_failed: onFailed,
  clone_changed: onChanged,
};

export function hearEvent(name, payload) {
  HEARD[name]?.(payload);
  changed();
}

function onProgress(payload) {
  const { steps_done, steps_total, images_done, images_total } = payload;
  for (const clone of copiesOf(payload.funnel_id)) {
    Object.assign(clone, { steps_done, steps_total, images_done, images_total, updated_at: new Date().toISOString() });
    if (clone.state !== "cloning") enter(clone, "cloning");
  }
  // The page of a clone shows which of its steps are done: the event has their number alone.
  if (state.route.view === "clone" && state.route.id === payload.funnel_id) loadSoon();
}

function onCompleted(payload) {
  for (const clone of copiesOf(payload.funnel_id)) {
    enter(clone, "completed");
    clone.steps_done = clone.steps_total;
    if (!payload.errors) {
      clone.images_done = clone.images_total;
      clone.errors = [];
    }
  }
  const errors = payload.errors ? `, ${counted(payload.errors, "part")} could not be cloned` : "";
  tell(payload.funnel_id, `completed${errors}`, payload.errors ? "warning" : "good");
  loadSoon();
}

function onFailed(payload) {
  const into = REASONS[payload.reason] ?? "failed";
  for (const clone of copiesOf(payload.funnel_id)) enter(clone, into);
  const why = into === "failed" ? `failed: ${payload.reason}` : stateLabel(into).toLowerCase();
  tell(payload.funnel_id, why, into === "cancelled" ? "plain" : "bad");
  loadSoon();
}

function onChanged(payload) {
  for (const clone of copiesOf(payload.funnel_id)) enter(clone, payload.state);
  loadSoon();
}

function enter(clone, into) {
  clone.state = into;
  clone.updated_at = new Date().toISOString();
}

/* After a lost line: how what this tab asked for has ended meanwhile, whether its event comes again or not. */
export async function tellMissed() {
  for (const id of [...state.touched]) {
    const clone = await fetchClone(id).catch(() => null);
    const told = clone && toldState(clone);
    if (!(told in TONES) || !state.touched.delete(id)) continue;
    toast(`${nameOf(clone)}: ${stateLabel(told).toLowerCase()}.`, { tone: TONES[told], funnelId: id });
  }
}

/* Ends of what this tab asked for, as a toast; of the others on screen, read out alone. */
function tell(funnelId, what, tone) {
  const [clone] = copiesOf(funnelId);
  const name = clone ? nameOf(clone) : `Clone ${funnelId}`;
  if (state.touched.has(funnelId)) {
    state.touched.delete(funnelId);
    toast(`${name}: ${what}.`, { tone, funnelId });
  } else if (clone) {
    announce(`${name}: ${stateLabel(toldState(clone))}.`);
  }
}
