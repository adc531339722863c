/* What is looked at, as the address tells it: a view can be sent to somebody as a link. */

import { STATES } from "/static/words.js";

const FILTERS = ["state", "account", "q", "cursor"];

export function currentRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const clone = /^clones\/(.+)$/.exec(path);
  if (clone) return { view: "clone", id: decode(clone[1]) };
  const given = new URLSearchParams(query);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, given.get(name) ?? ""]));
  if (!STATES.includes(filters.state)) filters.state = "";
  return { view: "list", filters };
}

export function listHash(filters) {
  const query = new URLSearchParams();
  for (const name of FILTERS) if (filters[name]) query.set(name, filters[name]);
  return query.size ? `#/clones?${query}` : "#/clones";
}

export function cloneHash(id) {
  return `#/clones/${encodeURIComponent(id)}`;
}

/* `replace` where a step back should not pass by: each letter of a search is no place to return to. */
export function go(hash, { replace = false } = {}) {
  if (location.hash === hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
