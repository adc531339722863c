/* The connection on which events come: kept up, taken up again where it broke, each event handed on once. */

const REMEMBERED = 2000;

/*
 * `hear`: {event(name, payload), connected(again), caughtUp(), lost(), refused(again)}. Returns a function that ends the connection.
 * Events are delivered at least once; `event_id` tells a repeat.
 */
export function connectEvents(token, hear) {
  const seen = new Set();
  let lastSeen = null;
  let before = false;
  const socket = globalThis.io("/operator", {
    auth: (give) => give(lastSeen === null ? { token } : { token, since: lastSeen }),
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });

  socket.on("connect", () => {
    hear.connected(before);
    before = true;
  });
  socket.on("caught_up", () => hear.caughtUp());
  socket.on("disconnect", (reason) => {
    if (reason === "io client disconnect") return;
    hear.lost();
    // A gateway that hangs up by itself is not tried again by the library.
    if (!socket.active) setTimeout(() => socket.connect(), 1000);
  });
  socket.on("connect_error", () => {
    if (socket.active) return hear.lost();
    // Refused: of the token, its own check tells. What else may be refused is the place to go on from; the view is read
    // again all the same.
    lastSeen = null;
    hear.refused(() => setTimeout(() => socket.connect(), 2000));
  });
  socket.onAny((name, payload) => {
    if (payload?.event_id !== undefined) {
      if (seen.has(payload.event_id)) return;
      seen.add(payload.event_id);
      if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
      lastSeen = payload.event_id;
    }
    hear.event(name, payload ?? {});
  });
  return {
    retryNow: () => {
      socket.disconnect();
      socket.connect();
    },
    end: () => socket.disconnect(),
  };
}
