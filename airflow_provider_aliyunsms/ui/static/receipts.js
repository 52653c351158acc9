// SPDX-License-Identifier: Apache-2.0
// The receipts of one campaign, masked, a page at a time, when somebody asks for them.

import { element, show } from "./dom.js";
import { number, say, translated } from "./format.js";
import { swatch } from "./bars.js";
import { choice, time } from "./parts.js";
import { ServerError, ask } from "./server.js";

const PAGE = 100;
const OUTCOMES = ["accepted", "rejected", "skipped", "unknown"];

/** The section of the receipts; nothing is asked before somebody wants to see them. */
export class Receipts {
  /** @param {object} place the ids of the campaign. */
  constructor(place) {
    this.place = place;
    this.chosen = { outcome: "", code: "" };
    this.offset = 0;
    this.codes = [];
    this.content = element("div", { class: "receipts" });
    this.start = element("button", { type: "button", class: "button" }, say("receipts_show"));
    this.node = element(
      "section",
      { class: "card", "aria-labelledby": "receipts" },
      element("h2", { id: "receipts" }, say("receipts_title")),
      element("p", { class: "soft" }, say("receipts_why")),
      this.start,
      this.content,
    );
    this.start.addEventListener("click", () => this.open());
    this.content.addEventListener("change", (event) => this.choose(event.target));
    this.content.addEventListener("click", (event) => this.turn(event.target.closest("button")));
  }

  /** Follow the campaign: whether there is anything to show, and the codes to choose from. */
  follow(campaign) {
    this.node.hidden = !campaign.receipts_viewable;
    this.codes = campaign.codes.map(({ code }) => code);
  }

  async open() {
    await this.load();
    this.start.remove();
    this.content.querySelector("select")?.focus();
  }

  choose({ name, value }) {
    this.chosen[name] = value;
    this.offset = 0;
    this.load();
  }

  turn(button) {
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    this.offset = Math.max(0, this.offset + (button.name === "next" ? PAGE : -PAGE));
    this.load();
  }

  async load() {
    try {
      const answer = await ask("api/receipts", { ...this.place, ...this.chosen, limit: PAGE, offset: this.offset });
      this.draw(answer);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      show(this.content, element("p", { role: "alert" }, say("receipts_none"), " ", error.message));
    }
  }

  draw({ receipts, total_entries: total, cut }) {
    const more = total === null ? receipts.length === PAGE : this.offset + receipts.length < total;
    show(
      this.content,
      element(
        "div",
        { "data-key": "filters", class: "filters" },
        choice("outcome", say("receipts_outcome"), OUTCOMES, (value) => say(`${value}_title`)),
        choice("code", say("receipts_code"), this.codes, (value) => value),
      ),
      receipts.length ? table(receipts) : element("p", { "data-key": "empty" }, say("receipts_empty")),
      cut && element("p", { "data-key": "cut", class: "soft" }, say("receipts_cut")),
      (more || this.offset > 0) && this.pager(receipts.length, total, more),
    );
    for (const select of this.content.querySelectorAll("select")) select.value = this.chosen[select.name];
  }

  pager(count, total, more) {
    const values = { from: number(this.offset + 1), to: number(this.offset + count), total: number(total) };
    const button = (name, text, off) => element("button", { type: "button", name, "aria-disabled": String(off) }, text);
    return element(
      "nav",
      { "data-key": "pages", class: "pages", "aria-label": say("receipts_title") },
      button("previous", "‹", this.offset === 0),
      element("span", { "aria-live": "polite" }, say(total === null ? "receipts_page" : "page_of", values)),
      button("next", "›", !more),
    );
  }
}

function table(receipts) {
  const columns = ["receipts_number", "receipts_outcome", "receipts_code", "meaning", "receipts_id", "receipts_time"];
  return element(
    "div",
    { "data-key": "table", class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "receipts" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, columns.map((name) => element("th", { scope: "col" }, say(name))))),
      element("tbody", {}, receipts.map(receiptRow)),
    ),
  );
}

function receiptRow(receipt) {
  const { number: phone, outcome, code } = receipt;
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, phone ?? "–"),
    element("td", {}, swatch(outcome), ` ${OUTCOMES.includes(outcome) ? say(`${outcome}_title`) : outcome}`),
    element("td", {}, element("code", {}, code ?? "")),
    element("td", {}, translated(receipt, "meaning")),
    element("td", { class: "id" }, receipt.biz_id ?? receipt.message_id ?? ""),
    element("td", {}, time(receipt.time)),
  );
}
