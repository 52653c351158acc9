// SPDX-License-Identifier: Apache-2.0
// The list of phones with its search; one page of it at a time, whatever the inbox holds.

import { address, call, curlLine, query } from "./api.js";
import { arrange, button, el, marked } from "./dom.js";
import { phone, t, when } from "./words.js";

const ON_PAGE = 50;
const TYPING_PAUSE_MS = 150;
const STATUSES = ["pending", "delivered", "failed"];

export function statusMark(message) {
  const never = message.status === "pending" && message.receipt_in === null;
  const sign = { pending: never ? "–" : "…", delivered: "✓", failed: "✕" }[message.status];
  const word = never ? t("never") : t(message.status);
  const code = message.status === "failed" ? ` ${message.err_code}` : "";
  return el("span", { class: `status ${message.status}` }, el("span", { "aria-hidden": "true" }, sign), ` ${word}${code}`);
}

// Makes the left side; go(changes) changes the address, askToClear() opens the dialog.
export function phonesPane({ go, askToClear }) {
  const search = el("input", { type: "search", id: "search", "aria-label": t("search"), placeholder: t("search.hint"), autocomplete: "off", spellcheck: "false" });
  const status = el("select", { "aria-label": t("status") }, el("option", { value: "" }, t("status.any")), STATUSES.map((one) => el("option", { value: one }, t(one))));
  const surplus = el("input", { type: "checkbox" });
  const campaign = el("p", { class: "chip", hidden: true });
  const found = el("p", { class: "found", role: "status" });
  const list = el("ul", { class: "phones", "aria-label": t("view.phones") });
  const pager = el("nav", { class: "pager", "aria-label": t("view.phones") });
  const line = curlLine(t("search"));
  const csv = el("a", { download: "" }, t("export.csv"));
  const json = el("a", { download: "" }, t("export.json"));
  const exportLine = curlLine(t("export.csv"));
  const rows = new Map();
  let shown = null;
  let timer = null;

  const change = () => go({ q: search.value.trim(), status: status.value, surplus: surplus.checked ? "1" : "", page: "" }, { quietly: true });
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(change, TYPING_PAUSE_MS);
  });
  status.addEventListener("change", change);
  surplus.addEventListener("change", change);

  const node = el("section", { class: "pane list", "aria-label": t("view.phones") },
    el("form", { class: "search", role: "search", onsubmit: (event) => { event.preventDefault(); clearTimeout(timer); change(); } },
      search, status,
      el("label", { class: "check" }, surplus, el("span", {}, t("surplus.only")))),
    campaign, found, list, pager,
    el("footer", { class: "tools" }, csv, json, button(t("clear"), askToClear, { class: "danger" }),
      el("details", {}, el("summary", {}, t("as.curl")), line.node, exportLine.node)));

  const wanted = (place) => ({ q: place.q, status: place.status, campaign: place.campaign, surplus: place.surplus ? "true" : "" });

  async function load(place) {
    const page = Number(place.page || 1);
    const path = `/phones${query({ ...wanted(place), offset: (page - 1) * ON_PAGE || "", limit: ON_PAGE })}`;
    const found = await call("GET", path);
    // The inbox was cleared, or the search finds less than before.
    if (!found.phones.length && page > 1) go({ page: "" }, { quietly: true });
    return { found, path, page };
  }

  function show(place, { found: result, path, page }) {
    shown = result;
    if (document.activeElement !== search) search.value = place.q;
    status.value = place.status;
    surplus.checked = Boolean(place.surplus);
    found.textContent = t("found", { phones: t("phones", { n: result.total_phones }), messages: t("messages", { n: result.total_messages }) });
    showCampaign(place);
    arrange(list, result.phones.map((one) => row(one, place)));
    for (const key of [...rows.keys()]) if (!result.phones.some((one) => one.number === key)) rows.delete(key);
    if (!result.phones.length) arrange(list, [nothing(place)]);
    showPager(result, page);
    line.show("GET", path);
    csv.href = address(`/export${query({ format: "csv", ...wanted(place) })}`);
    json.href = address(`/export${query({ format: "json", ...wanted(place) })}`);
    exportLine.show("GET", `/export${query({ format: "csv", ...wanted(place) })}`);
  }

  function showCampaign(place) {
    campaign.hidden = !place.campaign;
    const name = shown.phones[0] ? campaignName(shown.phones[0].newest) : place.campaign;
    const remove = button("✕", () => go({ campaign: "", page: "" }), { class: "small", "aria-label": t("remove.filter") });
    campaign.replaceChildren(t("campaign.only", { name }), " ", remove);
  }

  function nothing(place) {
    const isSearch = place.q || place.status || place.campaign || place.surplus;
    const words = isSearch ? [t("phones.no.match")] : [el("b", {}, t("phones.none")), el("br"), t("phones.none.hint", { url: location.origin })];
    return el("li", { class: "nothing" }, words);
  }

  function row(one, place) {
    const link = rows.get(one.number)?.firstChild ?? el("a");
    if (!rows.has(one.number)) rows.set(one.number, el("li", {}, link));
    const isChosen = place.phone === one.number;
    link.href = `#phones${query({ ...place, phone: one.number })}`;
    link.toggleAttribute("aria-current", isChosen);
    if (isChosen) link.setAttribute("aria-current", "true");
    link.classList.toggle("has-surplus", one.surplus > 0);
    link.replaceChildren(
      el("span", { class: "number" }, phone(one.number)),
      el("time", { datetime: one.newest.accepted_at }, when(one.newest.accepted_at)),
      el("span", { class: "preview" }, marked(one.newest.content.slice(0, 200), place.q)),
      el("span", { class: "marks" }, statusMark(one.newest),
        one.messages > 1 ? el("span", { class: "badge" }, t("messages", { n: one.messages })) : null,
        one.surplus ? el("span", { class: "badge surplus" }, t("surplus.badge", { n: one.surplus })) : null));
    return rows.get(one.number);
  }

  function showPager(result, page) {
    const last = Math.max(1, Math.ceil(result.total_phones / ON_PAGE));
    const from = result.total_phones ? result.offset + 1 : 0;
    const place = t("page.of", { from, to: result.offset + result.phones.length, total: result.total_phones });
    const turn = (to, label, off) => button(label, () => { go({ page: to > 1 ? String(to) : "" }); list.scrollTop = 0; }, { disabled: off });
    arrange(pager, [turn(page - 1, t("page.previous"), page <= 1), el("span", {}, place), turn(page + 1, t("page.next"), page >= last)]);
    pager.hidden = last === 1;
  }

  return {
    node,
    load,
    show,
    focusSearch: () => search.focus(),
    links: () => [...list.querySelectorAll("a")],
    soonest: () => soonest(shown?.phones.map((one) => one.newest) ?? []),
  };
}

// Seconds until the delivery of one of these messages changes; Infinity when none of them will.
export function soonest(messages) {
  return Math.min(Infinity, ...messages.map((one) => one.receipt_in ?? Infinity));
}

export function campaignName(one) {
  if (one.api === "china") return `${one.template_code} 【${one.sign_name}】`;
  return `Globe ${one.sender_id ?? t("no.sender")}`;
}
