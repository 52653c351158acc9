// SPDX-License-Identifier: Apache-2.0
// Listen to the simulator while somebody looks at the page, and ask again for what is shown.

import { address } from "./api.js";

const LEAST_PAUSE_MS = 300;
const PATIENCE_MS = 3000;

// Calls tell(state) with "live", "lost" or "paused", and heard(data) for each event.
export function listen({ tell, heard }) {
  let source = null;
  const close = () => {
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    // A browser connects again by itself and names the last event it saw, until it is refused.
    source = new EventSource(address("/events"));
    source.addEventListener("open", () => tell("live"));
    source.addEventListener("change", (event) => heard(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      tell("lost");
      if (source?.readyState === EventSource.CLOSED) setTimeout(() => !document.hidden && open(), PATIENCE_MS);
    });
  };
  // A hidden tab keeps none of the six connections that a browser has for one address.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
      tell("paused");
    } else open();
  });
  addEventListener("pagehide", close);
  open();
}

// Returns two functions that run work(), never twice at a time: now() at once, for what a person does; soon() with a
// pause after the last run, so that a busy simulator is left in peace.
export function refresher(work) {
  let running = false;
  let wanted = "";
  let timer = null;
  const run = async () => {
    clearTimeout(timer);
    timer = null;
    running = true;
    wanted = "";
    const started = performance.now();
    try {
      await work();
    } finally {
      running = false;
      const pause = Math.max(LEAST_PAUSE_MS, 4 * (performance.now() - started));
      if (wanted === "now") run();
      else timer = setTimeout(rested, pause);
    }
  };
  const rested = () => {
    timer = null;
    if (wanted) run();
  };
  return {
    now: () => {
      wanted = "now";
      if (!running) run();
    },
    soon: () => {
      wanted ||= "soon";
      if (!running && timer === null) run();
    },
  };
}
