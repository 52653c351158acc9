// SPDX-License-Identifier: Apache-2.0
// One tooltip for everything with `data-tip`: on pointing and on focus, gone with Escape.

const tip = document.getElementById("tip");
const GAP = 6;
let owner = null;

/** Show tips from now on. */
export function offerTips() {
  document.addEventListener("mouseover", (event) => open(event.target.closest?.("[data-tip]")));
  document.addEventListener("focusin", (event) => open(event.target.closest?.("[data-tip]")));
  document.addEventListener("focusout", close);
  document.addEventListener("scroll", close, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
}

function open(wanted) {
  if (wanted === owner) return;
  // a tip stays while the pointer is on the tip itself, so that it can be read and copied
  if (!wanted && tip.matches(":hover")) return;
  close();
  if (!wanted) return;
  owner = wanted;
  tip.textContent = wanted.dataset.tip;
  tip.hidden = false;
  wanted.setAttribute("aria-describedby", "tip");
  place(wanted.getBoundingClientRect());
}

function place(box) {
  const { offsetWidth: width, offsetHeight: height } = tip;
  const left = Math.max(GAP, Math.min(box.left, innerWidth - width - GAP));
  const below = box.bottom + GAP + height <= innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? box.bottom + GAP / 2 : Math.max(GAP, box.top - height - GAP / 2)}px`;
}

function close() {
  owner?.removeAttribute("aria-describedby");
  owner = null;
  tip.hidden = true;
}
