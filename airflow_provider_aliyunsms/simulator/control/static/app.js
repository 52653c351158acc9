// SPDX-License-Identifier: Apache-2.0
// The page: what is shown follows the address, and what is new follows the events of the simulator.

import { query, Unreachable } from "./api.js";
import { campaignsPane } from "./campaigns.js";
import { controlsPane } from "./controls.js";
import { conversationPane } from "./conversation.js";
import * as dialogs from "./dialogs.js";
import { arrange, button, el } from "./dom.js";
import { listen, refresher } from "./live.js";
import { phonesPane } from "./phones.js";
import { LANGUAGE, money, number, t } from "./words.js";

const VIEWS = ["phones", "campaigns", "controls"];
const NAMES = ["q", "status", "campaign", "surplus", "page", "phone"];
const LONGEST_TIMER_S = 3600;

const main = document.getElementById("view");
const live = document.getElementById("live");
let summary = { messages: 0, currency: "" };
let timer = null;
let shownView = "";

function readPlace() {
  const [view, rest = ""] = location.hash.replace(/^#/, "").split("?");
  const values = new URLSearchParams(rest);
  const place = Object.fromEntries(NAMES.map((name) => [name, values.get(name) ?? ""]));
  return { view: VIEWS.includes(view) ? view : "phones", place };
}

// Changes parts of the address; quietly means that the browser's back button passes it by.
function go(changes, { quietly = false } = {}) {
  const { view, place } = readPlace();
  const hash = `#${view}${query({ ...place, ...changes })}`;
  if (quietly) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  update();
}

const refresh = refresher(async () => {
  try {
    await load();
  } catch (error) {
    // When the simulator has gone, the stream of events says so and tries again.
    if (!(error instanceof Unreachable)) throw error;
  }
});
const askToClear = () => dialogs.askToClear({ messages: summary.messages, done: refresh.now });
const askToReset = () => dialogs.askToReset({ done: refresh.now });
const phones = phonesPane({ go, askToClear });
const conversation = conversationPane();
const campaigns = campaignsPane();
const controls = controlsPane({ refresh: refresh.now, askToClear, askToReset });
const inbox = el("div", { class: "inbox" }, phones.node, conversation.node);
const NODES = { phones: inbox, campaigns: campaigns.node, controls: controls.node };

async function load() {
  const { view, place } = readPlace();
  if (view === "phones") {
    const [found, talk] = await Promise.all([phones.load(place), conversation.load(place)]);
    if (isPast(view, place)) return;
    phones.show(place, found);
    conversation.show(place, talk);
    wakeUp();
  } else if (view === "campaigns") {
    const found = await campaigns.load();
    campaigns.show(found, summary.currency);
    if (found.some((one) => one.pending)) wakeUp(1);
  } else controls.show(await controls.load());
}

// Whether the address has changed while the simulator was asked.
function isPast(view, place) {
  const now = readPlace();
  const past = now.view !== view || JSON.stringify(now.place) !== JSON.stringify(place);
  if (past) refresh.now();
  return past;
}

// A delivery changes without an event: when its time has come.
function wakeUp(least = 0) {
  clearTimeout(timer);
  const seconds = Math.max(least, Math.min(phones.soonest(), conversation.soonest(), LONGEST_TIMER_S)) + 0.05;
  timer = setTimeout(() => !document.hidden && refresh.now(), seconds * 1000);
}

function update() {
  const { view, place } = readPlace();
  const hadPhone = inbox.classList.contains("talking");
  inbox.classList.toggle("talking", Boolean(place.phone));
  for (const link of document.querySelectorAll("#views a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shownView !== view) arrange(main, [NODES[view]]);
  shownView = view;
  document.title = `${t(`view.${view}`)} – ${t("title")}`;
  if (place.phone && !hadPhone) requestAnimationFrame(() => matchMedia("(max-width: 46rem)").matches && conversation.focus());
  refresh.now();
}

function showSums() {
  const items = [["messages", summary.messages], ["phones", summary.phones], ["requests", summary.requests], ["refused", summary.refused], ["faults", summary.faults_played]];
  const sums = items.map(([name, value]) => el("li", { class: `sum-${name}` }, el("b", {}, number(value)), ` ${t(`sum.${name}`)}`));
  sums.push(el("li", { class: "sum-cost" }, el("b", {}, money(summary.cost, summary.currency)), ` ${t("sum.cost")}`));
  const surplus = el("a", { href: "#phones?surplus=1", title: t("sum.surplus.about") }, el("b", {}, number(summary.surplus)), ` ${t("sum.surplus")}`);
  sums.splice(2, 0, el("li", { class: summary.surplus ? "sum-surplus surplus" : "sum-surplus" }, surplus));
  arrange(document.getElementById("sums"), sums);
}

function tell(state) {
  live.className = `live ${state}`;
  live.textContent = t(`live.${state}`);
}

function heard(data) {
  summary = data.summary;
  conversationPane.currency = summary.currency;
  showSums();
  refresh.soon();
}

function moveInList(step) {
  const links = readPlace().view === "campaigns" ? campaigns.links() : phones.links();
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const chosen = links.findIndex((one) => one.hasAttribute("aria-current"));
  const from = at >= 0 ? at : chosen;
  links[Math.max(0, Math.min(links.length - 1, from + step))].focus();
}

function leave() {
  const { view, place } = readPlace();
  const active = document.activeElement;
  if (view === "phones" && place.phone) {
    go({ phone: "" });
    phones.links().find((one) => one.href.includes(`phone=${place.phone}`))?.focus();
  } else active?.blur();
}

const KEYS = {
  "/": () => { if (readPlace().view !== "phones") location.hash = "#phones"; requestAnimationFrame(phones.focusSearch); },
  j: () => moveInList(1),
  k: () => moveInList(-1),
  ArrowDown: () => moveInList(1),
  ArrowUp: () => moveInList(-1),
  "?": dialogs.showKeys,
  1: () => (location.hash = "#phones"),
  2: () => (location.hash = "#campaigns"),
  3: () => (location.hash = "#controls"),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = event.target;
  if (event.key === "Escape") leave();
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  if (typing && target.id === "search" && event.key === "ArrowDown") {
    event.preventDefault();
    phones.links()[0]?.focus();
    return;
  }
  // The arrows scroll what has the focus, unless that is the list.
  const scrolls = event.key.startsWith("Arrow") && !(target === document.body || target.closest(".phones, .campaigns"));
  if (typing || scrolls || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
}

function start() {
  document.documentElement.lang = LANGUAGE === "zh" ? "zh-CN" : "en";
  document.querySelector("h1 a").textContent = t("title");
  document.getElementById("views").append(
    ...VIEWS.map((view) => el("a", { href: `#${view}`, "data-view": view }, t(`view.${view}`))),
    button(t("keys"), dialogs.showKeys, { class: "small" }));
  // The address that the page had before it had conversations.
  const old = new URLSearchParams(location.search).get("number");
  if (old) history.replaceState(null, "", `${location.pathname}#phones${query({ phone: old.replace(/[^0-9]/g, ""), q: old })}`);
  addEventListener("hashchange", update);
  addEventListener("popstate", update);
  addEventListener("keydown", pressed);
  listen({ tell, heard });
  update();
}

start();
