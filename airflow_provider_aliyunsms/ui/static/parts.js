// SPDX-License-Identifier: Apache-2.0
// What the list and the page of one campaign both show.

import { element } from "./dom.js";
import { duration, exactly, moment, number, pace, say, translated } from "./format.js";

const STATES = new Set([
  ...["scheduled", "queued", "running", "restarting", "success", "failed", "up_for_retry", "up_for_reschedule"],
  ...["deferred", "awaiting_input", "skipped", "upstream_failed", "removed"],
]);
const ENDED = new Set(["success", "failed", "skipped", "upstream_failed", "removed"]);
const SILENCE_S = 60;

/** Whether the task of a campaign has come to its end. */
export function ended(row) {
  return ENDED.has(row.state);
}

/** Name a state in the words of the page. */
export function stateName(state) {
  return STATES.has(state) ? say(`state_${state}`) : state || say("state_none");
}

/** Show a state with Airflow's own word as title. */
export function stateBadge(state) {
  const known = STATES.has(state) ? state : "none";
  return element(
    "span",
    { class: `badge ${known}`, title: state },
    element("span", { class: "dot", "aria-hidden": "true" }),
    stateName(state),
  );
}

/** Say which try it is; empty for a first one that nobody asks about any more. */
export function tryText({ try_number: own, max_tries: total, state }) {
  if (!own || (own === 1 && ((total ?? 1) <= 1 || ENDED.has(state)))) return "";
  return total && total >= own ? say("try_of", { n: own, total }) : say("try", { n: own });
}

/** Tag a rehearsal as one. */
export function dryRunTag() {
  return explained("tag", say("dry_run_why"), say("dry_run"));
}

/** Show something that explains itself when it is pointed at, focused or touched. */
export function explained(kind, why, ...content) {
  return why
    ? element("button", { type: "button", class: kind, "data-tip": why }, ...content)
    : element("span", { class: kind }, ...content);
}

/** Show a moment, with the whole of it as title. */
export function time(stamp) {
  return stamp ? element("time", { datetime: stamp, title: exactly(stamp) }, moment(stamp)) : "–";
}

/** Say how long a campaign took or has been at it. */
export function tookText({ started_at: start, ended_at: end, state }, now) {
  if (!start) return "";
  if (end) return say("took", { time: duration(secondsBetween(start, end)) });
  return state === "running" ? say("runs_for", { time: duration(secondsBetween(start, now)) }) : "";
}

export function secondsBetween(start, end) {
  return (new Date(end) - new Date(start)) / 1000;
}

/** Say how fast a running campaign goes and how long it will take, or that nothing was heard of it. */
export function progressText(row, now) {
  if (row.state !== "running") return [];
  const silence = row.reported_at ? secondsBetween(row.reported_at, now) : 0;
  if (silence > SILENCE_S) return [say("quiet", { time: duration(silence) })];
  return [
    row.pace && say("per_second", { pace: pace(row.pace) }),
    row.seconds_left !== null && row.seconds_left !== undefined && row.pace
      ? say("time_left", { time: duration(row.seconds_left) })
      : null,
  ].filter(Boolean);
}

/** Show a code with its meaning; its advice appears when it is pointed at or focused. */
export function codeChip(code) {
  const meaning = translated(code, "meaning");
  const advice = [code.code, translated(code, "advice")].filter(Boolean).join("\n");
  return element(
    "li",
    { "data-key": code.code },
    explained("code", advice, element("b", {}, number(code.count)), " ", meaning || code.code),
  );
}

/** Show what guards decided: those that let it pass together, the others one by one; the reasons appear as tips. */
export function guardChips(guards) {
  const passed = guards.filter(({ decision }) => decision === "go");
  const reasons = passed.map(({ guard, reason }) => `${guard}: ${reason}`).join("\n");
  return [
    guards
      .filter(({ decision }) => decision !== "go")
      .map(({ guard, decision, reason }) =>
        chip(guard, `guard ${decision}`, reason, say("guard_verdict", { guard, decision: decisionName(decision) })),
      ),
    passed.length > 0 && chip("passed", "guard go", reasons, say("guards_passed", { count: passed.length })),
  ];
}

function chip(key, kind, why, text) {
  return element("li", { "data-key": `guard ${key}` }, explained(kind, why, text));
}

/** Name the decision of a guard. */
export function decisionName(decision) {
  return ["go", "wait", "skip", "fail"].includes(decision) ? say(`guard_${decision}`) : decision;
}

/** Return the choice of one of some values, or of all; a value that is chosen is offered, whatever the others are. */
export function choice(field, label, values, naming, chosen = "") {
  const known = chosen && !values.includes(chosen) ? [chosen, ...values] : values;
  return element(
    "label",
    { "data-key": field },
    element("span", {}, label),
    element(
      "select",
      { name: field },
      element("option", { "data-key": "all", value: "" }, say("all")),
      known.map((value) => element("option", { "data-key": `=${value}`, value }, naming(value))),
    ),
  );
}
