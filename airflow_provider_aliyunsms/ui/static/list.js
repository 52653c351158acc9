// SPDX-License-Identifier: Apache-2.0
// The list of campaigns: filters, sums, rows that follow what happens, and the parts of mapped tasks.

import { element, show } from "./dom.js";
import { number, say, zone } from "./format.js";
import { FATES, bar, deliveredShare, fatesOf, outcomesOf } from "./bars.js";
import { Freshness } from "./notice.js";
import { codeChip, dryRunTag, ended, explained, guardChips, progressText, stateBadge, stateName, time } from "./parts.js";
import { choice, tookText, tryText } from "./parts.js";
import { Poll, ask } from "./server.js";
import { isTab, rememberList } from "./address.js";

const PAGE = 50;
const WHILE_SENDING = 3_000;
const OTHERWISE = 10_000;
/** Parts of one mapped task that are drawn at most; the row above has the sums of all. */
const MOST_PARTS = 200;
const FILTERS = ["dag_id", "run_id", "state", "day"];

/**
 * Show the list and keep it up to date.
 *
 * @param {Element} page what to fill.
 * @param {URLSearchParams} query filters and offset, as in the address.
 */
export function openList(page, query) {
  const list = new List(page, query);
  list.poll.now();
}

class List {
  constructor(page, query) {
    this.filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
    // a tab stays with its DAG or run
    this.fixed = isTab() ? ["dag_id", "run_id"].filter((name) => this.filters[name]) : [];
    this.offset = Math.max(0, Number.parseInt(query.get("offset"), 10) || 0);
    this.opened = new Set();
    this.parts = new Map();
    this.fresh = new Freshness(() => this.poll.now());
    this.poll = new Poll(
      (signal) => this.load(signal),
      (error, wait) => this.fresh.tell(error, wait),
    );
    this.form = element("form", { class: "filters", "aria-label": say("filters") });
    this.sums = element("section", { class: "sums", "aria-label": say("sums") });
    this.body = element("div", { class: "rows" }, element("p", { class: "soft" }, say("loading")));
    this.pages = element("nav", { class: "pages", "aria-label": say("pages") });
    const head = element("header", {}, element("h1", {}, say(this.title())), this.fresh.line);
    show(page, head);
    page.append(this.fresh.notice, this.form, this.sums, this.body, this.pages);
    this.drawFilters({ dag_ids: [], states: [] });
    this.listen();
    this.remember();
  }

  title() {
    if (this.fixed.includes("run_id")) return "title_run";
    return this.fixed.length ? "title_dag" : "title";
  }

  listen() {
    this.form.addEventListener("change", (event) => this.choose(event.target.name, event.target.value));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("click", (event) => this.unchoose(event.target.closest("button")));
    this.pages.addEventListener("click", (event) => this.turn(event.target.closest("button")));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("keydown", walkRows);
  }

  async load(signal) {
    const query = { ...this.filters, limit: PAGE, offset: this.offset };
    if (this.filters.day) query.zone = zone;
    const answer = await ask("api/campaigns", query, signal);
    await this.loadParts(answer.campaigns, signal);
    this.answer = answer;
    this.draw();
    const live = answer.campaigns.some((row) => !ended(row));
    this.fresh.good(true);
    return live ? WHILE_SENDING : OTHERWISE;
  }

  async loadParts(rows, signal) {
    const wanted = rows.filter((row) => row.map_index === null && this.opened.has(keyOf(row)));
    const found = wanted.map(async (row) => {
      const { dag_id, run_id, task_id } = row;
      const { campaigns } = await ask("api/campaigns/mapped", { dag_id, run_id, task_id }, signal);
      return [keyOf(row), campaigns];
    });
    this.parts = new Map(await Promise.all(found));
  }

  choose(name, value) {
    this.filters[name] = value;
    this.offset = 0;
    this.remember();
    this.poll.now();
  }

  unchoose(button) {
    if (!button) return;
    if (button.name === "run") {
      this.choose("run_id", "");
      return;
    }
    for (const name of this.free()) this.filters[name] = "";
    for (const field of this.form.querySelectorAll("select, input")) field.value = "";
    this.choose("state", "");
    this.form.querySelector("select").focus();
  }

  free() {
    return FILTERS.filter((name) => !this.fixed.includes(name));
  }

  turn(button) {
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    this.offset = Math.max(0, this.offset + (button.name === "next" ? PAGE : -PAGE));
    this.remember();
    this.poll.now();
  }

