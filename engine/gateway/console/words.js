/* How states, times, sizes and counts read. */

export const STATES = ["waiting", "cloning", "completed", "failed", "cancelled", "source_deleted", "undoing"];

const LABELS = {
  waiting: "Waiting",
  cloning: "Cloning",
  completed: "Completed",
  with_errors: "Completed with errors",
  failed: "Failed",
  cancelled: "Cancelled",
  source_deleted: "Original deleted",
  undoing: "Being undone",
  undone: "Undone",
};

/* The state for people: a clone of which a part could not be cloned is not simply completed. */
export function toldState(clone) {
  if (clone.state === "asked") return "waiting";
  return clone.state === "completed" && clone.errors.length > 0 ? "with_errors" : clone.state;
}

/* Why it ended, or what could not be cloned; that it was cancelled its state says already. */
export function errorsOf(clone) {
  return clone.state === "cancelled" ? clone.errors.filter((error) => !["cancelled", "undone"].includes(error)) : clone.errors;
}

export function stateLabel(state) {
  return LABELS[state] ?? state;
}

export function nameOf(clone) {
  return clone.name || "Unnamed clone";
}

const NUMBERS = new Intl.NumberFormat("en");

export function number(value) {
  return NUMBERS.format(value);
}

export function counted(count, singular, plural = `${singular}s`) {
  return `${number(count)} ${count === 1 ? singular : plural}`;
}

export function bytes(count) {
  if (count === null || count === undefined) return "";
  if (count < 1000) return `${count} B`;
  const [unit, size] = count < 1e6 ? ["kB", 1e3] : count < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(count / size).toFixed(count / size < 10 ? 1 : 0)} ${unit}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${Number(seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return counted(Math.floor(whole / 86400), "day");
}

const LONG = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export function moment(iso) {
  return iso ? LONG.format(new Date(iso)) : "";
}

export function ago(iso, now = Date.now()) {
  if (!iso) return "";
  const seconds = (now - Date.parse(iso)) / 1000;
  if (seconds < -5) return `in ${duration(-seconds)}`;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 7 * 86400) return `${counted(Math.floor(seconds / 86400), "day")} ago`;
  return DAY.format(new Date(iso));
}

/* "3 of 8 steps, 12 of 40 images"; an ended clone that lacks nothing needs no "of". */
export function progressLine(clone) {
  const part = (done, total, word) =>
    done === total ? counted(total, word) : `${number(done)} of ${counted(total, word)}`;
  if (clone.steps_total === 0) return clone.state === "cloning" ? "Being laid out" : "Not begun";
  return `${part(clone.steps_done, clone.steps_total, "step")}, ${part(clone.images_done, clone.images_total, "image")}`;
}
