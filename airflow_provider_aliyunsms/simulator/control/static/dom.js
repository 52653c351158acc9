// SPDX-License-Identifier: Apache-2.0
// Make elements. Whatever comes from a message becomes a text node, never HTML.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Puts nodes in place of what is there, and leaves those alone that are there already: a focus would be lost.
export function arrange(parent, nodes) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, position) => {
    if (parent.childNodes[position] !== node) parent.insertBefore(node, parent.childNodes[position] ?? null);
  });
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

// Returns the text in pieces, with a mark around each place where the wanted text stands.
export function marked(text, wanted) {
  const needle = wanted.trim().toLowerCase();
  const lower = text.toLowerCase();
  // Some letters change their length in lower case; then the places would be wrong.
  if (!needle || lower.length !== text.length) return [text];
  const pieces = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    pieces.push(text.slice(from, at), el("mark", {}, text.slice(at, at + needle.length)));
    from = at + needle.length;
  }
  return [...pieces, text.slice(from)];
}

export function button(label, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, label);
}

export function field(label, input, hint) {
  return el("label", { class: "field" }, el("span", {}, label), input, hint ? el("small", {}, hint) : null);
}