  remember() {
    const chosen = FILTERS.filter((name) => this.filters[name]).map((name) => [name, this.filters[name]]);
    const query = new URLSearchParams(this.offset ? [...chosen, ["offset", this.offset]] : chosen);
    rememberList(query);
  }

  click(event) {
    const button = event.target.closest("button[data-opens]");
    if (button) {
      this.toggle(button.dataset.opens);
      return;
    }
    // the whole row opens its campaign, but not while somebody selects text or reads a tip
    if (event.target.closest("a, button, summary") || String(getSelection())) return;
    event.target.closest("tr")?.querySelector("th a")?.click();
  }

  toggle(key) {
    if (!this.opened.delete(key)) this.opened.add(key);
    this.draw();
    this.poll.now();
  }

  draw() {
    const { campaigns, total_entries: total, sums } = this.answer;
    this.drawFilters(this.answer);
    show(this.sums, campaigns.length > 0 && sumCards(sums));
    show(this.body, campaigns.length ? this.table() : this.nothing());
    show(this.pages, total > PAGE || this.offset > 0 ? pager(this.offset, campaigns.length, total) : null);
  }

  drawFilters({ dag_ids: dags, states }) {
    const { run_id: run, day } = this.filters;
    const free = this.free();
    show(
      this.form,
      free.includes("dag_id") && choice("dag_id", say("filter_dag"), dags, (name) => name, this.filters.dag_id),
      choice("state", say("filter_state"), states, stateName, this.filters.state),
      element(
        "label",
        { "data-key": "day" },
        element("span", {}, say("filter_day")),
        element("input", { type: "date", name: "day", value: day }),
      ),
      run &&
        free.includes("run_id") &&
        element(
          "p",
          { "data-key": "run", class: "chosen" },
          element("span", {}, say("filter_run")),
          element("span", { class: "run" }, run),
          element("button", { type: "button", name: "run", "aria-label": say("every_run") }, "×"),
        ),
      free.some((name) => this.filters[name]) &&
        element("button", { "data-key": "clear", type: "button", name: "clear" }, say("clear_filters")),
    );
    // what is chosen is a property, which no attribute follows
    for (const select of this.form.querySelectorAll("select")) select.value = this.filters[select.name];
  }

  table() {
    const columns = ["campaign", "state", "sent", "delivery", "codes"];
    return element(
      "table",
      { "data-key": "table", role: "table" },
      element("caption", { class: "hidden" }, say("campaigns_table")),
      element(
        "thead",
        { role: "rowgroup" },
        element(
          "tr",
          { role: "row" },
          columns.map((name) => element("th", { scope: "col", class: name, role: "columnheader" }, say(`column_${name}`))),
        ),
      ),
      element("tbody", { role: "rowgroup" }, this.answer.campaigns.map((row) => this.rows(row))),
    );
  }

  rows(row) {
    const open = row.map_index === null && this.opened.has(keyOf(row));
    const parts = open ? (this.parts.get(keyOf(row)) ?? []) : [];
    return [
      this.row(row, open),
      parts.slice(0, MOST_PARTS).map((part) => this.row(part, false, "piece")),
      parts.length > MOST_PARTS && wordsRow(row, say("parts_cut", { most: number(MOST_PARTS), total: number(parts.length) })),
      open && parts.length === 0 && wordsRow(row, say("loading")),
    ];
  }

  row(row, open, kind = "") {
    const now = this.answer.now;
    const outcomes = outcomesOf(row, row.state === "running");
    const fates = fatesOf(row.delivery);
    return element(
      "tr",
      { "data-key": keyOf(row, kind), class: `${kind} ${ended(row) ? "" : "active"}`.trim(), role: "row" },
      element("th", { scope: "row", class: "campaign", role: "rowheader" }, kind ? partName(row) : name(row, open)),
      cell(
        "state",
        element("p", {}, stateBadge(row.state), row.dry_run && dryRunTag()),
        element("p", { class: "small" }, time(row.started_at)),
        small([tookText(row, now), tryText(row)].filter(Boolean).join(" · ")),
      ),
      cell(
        "sent",
        outcomes
          ? [element("p", { class: "small" }, say("recipients", { count: row.total ?? 0 })), bar(outcomes)]
          : soft(say("none_yet")),
        small(progressText(row, now).join(" · ")),
      ),
      cell("delivery", fates ? [small(deliveredShare(row.delivery)), bar(fates)] : notAsked(row)),
      cell("codes", element("ul", { class: "chips" }, row.codes.map(codeChip), guardChips(row.guards ?? []))),
    );
  }

