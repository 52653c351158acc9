// SPDX-License-Identifier: Apache-2.0
// What the page asks the server, and how often.

/** The server could not be asked, or said no; `status` is 0 when nobody answered. */
export class ServerError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Ask for some JSON.
 *
 * @param {string} path relative to the page.
 * @param {object} query by name; empty values are left out.
 * @param {AbortSignal} signal ends the call.
 * @throws {ServerError} no answer, or another one than 200.
 */
export async function ask(path, query, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const response = await send(`${path}?${new URLSearchParams(given)}`, signal);
  // a log-in page that Airflow redirects to is an answer as well, but none of ours
  const ours = response.headers.get("Content-Type")?.startsWith("application/json");
  if (response.redirected && !ours) throw new ServerError(401, "");
  if (!response.ok) throw new ServerError(response.status, ours ? await detailOf(response) : "");
  if (!ours) throw new ServerError(0, "");
  return response.json();
}

async function send(url, signal) {
  try {
    return await fetch(url, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ServerError(0, "");
  }
}

async function detailOf(response) {
  const { detail } = await response.json().catch(() => ({}));
  return typeof detail === "string" ? detail : "";
}

const LONGEST = 60_000;
/** A slow server is left alone for so many times as long as it took to answer. */
const REST = 4;

/**
 * Ask again and again while somebody looks: not while the tab is hidden, and ever more rarely while it fails.
 */
export class Poll {
  /**
   * @param {function(AbortSignal): Promise} call asks and shows; returns the milliseconds until the next time,
   *   null to end.
   * @param {function(?Error, number)} tell is given each failure with the milliseconds until the next try (0:
   *   there will be none by itself), and null after a success.
   */
  constructor(call, tell) {
    this.call = call;
    this.tell = tell;
    this.failures = 0;
    this.timer = null;
    this.running = null;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.now()));
  }

  /** Ask now, whatever is under way. */
  async now() {
    this.pause();
    if (document.hidden) return;
    const running = new AbortController();
    const began = performance.now();
    this.running = running;
    try {
      const wait = await this.call(running.signal);
      if (running.signal.aborted) return;
      this.failures = 0;
      this.tell(null, 0);
      if (wait !== null) this.later(Math.max(wait, REST * (performance.now() - began)));
    } catch (error) {
      if (running.signal.aborted) return;
      // a fault of the page is for its console, and must not end the news
      if (!(error instanceof ServerError)) reportError(error);
      this.fail(error);
    }
  }

  fail(error) {
    this.failures += 1;
    // who is not let in is not let in later either, unless they do something about it
    const final = [401, 403, 404].includes(error.status);
    const wait = final ? 0 : Math.min(LONGEST, 2_500 * 2 ** this.failures);
    this.tell(error, wait);
    if (!final) this.later(wait);
  }

  later(wait) {
    this.timer = setTimeout(() => this.now(), wait);
  }

  pause() {
    clearTimeout(this.timer);
    this.running?.abort();
    this.running = null;
  }
}
