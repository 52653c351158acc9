// SPDX-License-Identifier: Apache-2.0
// The page of one campaign.

import { element, show } from "./dom.js";
import { clockTime, duration, number, percent, say, translated } from "./format.js";
import { OUTCOMES, bar, deliveredShare, fatesOf, outcomesOf, strip, swatch } from "./bars.js";
import { canDraw, chart, figures, legend, linesOf } from "./chart.js";
import { Freshness } from "./notice.js";
import { decisionName, dryRunTag, ended, progressText, secondsBetween, stateBadge, time, tookText, tryText } from "./parts.js";
import { Receipts } from "./receipts.js";
import { Poll, ServerError, ask } from "./server.js";
import { isFollowed, lastList } from "./address.js";

const WHILE_SENDING = 3_000;
const OTHERWISE = 15_000;
const CHART_ROOM = 640;

/**
 * Show one campaign and keep it up to date.
 *
 * @param {Element} page what to fill.
 * @param {URLSearchParams} query the ids of the campaign.
 */
export function openCampaign(page, query) {
  new CampaignPage(page, query).poll.now();
}

class CampaignPage {
  constructor(page, query) {
    // Airflow leaves the place holder of the map index as it is where there is none
    const index = Number.parseInt(query.get("map_index"), 10);
    this.place = {
      dag_id: query.get("dag_id"),
      run_id: query.get("run_id"),
      task_id: query.get("task_id"),
      map_index: Number.isNaN(index) ? -1 : index,
    };
    this.fresh = new Freshness(() => this.poll.now());
    this.receipts = new Receipts(this.place);
    this.poll = new Poll(
      (signal) => this.load(signal),
      (error, wait) => this.fresh.tell(error, wait),
    );
    this.head = element("div", { class: "campaign-head" }, element("h1", {}, titleOf(this.place)));
    this.body = element("div", { class: "cards" }, element("p", { class: "soft" }, say("loading")));
    show(page, element("header", {}, back(), this.fresh.line));
    page.append(this.fresh.notice, this.head, this.body, this.receipts.node);
    this.receipts.node.hidden = true;
    // the chart is as wide as its card
    new ResizeObserver(() => this.campaign && this.draw()).observe(this.body);
  }

  async load(signal) {
    try {
      this.campaign = await ask("api/campaign", this.place, signal);
    } catch (error) {
      if (!(error instanceof ServerError && error.status === 404)) throw error;
      // it may start any moment; a retry that begins has nothing left of the last try, which is shown until then
      if (!this.campaign) show(this.body, noCampaign(this.place));
      this.fresh.good(true);
      return WHILE_SENDING;
    }
    this.now = new Date().toISOString();
    this.draw();
    this.receipts.follow(this.campaign);
    const live = !ended(this.campaign);
    this.fresh.good(live || Boolean(this.campaign.delivery?.pending));
    return live ? WHILE_SENDING : OTHERWISE;
  }

