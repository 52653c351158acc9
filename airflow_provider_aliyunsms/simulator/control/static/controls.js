// SPDX-License-Identifier: Apache-2.0
// Faults, settings and definitions; each control shows the curl line that does the same.

import { call, curlLine } from "./api.js";
import { arrange, button, el, field } from "./dom.js";
import { FAULTS } from "./fault_words.js";
import { faultWords, number, t, time } from "./words.js";

const ACTIONS = ["SendBatchSms", "SendSms", "QuerySendDetails", "BatchSendMessageToGlobe", "SendMessageToGlobe", "QueryMessage",
  "GetSmsTemplate", "GetSmsSign", "QuerySmsTemplateList", "QuerySmsSignList"];
const WITH_SECONDS = ["delay", "delay_before", "throttle"];
const NUMBERS = ["delivery_delay", "record_lag", "china_qps", "globe_qps", "clock_offset", "china_price", "globe_price"];
const WHOLE = ["china_qps", "globe_qps"];
const SWITCHES = ["limits_frequency", "refuses_undefined", "refuses_nonces", "accepts_in_part", "shows_out_id", "globe_reads_form", "tells_time"];
const KINDS = ["notification", "otp", "promotion", "international"];
const STATUSES = ["approved", "in review", "rejected", "cancelled"];
const FILINGS = ["filed", "filed but unverified", "filing", "failed", "lapsed", "not filed"];
const CARRIERS = ["mobile", "unicom", "telecom"];

const choice = (values, words = (one) => one) => el("select", {}, values.map((one) => el("option", { value: one }, words(one))));
const amount = (value, attributes = {}) => el("input", { type: "number", value, min: "0", step: "any", ...attributes });

export function controlsPane({ refresh, askToClear, askToReset }) {
  const said = el("p", { class: "said", role: "status" });

  // Calls, says what came of it, and has the page ask for what is there now.
  async function act(method, path, body, words = t("done")) {
    try {
      await call(method, path, body);
      said.textContent = words;
      return true;
    } catch (error) {
      said.textContent = t("failed.call", { reason: error.message });
      return false;
    } finally {
      refresh();
    }
  }

  const columns = [[faultCard(act), optionsCard(act)], [openFaults(act), templatesCard(act), signaturesCard(act)]];
  const parts = columns.flat();
  const danger = card(t("danger.title"), "", button(t("clear"), askToClear, { class: "danger" }), button(t("reset"), askToReset, { class: "danger" }));
  const node = el("div", { class: "wide" }, el("h2", { class: "hidden" }, t("view.controls")), said,
    el("div", { class: "columns" }, columns.map((column, position) => el("div", {}, column.map((one) => one.node), position ? danger : null))));

  async function load() {
    const [faults, options, templates, signatures] = await Promise.all(
      ["/misbehave", "/options", "/templates", "/signatures"].map((path) => call("GET", path)));
    return { faults, options, templates, signatures };
  }

  return { node, load, show: (found) => parts.forEach((one) => one.show(found)) };
}

let cards = 0;

function card(title, about, ...children) {
  cards += 1;
  const id = `card-${cards}`;
  return el("section", { class: "card", "aria-labelledby": id }, el("h3", { id }, title), about ? el("p", { class: "about" }, about) : null, ...children);
}

// A form whose line follows what is typed; read() returns the body of the call, null while there is none.
function form({ name, fields, save, path, act, read, done = () => {} }) {
  const line = curlLine(name);
  const update = () => {
    const body = read();
    save.disabled = body === null;
    line.show(body === null ? "GET" : "POST", path, body === null ? undefined : body);
  };
  const node = el("form", {
    oninput: update,
    onchange: update,
    onsubmit: async (event) => {
      event.preventDefault();
      const body = read();
      if (body !== null && (await act("POST", path, body, `${name}: ${t("done")}`))) done();
      update();
    },
  }, fields, save, line.node);
  update();
  return { node, update };
}

