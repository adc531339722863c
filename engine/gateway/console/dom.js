/* Elements made and kept in step with what they show. Text is only ever text: nothing here reads HTML. */

const SVG = "http://www.w3.org/2000/svg";

/* `on`: event name -> listener; other attributes as in HTML, where true stands for a bare one and null for none. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else {
      attribute(node, name, value);
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value === true ? "" : value)) node.setAttribute(name, value === true ? "" : value);
}

/* Only where it differs: a text set anew would be read out anew and lose the reader's selection. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function show(node, shown) {
  node.hidden = !shown;
}

/* Children of `parent` become one node an item, in the items' order; a node lives as long as its item's key. */
export function keyed(parent, items, keyOf, make, update) {
  const standing = (parent.keyedNodes ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, entry] of standing) {
    if (!wanted.has(key)) {
      entry.node.remove();
      standing.delete(key);
    }
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let entry = standing.get(key);
    if (!entry) standing.set(key, (entry = make(item)));
    if (entry.node === place) place = place.nextElementSibling;
    else parent.insertBefore(entry.node, place);
    update(entry, item);
  }
}

const ICONS = {
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 14 14",
  plus: "M8 3v10M3 8h10",
  play: "M5 3.2v9.6l7.6-4.8z",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  stop: "M4 4h8v8H4z",
  undo: "M3.2 6.5h6.3a3.5 3.5 0 0 1 0 7H6M6 3.5l-3 3 3 3",
  back: "M9.5 3.5 5 8l4.5 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5V3h7.5v7.5h-2.5M3 5.5h7.5V13H3z",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.3",
  picture: "M2.5 3.5h11v9h-11zM2.5 10.5l3-3 3 3 2-2 3 3",
  out: "M6 2.5H3v11h3M10 5l3 3-3 3M13 8H6.5",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
