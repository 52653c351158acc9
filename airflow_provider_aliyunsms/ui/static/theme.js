// SPDX-License-Identifier: Apache-2.0
// Light or dark as Airflow around this page is, else as the system is; at once and whenever it changes.
// A classic script in the head, so that a dark page never flashes white.
"use strict";

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let airflow = null;
  try {
    airflow = parent !== window ? parent.document.documentElement : null;
  } catch {
    // a page of another origin shows this one: it is none of Airflow's
  }

  function apply() {
    const marked = ["dark", "light"].find((name) => airflow?.classList.contains(name));
    const dark = marked ? marked === "dark" : system.matches;
    document.documentElement.classList.toggle("dark", dark);
  }

  apply();
  system.addEventListener("change", apply);
  if (airflow) {
    new MutationObserver(apply).observe(airflow, { attributes: true, attributeFilter: ["class"] });
  }
})();
