# SPDX-License-Identifier: Apache-2.0
"""JSON that keeps what was written (12.50 stays 12.50) and refuses what has two meanings."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn


class BrokenJsonError(ValueError):
    """The text is not one unambiguous JSON value; the message never holds any of it."""


def parse_json(text: str) -> Any:
    """
    Read one JSON value.

    :raises BrokenJsonError: on a syntax error, a key that occurs twice, NaN or Infinity, or absurd nesting.
    """
    try:
        return _DECODER.decode(text)
    except BrokenJsonError:
        raise
    except json.JSONDecodeError as error:
        # The decoder's exception carries the whole document.
        position = error.pos + 1
        problem = error.msg
    except RecursionError:
        problem, position = "too deeply nested", 1
    except ValueError:
        problem, position = "a number with too many digits", 1
    msg = f"not valid JSON: {problem} (character {position})"
    raise BrokenJsonError(msg)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "not valid JSON: a key occurs twice"
        raise BrokenJsonError(msg)
    return made


def _no_constant(_name: str) -> NoReturn:
    msg = "not valid JSON: NaN and Infinity are no JSON numbers"
    raise BrokenJsonError(msg)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant)