  nothing() {
    const { dag_id: dag, run_id: run, state, day } = this.filters;
    if (state || day) return element("p", { class: "empty" }, say("nothing_matches"));
    if (run) return element("p", { class: "empty" }, say("nothing_in_run"));
    return dag ? element("p", { class: "empty" }, say("nothing_in_dag")) : firstSteps();
  }
}

function keyOf({ dag_id, run_id, task_id, map_index }, kind = "") {
  return JSON.stringify([kind, dag_id, run_id, task_id, map_index]);
}

function cell(kind, ...content) {
  const label = say(`column_${kind}`);
  return element("td", { class: kind, role: "cell", "data-label": label }, ...content);
}

function small(text) {
  return text ? element("p", { class: "small" }, text) : null;
}

function notAsked(row) {
  return row.accepted && ended(row) ? explained("plain", say("delivery_none_why"), say("delivery_none")) : soft("–");
}

function soft(text) {
  return element("span", { class: "soft" }, text);
}

function name(row, open) {
  const { dag_id: dag, task_id: task, run_id: run, map_index: index, campaign_id: id } = row;
  const title = `${dag} · ${task}`;
  return [
    index === null ? opener(row, title, open) : element("a", { href: addressOf(row), class: "name" }, title),
    // the id of a campaign that nobody has named repeats what is above and below
    id && !id.includes(run) && element("p", { class: "small" }, id),
    element("p", { class: "small run", title: run }, run),
  ];
}

function opener(row, title, open) {
  const label = say("mapped", { count: row.mapped_tasks ?? 0 });
  return [
    element("span", { class: "name" }, title),
    " ",
    element(
      "button",
      {
        type: "button",
        class: "opener",
        "data-opens": keyOf(row),
        "aria-expanded": String(open),
        "aria-label": `${say("show_parts", { name: title })}: ${label}`,
      },
      label,
    ),
  ];
}

function partName(row) {
  return [
    element("a", { href: addressOf(row), class: "name" }, say("part", { n: number(row.map_index) })),
    row.campaign_id && !row.campaign_id.includes(row.run_id) && element("p", { class: "small" }, row.campaign_id),
  ];
}

function wordsRow(row, text) {
  const cells = element("td", { colspan: 5, role: "cell", class: "soft" }, text);
  return element("tr", { "data-key": keyOf(row, "words"), class: "piece", role: "row" }, cells);
}

/** Return the address of the page of one campaign. */
function addressOf({ dag_id, run_id, task_id, map_index }) {
  return `?${new URLSearchParams({ dag_id, run_id, task_id, map_index })}`;
}

function sumCards(sums) {
  const cards = [
    ["listed", say("listed", { count: sums.campaigns })],
    ["people", say("recipients", { count: sums.total })],
  ];
  const fates = FATES.some((fate) => sums[fate]);
  return [
    element(
      "div",
      { class: "headline" },
      cards.map(([key, text]) => element("p", { "data-key": key }, text)),
    ),
    element("div", { class: "sum" }, element("h2", {}, say("column_sent")), bar(outcomesOf(sums))),
    fates &&
      element(
        "div",
        { class: "sum" },
        element("h2", {}, say("column_delivery")),
        bar(FATES.map((fate) => ({ name: fate, count: sums[fate] ?? 0 }))),
      ),
  ];
}

function pager(offset, count, total) {
  const last = offset + count >= total;
  const values = { from: number(count ? offset + 1 : 0), to: number(offset + count), total: number(total) };
  // aria-disabled, not disabled: the focus stays on the button on the last page
  const button = (name, text, off) =>
    element("button", { "data-key": name, type: "button", name, "aria-disabled": String(off) }, text);
  return [
    button("previous", say("previous"), offset === 0),
    element("span", { "data-key": "where", "aria-live": "polite" }, say("page_of", values)),
    button("next", say("next"), last),
  ];
}

function firstSteps() {
  const operators = [
    ["AliyunSendBatchSmsOperator", "empty_china"],
    ["AliyunBatchSendMessageToGlobeOperator", "empty_globe"],
  ];
  return element(
    "div",
    { class: "empty" },
    element("h2", {}, say("empty_title")),
    element("p", {}, say("empty_what")),
    element(
      "ul",
      {},
      operators.map(([operator, where]) => element("li", {}, element("code", {}, operator), ` – ${say(where)}`)),
    ),
    element("p", { class: "small" }, say("empty_versions")),
    element("p", { class: "small" }, say("empty_rights")),
  );
}

function walkRows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.closest("th")) return;
  const stops = [...event.currentTarget.querySelectorAll("tbody th :is(a, button)")];
  stops[stops.indexOf(event.target) + step]?.focus();
  event.preventDefault();
}
