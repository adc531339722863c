/* What the console knows; whoever draws hears of a change once a frame, however many events came. */

export const state = {
  /* {hooks, undo, version} of the gateway; null: signed out. */
  session: null,
  /* connecting, live, lost, catching_up */
  connection: "connecting",
  route: { view: "list", filters: { state: "", account: "", q: "", cursor: "" } },
  list: emptyList(),
  /* The clone that is looked at: its document, or why there is none. */
  clone: { id: null, document: null, problem: null },
  /* Ids of clones that somebody asked something for in this tab: their ends are told. */
  touched: new Set(),
};

export function emptyList() {
  return { clones: [], counts: null, nextCursor: null, loaded: false, problem: null };
}

const listeners = new Set();
let due = false;

export function subscribe(listener) {
  listeners.add(listener);
}

export function changed() {
  if (due) return;
  due = true;
  // A hidden tab gets no frames; its title and its toasts shall be right all the same.
  const soon = document.hidden ? (run) => setTimeout(run, 250) : requestAnimationFrame;
  soon(() => {
    due = false;
    for (const listener of listeners) listener(state);
  });
}

/* Every copy of a clone that is on screen: its line in the list, its own page. */
export function copiesOf(funnelId) {
  const found = state.list.clones.filter((clone) => clone.funnel_id === funnelId);
  if (state.clone.document?.funnel_id === funnelId) found.push(state.clone.document);
  return found;
}

export function signOutState() {
  state.session = null;
  state.connection = "connecting";
  state.list = emptyList();
  state.clone = { id: null, document: null, problem: null };
  state.touched.clear();
}
