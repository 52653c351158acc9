// SPDX-License-Identifier: Apache-2.0
// The campaigns with their counts; what is surplus stands in red.

import { call, curlLine, query } from "./api.js";
import { arrange, el } from "./dom.js";
import { campaignName } from "./phones.js";
import { money, number, t, when } from "./words.js";

const SHARES = ["delivered", "failed", "pending"];

export function campaignsPane() {
  const list = el("ul", { class: "campaigns", "aria-label": t("view.campaigns") });
  const line = curlLine(t("view.campaigns"));
  const node = el("section", { class: "wide", "aria-labelledby": "campaigns-title" },
    el("h2", { id: "campaigns-title" }, t("view.campaigns")), el("p", { class: "about" }, t("campaigns.about")), list,
    el("details", { class: "tools" }, el("summary", {}, t("as.curl")), line.node));
  const cards = new Map();
  line.show("GET", "/campaigns");

  function card(one, currency) {
    const state = JSON.stringify([one, currency]);
    const kept = cards.get(one.id);
    if (kept?.dataset.state === state) return kept;
    const made = kept ?? el("li");
    made.className = one.surplus ? "campaign has-surplus" : "campaign";
    made.dataset.state = state;
    // The link of the title stays the same element: it may have the focus.
    const link = made.querySelector("h3 a") ?? el("a");
    link.href = `#phones${query({ campaign: one.id })}`;
    link.textContent = campaignName(one);
    const title = link.parentNode ?? el("h3", {}, link);
    made.replaceChildren(title, ...facts(one, currency));
    cards.set(one.id, made);
    return made;
  }

  function facts(one, currency) {
    return [
      one.account === "first" ? null : el("p", { class: "about" }, t("account", { name: one.account })),
      el("p", { class: "big" }, el("b", {}, t("messages", { n: one.messages })), ` · ${t("phones", { n: one.phones })}`),
      bar(one),
      el("p", { class: "meta" }, SHARES.map((name) => el("span", { class: `status ${name}` }, `${number(one[name])} ${t(name)}`))),
      one.surplus
        ? el("p", { class: "warning" }, el("a", { href: `#phones${query({ campaign: one.id, surplus: "1" })}` }, t("campaign.surplus", { n: one.surplus })))
        : el("p", { class: "fine" }, `✓ ${t("campaign.surplus.none")}`),
      one.messages - one.phones > one.surplus ? el("p", { class: "meta" }, t("campaign.repeated", { n: one.messages - one.phones - one.surplus })) : null,
      el("p", { class: "meta" }, `${t("parts", { n: one.parts })} · ${money(one.cost, currency)}`),
      el("p", { class: "meta" }, `${t("campaign.first")} ${when(one.first_at)} · ${t("campaign.last")} ${when(one.last_at)}`),
    ].filter(Boolean);
  }

  function bar(one) {
    const words = SHARES.map((name) => `${number(one[name])} ${t(name)}`).join(", ");
    return el("div", { class: "bar", role: "img", "aria-label": words }, SHARES.map((name) => {
      const share = el("span", { class: name });
      share.style.flexGrow = one[name];
      return share;
    }));
  }

  return {
    node,
    load: () => call("GET", "/campaigns"),
    show: (found, currency) => arrange(list, found.length ? found.map((one) => card(one, currency)) : [el("li", { class: "nothing" }, t("campaigns.none"))]),
    links: () => [...list.querySelectorAll("h3 a")],
  };
}
