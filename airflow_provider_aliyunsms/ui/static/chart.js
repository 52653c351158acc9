// SPDX-License-Identifier: Apache-2.0
// Messages over time: two lines drawn by hand, and the same figures as a table.

import { drawing, element } from "./dom.js";
import { clockTime, exactly, moment, number, say } from "./format.js";

const HEIGHT = 220;
const NARROWEST = 260;
const MARGIN = { top: 14, right: 16, bottom: 26, left: 58 };
const DAY_MS = 86_400_000;

/**
 * Return the lines of a campaign, each a list of moments with how many messages there were by then.
 *
 * @param {object} row a campaign with its `timeline`.
 */
export function linesOf({ started_at: start, timeline }) {
  const sent = (timeline?.sent ?? []).map(({ at, accepted }) => ({ at: Date.parse(at), count: accepted ?? 0 }));
  const fates = (timeline?.delivery ?? []).map(({ at, delivered }) => ({ at: Date.parse(at), count: delivered ?? 0 }));
  const begin = Date.parse(start);
  const whole = sent.length && begin < sent[0].at ? [{ at: begin, count: 0 }, ...sent] : sent;
  // nothing more is accepted while the phones are asked about
  const last = fates.at(-1)?.at;
  if (whole.length && whole.at(-1).at < last) whole.push({ at: last, count: whole.at(-1).count });
  return [
    { name: "accepted", text: say("timeline_sent"), points: whole },
    { name: "delivered", text: say("timeline_delivered"), points: fates },
  ].filter(({ points }) => points.length > 0);
}

/** Whether there is anything to draw. */
export function canDraw(lines) {
  const moments = new Set(lines.flatMap(({ points }) => points.map(({ at }) => at)));
  return moments.size > 1;
}

/**
 * Draw the lines.
 *
 * @param {Array} lines as of `linesOf`.
 * @param {number} room pixels there are from left to right.
 */
export function chart(lines, room) {
  const width = Math.max(NARROWEST, Math.round(room));
  const points = lines.flatMap((line) => line.points);
  const first = Math.min(...points.map(({ at }) => at));
  const last = Math.max(...points.map(({ at }) => at));
  const top = ceiling(Math.max(1, ...points.map(({ count }) => count)));
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const x = (at) => MARGIN.left + ((at - first) / (last - first || 1)) * inner.width;
  const y = (count) => MARGIN.top + (1 - count / top) * inner.height;
  return drawing(
    "svg",
    { class: "chart", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": say("timeline_alt") },
    [0, top / 2, top].map((count) => level(count, y(count), width)),
    moments(first, last, inner.width).map(({ at, text, anchor }) =>
      drawing("text", { x: x(at), y: HEIGHT - 6, "text-anchor": anchor }, text),
    ),
    lines.map((line) => path(line, x, y)),
  );
}

/** Name the lines, each with a sample of it. */
export function legend(lines) {
  return element(
    "ul",
    { class: "legend lines" },
    lines.map(({ name, text, points }) =>
      element(
        "li",
        { "data-key": name },
        drawing(
          "svg",
          { width: 28, height: 10, "aria-hidden": "true" },
          drawing("path", { class: `line ${name}`, d: "M1 5H27" }),
        ),
        element("b", {}, number(points.at(-1).count)),
        ` ${text}`,
      ),
    ),
  );
}

/** Give the figures of the lines as a table, one moment a row. */
export function figures(lines) {
  const stamps = [...new Set(lines.flatMap(({ points }) => points.map(({ at }) => at)))].sort((a, b) => a - b);
  const counts = lines.map(({ points }) => new Map(points.map(({ at, count }) => [at, count])));
  const rows = stamps.map((at) => ({ at, cells: counts.map((known) => known.get(at) ?? null) }));
  // a moment at which nothing had changed is no news, except the last
  const news = rows.filter(({ cells }, index) => index === rows.length - 1 || String(cells) !== String(rows[index - 1]?.cells));
  return element(
    "details",
    { class: "figures-table" },
    element("summary", {}, say("timeline_table")),
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, say("timeline_time")),
          lines.map(({ text }) => element("th", { scope: "col", class: "number" }, text)),
        ),
      ),
      element(
        "tbody",
        {},
        news.map(({ at, cells }) =>
          element(
            "tr",
            { "data-key": at },
            element("th", { scope: "row" }, exactly(at)),
            cells.map((count) => element("td", { class: "number" }, number(count))),
          ),
        ),
      ),
    ),
  );
}

function path({ name, points }, x, y) {
  const corners = points.map(({ at, count }) => `${x(at).toFixed(1)} ${y(count).toFixed(1)}`);
  const end = points.at(-1);
  return drawing(
    "g",
    {},
    drawing("path", { class: `line ${name}`, d: `M${corners.join("L")}` }),
    drawing("circle", { class: `end ${name}`, cx: x(end.at), cy: y(end.count), r: 4 }),
  );
}

function level(count, y, width) {
  return drawing(
    "g",
    {},
    drawing("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    drawing("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, number(count)),
  );
}

function moments(first, last, width) {
  const write = last - first > DAY_MS ? (at) => moment(new Date(at)) : clockTime;
  const ends = [
    { at: first, text: write(first), anchor: "start" },
    { at: last, text: write(last), anchor: "end" },
  ];
  const middle = first + (last - first) / 2;
  return width > 420 ? [ends[0], { at: middle, text: write(middle), anchor: "middle" }, ends[1]] : ends;
}

/** The next even number of the kind 2, 4, 6, 10, 20 … that is not below. */
function ceiling(count) {
  const size = 10 ** Math.floor(Math.log10(count));
  const found = [1, 2, 4, 6, 8, 10].map((factor) => factor * size).find((candidate) => candidate >= count);
  return Math.max(2, found);
}
