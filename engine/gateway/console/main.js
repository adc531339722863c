/* Brings the parts together: token, view by address, connection, drawing. */

import { fetchSession, keepToken, keptToken, whenRefused } from "/static/api.js";
import { makeBar } from "/static/bar.js";
import { makeClonePage } from "/static/clone.js";
import { hearEvent, tellMissed } from "/static/events.js";
import { listenToKeys } from "/static/keyboard.js";
import { makeList } from "/static/list.js";
import { load } from "/static/loading.js";
import { ageTimes } from "/static/marks.js";
import { drawBanner } from "/static/notices.js";
import { currentRoute, go, listHash } from "/static/route.js";
import { makeSignIn } from "/static/sign_in.js";
import { connectEvents } from "/static/socket.js";
import { changed, signOutState, state, subscribe } from "/static/state.js";

const AGING_MS = 10_000;
const BANNER_MS = 900;
const CATCHING_UP_MS = 10_000;

const content = document.getElementById("content");
let list = null;
let view = null;
let connection = null;
let lastList = "#/clones";
let caughtUp = () => {};

const bar = makeBar(() => signOut());

subscribe((now) => {
  bar.update(now);
  drawBanner(now.session ? now.connection : "", () => connection?.retryNow());
  view?.update(now);
});

function showView(next, focus) {
  if (view === next) return;
  view = next;
  content.replaceChildren(next.node);
  focus?.focus({ preventScroll: true });
}

function route() {
  if (state.session === null) return;
  const before = state.route;
  state.route = currentRoute();
  document.querySelector("dialog[open]")?.close();
  if (state.route.view === "clone") {
    if (before.view !== "clone" || before.id !== state.route.id || view === null || view === list) openClone(state.route.id);
  } else {
    lastList = listHash(state.route.filters);
    list ??= makeList();
    showView(list, before.view === "clone" ? list.node.querySelector("[tabindex='0']") : null);
  }
  changed();
  load();
}

function openClone(id) {
  const page = makeClonePage(id, () => lastList);
  // What the list knows stands there at once.
  showView(page, page.title);
  scrollTo({ top: 0 });
}

function enter(session) {
  state.session = session;
  connection = connectEvents(keptToken(), {
    event: hearEvent,
    connected,
    caughtUp: () => caughtUp(),
    lost: () => into("lost"),
    refused: async (again) => {
      into("lost");
      // A token that the gateway refuses ends in whenRefused; anything else is worth another try.
      await fetchSession().catch(() => null);
      if (state.session !== null) again();
    },
  });
  list = null;
  view = null;
  route();
}

async function connected(again) {
  if (!again) return into("live");
  into("catching_up");
  const told = new Promise((resolve) => {
    caughtUp = resolve;
    setTimeout(resolve, CATCHING_UP_MS);
  });
  await Promise.all([told, load(), tellMissed(), passed(BANNER_MS)]);
  if (state.connection === "catching_up") into("live");
}

function passed(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function into(kind) {
  state.connection = kind;
  changed();
}

function signOut(why = "") {
  connection?.end();
  connection = null;
  keepToken(null);
  signOutState();
  askForToken(why);
}

function askForToken(why) {
  document.title = "Sign in · funnel-clone";
  const page = makeSignIn(enter, why);
  showView(page, page.token);
  changed();
}

async function begin() {
  const token = keptToken();
  if (token === null) return askForToken("");
  try {
    enter(await fetchSession(token));
  } catch (problem) {
    if (problem.status !== 401) askForToken(problem.detail);
  }
}

whenRefused(() => signOut("The gateway no longer takes the token."));
addEventListener("hashchange", route);
setInterval(ageTimes, AGING_MS);
listenToKeys({
  search: () => {
    if (state.session === null) return;
    if (state.route.view === "clone") go(lastList);
    // Once the list stands there.
    setTimeout(() => list?.search.focus());
  },
  leave: () => state.route.view === "clone" && state.session && go(lastList),
});
document.getElementById("skip").addEventListener("click", () => content.focus());
begin();