  draw() {
    const campaign = this.campaign;
    show(this.head, heading(campaign, this.place, this.now));
    show(
      this.body,
      column("main", outcomes(campaign), timeline(campaign, this.roomForChart()), codes(campaign)),
      column("side", delivery(campaign), facts(campaign), again(campaign)),
      guards(campaign),
      tries(campaign, this.now),
    );
    for (const box of this.body.querySelectorAll(".scroll")) {
      // what is wider than its place is scrolled by keyboard as well
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  }

  roomForChart() {
    return this.body.querySelector(".timeline")?.clientWidth || CHART_ROOM;
  }
}

function back() {
  const address = lastList();
  if (!address) return element("span");
  const link = element("a", { href: address }, say("all_campaigns"));
  return element("nav", { class: "back", "aria-label": say("all_campaigns") }, link);
}

function column(key, ...cards) {
  return element("div", { "data-key": key, class: "column" }, ...cards);
}

function titleOf({ dag_id: dag, task_id: task, map_index: index }) {
  return `${dag} · ${task}${index >= 0 ? ` · ${say("part", { n: number(index) })}` : ""}`;
}

/** Return the address of a page of Airflow, which is beside this page's folder. */
function airflowPage(...names) {
  return new URL(`../${names.map(encodeURIComponent).join("/")}`, location.href).href;
}

function noCampaign({ dag_id, run_id }) {
  return element(
    "div",
    { "data-key": "none", class: "empty" },
    element("h2", {}, say("not_sending_title")),
    element("p", {}, say("not_sending_why")),
    element("p", {}, element("a", { href: `?${new URLSearchParams({ dag_id, run_id })}` }, say("see_run"))),
  );
}

function heading(campaign, place, now) {
  const { dag_id: dag, run_id: run, links } = campaign;
  return [
    element("h1", {}, titleOf(place)),
    element(
      "dl",
      { class: "places" },
      fact("place_dag", top(airflowPage("dags", dag), dag)),
      fact("place_run", top(airflowPage("dags", dag, "runs", run), run)),
      isFollowed(links?.task) && fact("place_task", top(links.task, campaign.task_id)),
    ),
    element(
      "p",
      { class: "now" },
      stateBadge(campaign.state),
      campaign.dry_run && dryRunTag(),
      [tryText(campaign), ...progressText(campaign, now)]
        .filter(Boolean)
        .map((text) => element("span", { class: "pace" }, text)),
    ),
    ended(campaign) && campaign.ending && element("p", { class: "ending", lang: "en" }, campaign.ending),
  ];
}

function fact(key, ...content) {
  return [element("dt", { "data-key": `${key}?` }, say(key)), element("dd", { "data-key": key }, ...content)];
}

function top(address, ...content) {
  return element("a", { href: address, target: "_top" }, ...content);
}

function card(key, title, ...content) {
  return element(
    "section",
    { "data-key": key, class: "card", "aria-labelledby": `title-${key}` },
    element("h2", { id: `title-${key}` }, say(title)),
    ...content,
  );
}

function table(title, columns, rows, kind = "") {
  return element(
    "div",
    { class: `scroll ${kind}`.trim(), role: "group", "aria-label": say(title), "data-key": "table" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, columns.map(([name, kind]) => element("th", { scope: "col", class: kind }, say(name))))),
      element("tbody", {}, rows),
    ),
  );
}

function outcomes(campaign) {
  const parts = outcomesOf(campaign, campaign.state === "running");
  if (!parts) return card("outcomes", "sent_title", element("p", { class: "soft" }, say("none_yet")));
  const total = campaign.total ?? parts.reduce((sum, { count }) => sum + count, 0);
  const rows = parts
    .filter(({ name, count }) => name !== "pending" || count > 0)
    .map(({ name, count, words }) =>
      element(
        "tr",
        { "data-key": name, class: count ? "" : "zero" },
        element("th", { scope: "row" }, swatch(name), ` ${say(`${words}_title`)}`),
        element("td", { class: "number" }, number(count)),
        element("td", { class: "number" }, percent(count, total)),
        element("td", {}, say(`${words}_why`)),
      ),
    );
  const columns = [["outcome"], ["people", "number"], ["share", "number"], ["meaning"]];
  return card(
    "outcomes",
    "sent_title",
    element("p", { class: "big" }, say("recipients", { count: total })),
    strip(parts, total),
    !ended(campaign) && campaign.reported_at && element("p", { class: "small" }, asOf(campaign)),
    table("sent_title", columns, rows),
  );
}

function asOf({ reported_at: at }) {
  return say("figures_as_of", { time: clockTime(at) });
}

function delivery(campaign) {
  const { delivery: found, accepted, sample_of: sample } = campaign;
  if (!found) {
    return card("delivery", "delivery_title", element("p", { class: "soft" }, accepted ? say("delivery_none_why") : "–"));
  }
  const asked = found.delivered + found.failed + found.pending;
  return card(
    "delivery",
    "delivery_title",
    element("p", { class: "big" }, deliveredShare(found)),
    bar(fatesOf(found)),
    sample && element("p", { class: "small" }, say("delivery_sample", { asked: number(asked), total: number(sample) })),
    found.at && element("p", { class: "small" }, say("delivery_as_of", { time: time(found.at).textContent })),
  );
}

