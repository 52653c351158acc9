# SPDX-License-Identifier: Apache-2.0
"""Parse JSON strictly: numbers stay as they were written (12.50 stays 12.50), ambiguous text is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn


class BrokenJsonError(ValueError):
    """The error for text that is not one unambiguous JSON value; its message never holds any of the text."""


def parse_json(text: str) -> Any:
    """
    Return the value of one JSON text; fractions become ``Decimal``.

    :raises BrokenJsonError: for a syntax error, a key that occurs twice, NaN or Infinity, a number with too many
        digits, or nesting that is too deep.
    """
    try:
        return _DECODER.decode(text)
    except BrokenJsonError:
        raise
    except json.JSONDecodeError as error:
        # The new error is raised outside the handler, because the decoder's exception carries the whole document.
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
