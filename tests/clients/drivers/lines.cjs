// SPDX-License-Identifier: Apache-2.0
// Carry out calls that come as lines of JSON on the standard input, and write what the client made of each.
"use strict";

const readline = require("node:readline");

/** The name of an error class or code, and what else the client's error tells. */
function described(error) {
  return {
    name: error.name || "Error",
    code: String(error.code ?? error.data?.Code ?? ""),
    message: String(error.message).slice(0, 2000),
    retry_after: error.retryAfter ?? null,
  };
}

/**
 * Run a client until the input ends, one call after the other.
 *
 * @param call - takes {action, parameters, url, key, secret, token} and returns the answer with the API's own names;
 *   null where the client has no such call.
 */
async function serve(call) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let said;
    try {
      const answer = await call(JSON.parse(line));
      said = answer === null ? { unsupported: true } : { answer };
    } catch (error) {
      said = { error: described(error) };
    }
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
}

module.exports = { serve };
