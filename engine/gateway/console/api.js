/* Calls of the gateway's HTTP API, under the operator's token. */

const KEPT_AS = "funnel-clone.operator-token";

/*
 * An answer that says no. `detail` is a sentence for people; `forceHelps`: the same call with force would be obeyed;
 * `edited`: pages that it would overwrite, parts that it would remove.
 */
export class Problem extends Error {
  constructor(status, detail, { force_helps, edited } = {}) {
    super(detail);
    this.status = status;
    this.detail = detail;
    this.forceHelps = force_helps === true;
    this.edited = Array.isArray(edited) ? edited : [];
  }
}

let onRefused = () => {};

/* Called when the gateway no longer takes the token. */
export function whenRefused(listener) {
  onRefused = listener;
}

/* For the tab's life only: a shared machine shall not keep it. */
export function keptToken() {
  return sessionStorage.getItem(KEPT_AS);
}

export function keepToken(token) {
  if (token === null) sessionStorage.removeItem(KEPT_AS);
  else sessionStorage.setItem(KEPT_AS, token);
}

export const fetchSession = (token) => call("GET", "/api/session", { token });
export const fetchClone = (id) => call("GET", `/api/clones/${encodeURIComponent(id)}`);
export const startPass = () => call("POST", "/api/trigger/funnels/funnelClone");

export function fetchClones(filters, limit) {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  return call("GET", `/api/clones?${query}`);
}

export function requestClone(funnelId, body, idempotencyKey) {
  const headers = { "Idempotency-Key": idempotencyKey };
  return call("POST", `/api/funnels/${encodeURIComponent(funnelId)}/clone`, { body, headers });
}

/* `what`: cancel, retry or undo. */
export function order(what, id, body) {
  return call("POST", `/api/clones/${encodeURIComponent(id)}/${what}`, { body });
}

async function call(method, path, { token = keptToken(), body, headers = {} } = {}) {
  const answer = await send(method, path, token, body, headers);
  const document = await answer.json().catch(() => null);
  if (answer.ok && document !== null) return document;
  if (answer.status === 401 && token === keptToken()) onRefused();
  const detail = typeof document?.detail === "string" ? document.detail : document?.title;
  throw new Problem(answer.status, detail || `The gateway answered ${answer.status}.`, document ?? {});
}

async function send(method, path, token, body, headers) {
  const all = { Accept: "application/json", Authorization: `Bearer ${token}`, ...headers };
  if (body !== undefined) all["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    throw new Problem(0, "The gateway cannot be reached.");
  }
}