function faultCard(act) {
  const kind = choice(Object.keys(FAULTS));
  const action = choice(["", ...ACTIONS], (one) => one || t("any.call"));
  const [times, skip] = [amount(1, { min: "1", step: "1" }), amount(0, { step: "1" })];
  const [seconds, probability] = [amount(1), amount(1, { max: "1" })];
  const [code, status, message] = [el("input", { value: "isv.INVALID_PARAMETERS" }), amount(200, { min: "200", max: "599", step: "1" }), el("input", { value: "refused" })];
  const request = el("span");
  const client = el("span");
  const ofDelay = [field(t("fault.seconds"), seconds)];
  const ofRefusal = [field(t("fault.code"), code), field(t("fault.status"), status), field(t("fault.message"), message)];

  function read() {
    const body = { fault: kind.value };
    if (action.value) body.action = action.value;
    if (times.value !== "1") body.times = times.value === "" ? null : Number(times.value);
    if (Number(skip.value)) body.skip = Number(skip.value);
    if (Number(probability.value) !== 1) body.probability = Number(probability.value);
    if (WITH_SECONDS.includes(kind.value)) body.seconds = Number(seconds.value);
    if (kind.value === "refuse") Object.assign(body, { code: code.value, status: Number(status.value), message: message.value });
    return body;
  }

  const explain = () => {
    [request.textContent, client.textContent] = faultWords(kind.value);
    ofDelay.forEach((one) => (one.hidden = !WITH_SECONDS.includes(kind.value)));
    ofRefusal.forEach((one) => (one.hidden = kind.value !== "refuse"));
  };
  kind.addEventListener("change", explain);
  explain();
  const words = el("dl", { class: "does" }, el("dt", {}, t("fault.request")), el("dd", {}, request), el("dt", {}, t("fault.client")), el("dd", {}, client));
  const fields = [field(t("fault.kind"), kind), words, el("div", { class: "fields" }, field(t("fault.action"), action),
    field(t("fault.times"), times, t("fault.times.hint")), field(t("fault.skip"), skip), ofDelay, field(t("fault.probability"), probability), ofRefusal)];
  const save = el("button", { class: "main" }, t("fault.plan"));
  const made = form({ name: t("fault.title"), fields, save, path: "/misbehave", act, read });
  return { node: card(t("fault.title"), t("fault.about"), made.node), show: () => {} };
}

function openFaults(act) {
  const list = el("ul", { class: "rows" });
  const played = el("ul", { class: "rows played", "aria-label": t("faults.played") });
  const sum = el("p", { class: "about" });
  const back = button(t("faults.back"), () => act("DELETE", "/misbehave", undefined, t("all.faults.back")));
  const line = curlLine(t("faults.back"));
  line.show("DELETE", "/misbehave");

  function planned(one) {
    const often = one.times === null ? t("fault.left.all") : t("fault.left", { n: one.times });
    const words = [one.action ?? t("any.call"), often, one.skip ? t("fault.after", { n: one.skip }) : "", one.probability < 1 ? t("fault.chance", { n: one.probability }) : ""];
    return el("li", {}, el("b", {}, one.kind), ` · ${words.filter(Boolean).join(" · ")}`);
  }

  function show({ faults }) {
    arrange(list, faults.open.length ? faults.open.map(planned) : [el("li", { class: "about" }, t("faults.open.none"))]);
    back.disabled = !faults.open.length;
    const total = Object.values(faults.played).reduce((one, other) => one + other, 0);
    sum.textContent = total ? t("faults.played.sum", { n: total }) : t("faults.played.none");
    arrange(played, faults.recent.slice(0, 20).map((one) =>
      el("li", {}, el("time", { datetime: one.at }, time(one.at)), " ", el("b", {}, one.kind), ` · ${one.action}`)));
  }

  return { node: card(t("faults.open"), "", list, back, line.node, el("h4", {}, t("faults.played")), sum, played), show };
}

