// SPDX-License-Identifier: Apache-2.0
// Elements made of data, and a page that follows new data in place. Data becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";
/** Attributes that new data does not touch: what somebody has opened, and the tip that is being read. */
const OWN = new Set(["style", "open", "aria-describedby"]);

/**
 * Make an element.
 *
 * @param {string} name of the element.
 * @param {object} attributes by name; null, undefined and false leave one out; `style` is an object.
 * @param {...*} children elements, texts, numbers or lists of them; null and false are left out.
 */
export function element(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** Make an element of a drawing; the rest as in `element`. */
export function drawing(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") {
      // through the object model: a policy without unsafe-inline forbids the attribute
      for (const [property, setting] of Object.entries(value)) node.style.setProperty(property, setting);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/**
 * Make the children of an element be like new ones, changing only what differs.
 *
 * What has the same `data-key` stays the same element, so focus, scroll position and what is being selected stay too.
 *
 * @param {Element} live what is on the page.
 * @param {...*} children as in `element`.
 */
export function show(live, ...children) {
  followChildren(live, element("div", {}, ...children));
}

function followChildren(live, wanted) {
  const next = [...wanted.childNodes];
  const keys = new Set(next.map(keyOf).filter(Boolean));
  for (const child of [...live.childNodes]) {
    // first what goes, so that what stays need not move, which would take the focus away
    if (keyOf(child) && !keys.has(keyOf(child))) child.remove();
  }
  const known = new Map([...live.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
  let here = live.firstChild;
  for (const node of next) {
    const match = keyOf(node) ? known.get(keyOf(node)) : here && !keyOf(here) ? here : null;
    if (!match || match.nodeName !== node.nodeName) {
      live.insertBefore(node, here);
      continue;
    }
    if (match === here) here = here.nextSibling;
    else live.insertBefore(match, here);
    follow(match, node);
  }
  while (here) {
    const gone = here;
    here = here.nextSibling;
    gone.remove();
  }
}

function keyOf(node) {
  return node.dataset?.key;
}

function follow(live, wanted) {
  if (live.nodeType === Node.TEXT_NODE) {
    if (live.data !== wanted.data) live.data = wanted.data;
    return;
  }
  for (const { name } of [...live.attributes]) {
    if (!OWN.has(name) && !wanted.hasAttribute(name)) live.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (!OWN.has(name) && live.getAttribute(name) !== value) live.setAttribute(name, value);
  }
  if (live.style.cssText !== wanted.style.cssText) live.style.cssText = wanted.style.cssText;
  followChildren(live, wanted);
}
