// SPDX-License-Identifier: Apache-2.0
// The line that says how new the figures are, and the notice when they cannot be had.

import { element, show } from "./dom.js";
import { clockTime, duration, say, zoneName } from "./format.js";
import { documentAround } from "./address.js";

/** Says how new the page is, and what keeps it from being newer. */
export class Freshness {
  /** @param {function()} again asks the server now. */
  constructor(again) {
    this.line = element("p", { class: "fresh" });
    this.notice = element("div", { class: "notice", role: "alert" });
    this.last = null;
    this.notice.addEventListener("click", (event) => event.target.closest("button") && again());
  }

  /** The server has answered; `live` when the page will ask again within seconds. */
  good(live) {
    this.last = Date.now();
    const text = say(live ? "live" : "updated", { time: clockTime(this.last) });
    show(
      this.line,
      element("span", { class: live ? "pulse" : "pulse still", "aria-hidden": "true" }),
      `${text} · ${say("times_in", { zone: zoneName() })}`,
    );
  }

  /** As `Poll` wants it: what went wrong and when the next try is, or null after a success. */
  tell(error, wait) {
    document.body.classList.toggle("stale", error !== null);
    if (!error) {
      show(this.notice);
      return;
    }
    const next = wait ? say("error_next", { time: duration(wait / 1000) }) : "";
    show(
      this.notice,
      element("p", {}, [this.what(error), next].filter(Boolean).join(" ")),
      error.status === 401
        ? element("a", { class: "button", href: homeOfAirflow(), target: "_top" }, say("log_in"))
        : element("button", { type: "button" }, say("try_now")),
    );
  }

  what({ status }) {
    if ([401, 403, 404].includes(status)) return say(`error_${status}`);
    if (status === undefined) return say("error_page");
    const time = this.last && clockTime(this.last);
    return say(`error_${status ? "status" : "answer"}${time ? "" : "_first"}`, { status, time });
  }
}

function homeOfAirflow() {
  // Airflow asks for the log-in itself wherever one is in it
  return documentAround()?.defaultView.location.href ?? new URL("../", location.href).href;
}