function optionsCard(act) {
  const inputs = new Map();
  for (const name of NUMBERS) inputs.set(name, amount("", name === "clock_offset" ? { min: null } : WHOLE.includes(name) ? { step: "1" } : {}));
  for (const name of SWITCHES) inputs.set(name, el("input", { type: "checkbox" }));
  const touched = new Set();
  let current = {};
  const valueOf = (input) => (input.type === "checkbox" ? input.checked : Number(input.value));

  function read() {
    const changes = [...inputs].filter(([name, input]) => touched.has(name) && valueOf(input) !== current[name]);
    return changes.length ? Object.fromEntries(changes.map(([name, input]) => [name, valueOf(input)])) : null;
  }

  const label = (name) => (SWITCHES.includes(name)
    ? el("label", { class: "check" }, inputs.get(name), el("span", {}, t(name)))
    : field(t(name), inputs.get(name)));
  for (const [name, input] of inputs) input.addEventListener("input", () => touched.add(name));
  const save = el("button", { class: "main" }, t("options.save"));
  const fields = [el("div", { class: "fields" }, NUMBERS.map(label)), el("div", { class: "switches" }, SWITCHES.map(label))];
  const made = form({ name: t("options.title"), fields, save, path: "/options", act, read, done: () => touched.clear() });

  // What somebody is typing stays, whatever another page or a test changes meanwhile.
  function show({ options }) {
    current = options;
    for (const [name, input] of inputs) {
      if (touched.has(name)) continue;
      if (input.type === "checkbox") input.checked = options[name];
      else input.value = options[name];
    }
    made.update();
  }

  return { node: card(t("options.title"), t("options.about"), made.node), show };
}

function templatesCard(act) {
  const list = el("ul", { class: "rows" });
  const code = el("input", { value: "SMS_152550005", required: true, maxlength: "64" });
  const text = el("textarea", { rows: "2", required: true, maxlength: "2000" });
  text.value = "亲爱的${name}，您好。";
  const [kind, status] = [choice(KINDS), choice(STATUSES)];
  const read = () => (code.value && text.value ? { [code.value]: { text: text.value, kind: kind.value, status: status.value } } : null);
  const fields = [el("div", { class: "fields" }, field(t("template.code"), code), field(t("template.kind"), kind), field(t("template.status"), status)), field(t("template.text"), text)];
  const made = form({ name: t("template.save"), fields, save: el("button", { class: "main" }, t("template.save")), path: "/templates", act, read });

  function show({ templates }) {
    const defined = Object.entries(templates);
    arrange(list, defined.length
      ? defined.map(([name, one]) => el("li", {}, el("b", {}, name), ` · ${one.kind} · ${one.status}`, el("br"), one.text))
      : [el("li", { class: "about" }, t("templates.none"))]);
  }

  return { node: card(t("templates.title"), t("templates.about"), list, made.node), show };
}

function signaturesCard(act) {
  const list = el("ul", { class: "rows" });
  const name = el("input", { value: "测试", required: true, maxlength: "64" });
  const status = choice(STATUSES);
  const filings = CARRIERS.map(() => choice(FILINGS));

  function read() {
    if (!name.value) return null;
    const carriers = Object.fromEntries(CARRIERS.map((one, position) => [one, filings[position].value]).filter(([, filing]) => filing !== "filed"));
    return { [name.value]: { status: status.value, carriers } };
  }

  const fields = el("div", { class: "fields" }, field(t("signature.name"), name), field(t("template.status"), status),
    CARRIERS.map((one, position) => field(t(`carrier.${one}`), filings[position])));
  const made = form({ name: t("signature.save"), fields, save: el("button", { class: "main" }, t("signature.save")), path: "/signatures", act, read });

  function show({ signatures }) {
    arrange(list, Object.entries(signatures).map(([sign, one]) => {
      const filed = Object.entries(one.carriers).map(([carrier, filing]) => `${t(`carrier.${carrier}`)}: ${filing}`);
      return el("li", {}, el("b", {}, `【${sign}】`), ` · ${[one.status, ...filed].join(" · ")}`);
    }));
  }

  return { node: card(t("signatures.title"), t("signatures.about"), list, made.node), show };
}
