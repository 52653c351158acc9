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

// Returns a function that runs work() soon, never twice at a time, and leaves the simulator in peace in between.
export function refresher(work) {
  let running = false;
  let wanted = false;
  let timer = null;
  const run = async () => {
    timer = null;
    running = true;
    wanted = false;
    const started = performance.now();
    try {
      await work();
    } finally {
      running = false;
      const pause = Math.max(LEAST_PAUSE_MS, 4 * (performance.now() - started));
      timer = setTimeout(() => {
        timer = null;
        if (wanted) run();
      }, pause);
    }
  };
  return () => {
    wanted = true;
    if (!running && timer === null) run();
  };
}
