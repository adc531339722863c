// Connects as it is told on the command line, and prints a line of JSON for all that happens.
// A line on its standard input: "close" disconnects, "open" connects again with the event seen last.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { module: place, url, auth, options } = JSON.parse(process.argv[2]);
const { io } = createRequire(place)("socket.io-client");
const tell = (happened) => process.stdout.write(`${JSON.stringify(happened)}\n`);

let since = auth.since;
const socket = io(url, { reconnectionDelay: 50, reconnectionDelayMax: 200, auth: (send) => send({ ...auth, since }), ...options });
socket.on("connect", () => tell({ happened: "connect" }));
socket.on("connect_error", (error) => tell({ happened: "connect_error", message: error.message }));
socket.on("disconnect", (reason) => tell({ happened: "disconnect", reason }));
socket.onAny((event, ...payloads) => {
  if (auth.follow && payloads[0].event_id) since = payloads[0].event_id;
  tell({ happened: "event", event, payloads });
});
createInterface({ input: process.stdin }).on("line", (line) => (line === "close" ? socket.disconnect() : socket.connect()));
process.stdin.on("end", () => process.exit(0));
