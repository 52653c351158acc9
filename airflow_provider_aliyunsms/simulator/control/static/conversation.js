// SPDX-License-Identifier: Apache-2.0
// The messages to one phone as bubbles, the newest at the bottom.

import { call, curlLine, query } from "./api.js";
import { arrange, button, el, marked } from "./dom.js";
import { soonest, statusMark } from "./phones.js";
import { longDay, money, number, phone, t, time, when } from "./words.js";

const AT_FIRST = 50;
const MOST_AGAIN = 500;
const IDS = ["template_code", "sender_id", "out_id", "task_id", "biz_id", "message_id", "action"];

export function conversationPane() {
  const title = el("h2", { tabindex: "-1" });
  const about = el("p", { class: "about" });
  const warning = el("p", { class: "warning", hidden: true });
  const earlier = button(t("earlier"), () => more(), { class: "earlier", hidden: true });
  const list = el("ol", { class: "bubbles" });
  const scroller = el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": t("sum.messages") }, earlier, list);
  const line = curlLine(t("view.phones"));
  const back = el("a", { class: "back" }, `‹ ${t("back")}`);
  const talk = el("div", { class: "talk", hidden: true },
    el("header", {}, back, title, about, warning), scroller,
    el("footer", { class: "tools" }, el("details", {}, el("summary", {}, t("as.curl")), line.node)));
  const choose = el("p", { class: "choose" }, t("choose"));
  const node = el("div", { class: "pane conversation" }, choose, talk);

  let chosen = "";
  let messages = new Map();
  let bubbles = new Map();
  let next = null;
  let place = {};

  async function load(wanted) {
    if (!wanted.phone) return null;
    const again = wanted.phone === chosen ? Math.min(Math.max(messages.size, AT_FIRST), MOST_AGAIN) : AT_FIRST;
    return call("GET", `/phones/${encodeURIComponent(wanted.phone)}${query({ limit: again })}`);
  }

  function show(wanted, result) {
    place = wanted;
    choose.hidden = Boolean(result);
    talk.hidden = !result;
    if (!result) {
      chosen = "";
      return;
    }
    const isNew = chosen !== wanted.phone || result.total < messages.size;
    if (isNew) {
      chosen = wanted.phone;
      messages = new Map();
      bubbles = new Map();
    }
    const atBottom = isNew || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
    if (isNew || result.messages.length >= messages.size) next = result.earlier;
    take(result.messages);
    head(result);
    if (atBottom) scroller.scrollTop = scroller.scrollHeight;
  }

  function take(found) {
    for (const one of found) messages.set(one.nth, one);
    const sorted = [...messages.values()].sort((one, other) => one.nth - other.nth);
    const nodes = [];
    let day = "";
    for (const one of sorted) {
      const its = longDay(one.accepted_at);
      if (its !== day) nodes.push(separator(its));
      day = its;
      nodes.push(bubble(one));
    }
    arrange(list, nodes);
    earlier.hidden = next === null;
  }

  function separator(day) {
    if (!bubbles.has(day)) bubbles.set(day, el("li", { class: "day" }, day));
    return bubbles.get(day);
  }

  function head(result) {
    title.textContent = phone(result.number);
    const carrier = result.carrier ? t(`carrier.${result.carrier}`) : t("abroad");
    about.textContent = `${carrier} · ${t("messages", { n: result.total })}`;
    warning.hidden = !result.surplus;
    warning.textContent = t("surplus.note", { n: result.surplus });
    back.href = `#phones${query({ ...place, phone: "" })}`;
    line.show("GET", `/phones/${result.number}`);
  }

  async function more() {
    const found = await call("GET", `/phones/${encodeURIComponent(chosen)}${query({ before: next, limit: AT_FIRST })}`);
    next = found.earlier;
    const before = scroller.scrollHeight - scroller.scrollTop;
    take(found.messages);
    scroller.scrollTop = scroller.scrollHeight - before;
  }

  function bubble(one) {
    const state = JSON.stringify([one.status, one.receipt_in === null, place.q, one.cost, conversationPane.currency]);
    const kept = bubbles.get(one.nth);
    if (kept?.dataset.state === state) return kept;
    const made = el("li", { class: one.surplus_of ? "message surplus" : "message" },
      el("div", { class: "bubble" }, signed(one)),
      one.surplus_of ? el("p", { class: "same" }, sameText(one.surplus_of)) : null,
      el("p", { class: "meta" }, el("time", { datetime: one.accepted_at, title: one.accepted_at }, time(one.accepted_at)),
        " · ", statusMark(one), receipt(one),
        " · ", t("parts", { n: one.parts }), " · ", money(one.cost, conversationPane.currency)),
      details(one, kept?.querySelector("details")?.open ?? false));
    made.dataset.state = state;
    bubbles.set(one.nth, made);
    return made;
  }

  function signed(one) {
    const signature = one.sign_name ? `【${one.sign_name}】` : "";
    const rest = one.content.startsWith(signature) ? one.content.slice(signature.length) : one.content;
    const head = rest === one.content ? "" : signature;
    return [head ? el("b", {}, marked(head, place.q)) : null, ...marked(rest, place.q)];
  }

  function sameText(first) {
    const rest = t(first.same_out_id ? "surplus.same.out.id" : "surplus.other.out.id");
    return t("surplus.here", { nth: first.nth, time: when(first.accepted_at) }) + rest;
  }

  function receipt(one) {
    if (!one.receipt_at) return "";
    const seconds = (new Date(one.receipt_at) - new Date(one.accepted_at)) / 1000;
    return el("span", {}, " ", el("time", { datetime: one.receipt_at, title: one.receipt_at }, time(one.receipt_at)),
      seconds >= 1 ? ` (${t("after", { seconds: number(Math.round(seconds * 10) / 10) })})` : "");
  }

  function details(one, open) {
    const lines = IDS.filter((name) => one[name]).flatMap((name) => [el("dt", {}, t(name)), el("dd", {}, value(name, one[name]))]);
    return el("details", { open }, el("summary", {}, t("details")), el("dl", {}, lines,
      el("dt", {}, t("accepted_at")), el("dd", {}, one.accepted_at),
      one.receipt_at ? [el("dt", {}, t("receipt_at")), el("dd", {}, `${one.receipt_at} ${one.err_code}`)] : null));
  }

  // Ids that several messages share lead to all of them.
  function value(name, text) {
    return name === "action" ? text : el("a", { href: `#phones${query({ q: text, phone: chosen })}` }, text);
  }

  return { node, load, show, focus: () => title.focus(), soonest: () => (chosen ? soonest([...messages.values()]) : Infinity) };
}

conversationPane.currency = "";
