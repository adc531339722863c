/* Reads what the view shows, and again when events say that it changed: at most once a second. */

import { fetchClone, fetchClones } from "/static/api.js";
import { changed, state } from "/static/state.js";

export const PAGE = 50;
const PAUSE_MS = 1000;

let asked = 0;
let timer = null;
let lastAt = 0;

/* An answer that a later question has overtaken is dropped. Never throws: a problem becomes part of the state. */
export async function load() {
  const ticket = ++asked;
  const current = () => ticket === asked && state.session !== null;
  lastAt = performance.now();
  await (state.route.view === "clone" ? loadClone(state.route.id, current) : loadList(state.route.filters, current));
  changed();
}

export function loadSoon() {
  if (timer !== null || state.session === null) return;
  const wait = Math.max(100, lastAt + PAUSE_MS - performance.now());
  timer = setTimeout(() => {
    timer = null;
    if (state.session !== null) load();
  }, wait);
}

async function loadList(filters, current) {
  try {
    const answer = await fetchClones(filters, PAGE);
    if (!current()) return;
    Object.assign(state.list, {
      clones: answer.clones,
      counts: answer.counts,
      nextCursor: answer.next_cursor,
      loaded: true,
      problem: null,
    });
  } catch (problem) {
    if (current()) Object.assign(state.list, { problem, loaded: true });
  }
}

async function loadClone(id, current) {
  try {
    const document = await fetchClone(id);
    if (current()) state.clone = { id, document, problem: null };
  } catch (problem) {
    if (!current()) return;
    // What is on screen stays there while the gateway is away.
    const kept = problem.status === 404 || state.clone.id !== id ? null : state.clone.document;
    state.clone = { id, document: kept, problem };
  }
}
