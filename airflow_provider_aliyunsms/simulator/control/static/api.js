// SPDX-License-Identifier: Apache-2.0
// Call the control API, and write each call as a line for a shell.

import { button, el } from "./dom.js";
import { t } from "./words.js";

const BASE = new URL(".", location.href).pathname.replace(/\/$/, "");

export function query(values) {
  const wanted = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  const text = new URLSearchParams(wanted).toString();
  return text ? `?${text}` : "";
}

// The simulator does not answer: it was stopped, or starts again.
export class Unreachable extends Error {}

export async function call(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const settings = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(`${BASE}${path}`, settings).catch((error) => {
    throw new Unreachable(error.message);
  });
  if (!response.ok) {
    const { detail } = await response.json().catch(() => ({}));
    throw new Error(reason(detail) || `HTTP ${response.status}`);
  }
  return response.json();
}

function reason(detail) {
  if (!Array.isArray(detail)) return detail;
  return detail.map((one) => `${one.loc?.slice(1).join(".")}: ${one.msg}`).join("; ");
}

export const address = (path) => `${BASE}${path}`;

export function curl(method, path, body) {
  const words = ["curl"];
  if (method !== "GET") words.push("-X", method);
  words.push(quoted(`${location.origin}${BASE}${path}`));
  if (body !== undefined) words.push("-H", "'content-type: application/json'", "-d", quoted(JSON.stringify(body)));
  return words.join(" ");
}

function quoted(text) {
  return /^[A-Za-z0-9_:/.,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// A line that says how a shell does what a control does; show() changes it with the control.
export function curlLine(name) {
  const code = el("code");
  const copy = button(t("copy"), async () => {
    copy.textContent = (await copied(code)) ? t("copied") : t("copy.by.hand");
    setTimeout(() => (copy.textContent = t("copy")), 2000);
  }, { class: "small", "aria-label": t("copy.of", { name }) });
  const node = el("div", { class: "curl" }, code, copy);
  const show = (method, path, body) => (code.textContent = curl(method, path, body));
  return { node, show };
}

async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    // There is no clipboard without permission, or at an address that is no loopback: select it instead.
    getSelection().selectAllChildren(code);
    return false;
  }
}