function timeline(campaign, room) {
  const lines = linesOf(campaign);
  const drawn = canDraw(lines);
  return card(
    "timeline",
    "timeline_title",
    element(
      "div",
      { class: "timeline" },
      drawn ? [legend(lines), chart(lines, room), figures(lines)] : element("p", { class: "soft" }, say("timeline_one")),
    ),
  );
}

function facts(campaign) {
  const { started_at: start, ended_at: end, api, requests, links, campaign_id: id } = campaign;
  const places = ["log", "receipts", "console"].filter((name) => isFollowed(links?.[name]));
  return card(
    "facts",
    "facts",
    element(
      "dl",
      { class: "facts" },
      fact("fact_started", time(start)),
      end && [fact("fact_ended", time(end)), fact("fact_took", duration(secondsBetween(start, end)))],
      api && fact("fact_api", say(`api_${api}`)),
      requests !== null && requests !== undefined && fact("fact_requests", number(requests)),
      id && fact("fact_campaign_id", id),
    ),
    places.length > 0 &&
      element("ul", { class: "links" }, places.map((name) => element("li", { "data-key": name }, top(links[name], say(`link_${name}`))))),
  );
}

function codes(campaign) {
  const rows = campaign.codes.map((code) =>
    element(
      "tr",
      { "data-key": code.code },
      element("td", { class: "number" }, number(code.count)),
      element("th", { scope: "row" }, element("p", {}, translated(code, "meaning")), element("code", {}, code.code)),
      element("td", {}, translated(code, "advice") || say("advice_none")),
    ),
  );
  const columns = [["people", "number"], ["reason"], ["what_to_do"]];
  return card(
    "codes",
    "codes_title",
    rows.length ? table("codes_title", columns, rows, "codes") : element("p", { class: "soft" }, say("codes_none")),
  );
}

function again({ ledger, clear }) {
  if (!ledger && !clear) return null;
  return card(
    "again",
    "again_title",
    ledger && [element("h3", {}, say("ledger_title")), element("p", {}, translated(ledger, "words"))],
    clear && [element("h3", {}, say("clear_title")), element("p", {}, translated(clear, "words"))],
  );
}

function guards({ guards: found }) {
  if (!found?.length) return null;
  const rows = found.map(({ guard, decision, reason }, index) =>
    element(
      "tr",
      { "data-key": `${index} ${guard}` },
      element("th", { scope: "row" }, guard),
      element("td", {}, element("span", { class: `guard ${decision}` }, decisionName(decision))),
      element("td", { lang: "en" }, reason),
    ),
  );
  return card("guards", "guards_title", table("guards_title", [["guard"], ["decision"], ["reason"]], rows));
}

function tries({ tries: found }, now) {
  const rows = (found ?? []).map((each) =>
    element(
      "tr",
      { "data-key": each.try_number },
      element("th", { scope: "row" }, number(each.try_number)),
      element("td", {}, stateBadge(each.state)),
      element("td", {}, time(each.started_at), " ", tookText(each, now)),
      OUTCOMES.slice(0, 4).map((name) => element("td", { class: "number" }, number(each[name]))),
      element("td", { class: "number" }, number(each.requests)),
      element("td", { lang: each.ending && "en" }, each.ending ?? (each.ended_at ? "–" : say("still_runs"))),
    ),
  );
  if (!rows.length) return null;
  const outcomes = OUTCOMES.slice(0, 4).map((name) => [`${name}_title`, "number"]);
  const columns = [["try_column"], ["column_state"], ["column_started"], ...outcomes, ["requests", "number"], ["ending"]];
  return card("tries", "tries_title", element("p", { class: "soft" }, say("tries_why")), table("tries_title", columns, rows));
}
