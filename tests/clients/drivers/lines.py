# SPDX-License-Identifier: Apache-2.0
"""Carry out calls that come as lines of JSON on the standard input, and write what the client made of each."""

from __future__ import annotations

import json
import sys


def serve(call):
    """
    Run a client until the input ends, one call after the other.

    :param call: takes a mapping with action, parameters, url, key, secret and token, and returns the answer with the
        API's own names; None where the client has no such call.
    """
    for line in sys.stdin:
        try:
            answer = call(json.loads(line))
            said = {"unsupported": True} if answer is None else {"answer": answer}
        except Exception as error:  # noqa: BLE001 - whatever a client raises is what is asked for
            said = {"error": described(error)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def described(error):
    """Return the class of an error, its code, and what else it tells."""
    code = error.get_error_code() if hasattr(error, "get_error_code") else getattr(error, "code", "")
    return {
        "name": type(error).__name__,
        "code": str(code or ""),
        "message": str(error)[:2000],
        "retry_after": getattr(error, "retry_after", None),
    }


def is_globe(action):
    """Return whether a call belongs to the API of 2018-05-01."""
    return action.endswith("Globe") or action == "QueryMessage"
