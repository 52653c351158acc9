// SPDX-License-Identifier: Apache-2.0
// Ask before something is removed, and show the keys.

import { call, curlLine } from "./api.js";
import { button, el } from "./dom.js";
import { t } from "./words.js";

function open(title, ...children) {
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, el("h2", { id: "dialog-title" }, title), ...children);
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function ask({ title, hint, yes, method, path, body, done }) {
  const line = curlLine(title);
  line.show(method, path, body);
  const wrong = el("p", { class: "warning", role: "alert", hidden: true });
  const act = async () => {
    try {
      await call(method, path, body);
      dialog.close();
      done();
    } catch (error) {
      wrong.hidden = false;
      wrong.textContent = t("failed.call", { reason: error.message });
    }
  };
  const dialog = open(title, el("p", {}, hint), wrong, line.node,
    el("div", { class: "buttons" }, button(t("no"), () => dialog.close(), { autofocus: true }), button(yes, act, { class: "danger" })));
}

export function askToClear({ messages, done }) {
  ask({ title: t("clear.ask", { n: messages }), hint: t("clear.hint"), yes: t("yes.clear"), method: "DELETE", path: "/messages", done });
}

export function askToReset({ done }) {
  ask({ title: t("reset.ask"), hint: t("reset.hint"), yes: t("yes.reset"), method: "POST", path: "/reset", body: {}, done });
}

export function showKeys() {
  const keys = [["/", "keys.search"], ["j k ↓ ↑", "keys.move"], ["Enter", "keys.open"], ["Esc", "keys.leave"], ["1 2 3", "keys.views"], ["?", "keys.help"]];
  const lines = keys.flatMap(([key, words]) => [el("dt", {}, key.split(" ").map((one) => el("kbd", {}, one))), el("dd", {}, t(words))]);
  const dialog = open(t("keys.title"), el("dl", { class: "keys" }, lines),
    el("div", { class: "buttons" }, button(t("close"), () => dialog.close(), { autofocus: true })));
}
