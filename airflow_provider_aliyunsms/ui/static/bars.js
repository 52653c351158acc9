// SPDX-License-Identifier: Apache-2.0
// Bars of what became of people: each part has a colour, a pattern and its number in words below.

import { element } from "./dom.js";
import { number, percent, say } from "./format.js";

export const OUTCOMES = ["accepted", "rejected", "skipped", "unknown", "pending"];
export const FATES = ["delivered", "failed", "awaited"];

/**
 * Return what became of the recipients, for `bar`; null when nothing is known.
 *
 * @param {boolean} settling a try is under way, so what is unclear is being looked up.
 */
export function outcomesOf(row, settling = false) {
  if (OUTCOMES.every((name) => row[name] === null || row[name] === undefined)) return null;
  return OUTCOMES.map((name) => ({
    name,
    count: row[name] ?? 0,
    words: name === "unknown" && settling && row[name] ? "settling" : name,
  }));
}

/** Return what became of the accepted messages, for `bar`; null when nobody has asked. */
export function fatesOf(delivery) {
  if (!delivery) return null;
  const { delivered, failed, pending } = delivery;
  return [
    { name: "delivered", count: delivered },
    { name: "failed", count: failed },
    { name: "awaited", count: pending },
  ];
}

/**
 * Draw a bar with its numbers below; the numbers say all, so the drawing is hidden from those who cannot see it.
 *
 * @param {Array} parts with `name` and `count`, in the order of the bar.
 */
export function bar(parts) {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const shown = parts.filter(({ count }) => count > 0);
  return element(
    "div",
    { class: "figures" },
    strip(shown, total),
    element(
      "ul",
      { class: "legend" },
      shown.map(({ name, count, words }) =>
        element("li", { "data-key": name }, swatch(name), element("b", {}, number(count)), " ", say(words ?? name)),
      ),
      shown.length === 0 && element("li", { "data-key": "none" }, "0"),
    ),
  );
}

/** Draw the bar alone. */
export function strip(parts, total) {
  return element(
    "div",
    { class: "bar", "aria-hidden": "true" },
    parts
      .filter(({ count }) => count > 0)
      .map(({ name, count }) =>
        element("span", { "data-key": name, class: `part ${name}`, style: { "flex-grow": count / (total || 1) } }),
      ),
  );
}

/** Draw the sample of a part's colour and pattern. */
export function swatch(name) {
  return element("span", { class: `swatch ${name}`, "aria-hidden": "true" });
}

/** Say the share of messages that arrived, of those whose fate is known. */
export function deliveredShare({ delivered, failed, pending }) {
  return say("delivered_share", { share: percent(delivered, delivered + failed + pending) });
}
