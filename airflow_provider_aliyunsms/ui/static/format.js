// SPDX-License-Identifier: Apache-2.0
// Numbers, times and texts as the reader writes them: in the language of the page, in the reader's zone.

import { WORDS } from "./words.js";

/** The language of the page: Airflow's choice if there is one, else the browser's. */
export const language = chooseLanguage();
const locale = { en: "en-GB", zh: "zh-CN" }[language];
const words = WORDS[language];
const plural = new Intl.PluralRules(locale);

/** The zone in which times are shown: Airflow's choice if there is one, else the browser's. */
export const zone = chooseZone();

const whole = new Intl.NumberFormat(locale);
const share = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
const roundShare = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
const rate = new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 });
const clock = formatter({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = formatter({ hour: "2-digit", minute: "2-digit" });
const day = formatter({ year: "numeric", month: "short", day: "numeric" });
const full = formatter({ dateStyle: "medium", timeStyle: "medium" });
const isoDay = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });

function formatter(options) {
  return new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
}

function chooseLanguage() {
  const wanted = [stored("i18nextLng"), ...navigator.languages].filter(Boolean);
  // whoever reads neither gets English
  return wanted[0]?.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function chooseZone() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const chosen = JSON.parse(stored("timezone") ?? "null");
    if (chosen) return new Intl.DateTimeFormat("en", { timeZone: chosen }).resolvedOptions().timeZone;
  } catch {
    // not a zone, or not one that this browser knows
  }
  return own;
}

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/**
 * Return a text of the page.
 *
 * @param {string} key in `words.js`; with `count`, the forms `key_one` and `key_other`.
 * @param {object} values for the places in braces; `count` is written as a number.
 */
export function say(key, values = {}) {
  const form = "count" in values ? `${key}_${plural.select(values.count)}` : key;
  const text = words[form] ?? words[`${key}_other`] ?? key;
  const shown = "count" in values ? { ...values, count: number(values.count) } : values;
  return text.replace(/\{(\w+)\}/g, (_, name) => shown[name] ?? "");
}

/** Return one of the texts that the server has in both languages. */
export function translated(holder, name) {
  return (language === "zh" && holder[`${name}_zh`]) || holder[name] || "";
}

/** Write a whole number; a dash for null. */
export function number(value) {
  return value === null || value === undefined ? "–" : whole.format(value);
}

/** Write the share of a part; never 0 % or 100 % when it is not exactly that. */
export function percent(part, total) {
  if (!total) return "–";
  const value = part / total;
  if (value > 0 && value < 0.001) return `<\u00a0${share.format(0.001)}`;
  if (value < 1 && value > 0.999) return `>\u00a0${share.format(0.999)}`;
  return value === 0 || value === 1 ? roundShare.format(value) : share.format(value);
}

/** Write a pace, in messages a second. */
export function pace(value) {
  return rate.format(value);
}

/** Write a number of seconds as a person would say it: "3 min 20 s". */
export function duration(seconds) {
  const total = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(total / 86400), "days"],
    [Math.floor(total / 3600) % 24, "hours"],
    [Math.floor(total / 60) % 60, "minutes"],
    [total % 60, "seconds"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return say("seconds", { n: 0 });
  return parts
    .slice(first, first + 2)
    .filter(([value], index) => index === 0 || value > 0)
    .map(([value, unit]) => say(unit, { n: value }))
    .join(" ");
}

/** Write a moment: the time alone when it is of today. */
export function moment(stamp) {
  if (!stamp) return "–";
  const at = new Date(stamp);
  return isoDay.format(at) === isoDay.format(Date.now()) ? `${say("today")} ${minute.format(at)}` : dated(at);
}

function dated(at) {
  return `${day.format(at)} ${minute.format(at)}`;
}

/** Write a moment with its date and seconds. */
export function exactly(stamp) {
  return stamp ? full.format(new Date(stamp)) : "–";
}

/** Write a moment of today as a clock shows it. */
export function clockTime(stamp) {
  return clock.format(new Date(stamp));
}

/** Name the zone: "Asia/Shanghai (GMT+8)". */
export function zoneName() {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts();
  const offset = parts.find(({ type }) => type === "timeZoneName")?.value;
  return offset && offset !== zone ? `${zone} (${offset})` : zone;
}
