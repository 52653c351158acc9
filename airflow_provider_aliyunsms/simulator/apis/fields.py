# SPDX-License-Identifier: Apache-2.0
"""Read the parameters of a request; a reader returns the value, or for a wrong one the refusal or None."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.replies import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSENDABLE = frozenset("【】〖〗『』「」•①★※→❤™")
_FIRST_EMOJI = 0x1F000


def missing(values: Mapping[str, str], *names: str) -> Refusal | None:
    """Return a refusal that names the first mandatory parameter that is absent or empty, else None."""
    for name in names:
        if not values.get(name):
            return Refusal(f"Missing{name}", f"{name} is mandatory for this action.", status=400)
    return None


def read_texts(raw: str, *, code: str) -> list[str] | Refusal:
    """
    Return the strings of a JSON array, or a refusal if it is no array of strings or is empty.

    :param code: the code of the refusal, which differs between the two APIs.
    """
    try:
        items = json.loads(raw)
    except (ValueError, RecursionError):
        items = None
    if isinstance(items, list) and items and all(map(_is_sound, items)):
        return items
    return Refusal(code, "The parameter is not a JSON array of strings.")


def read_variables(item: object) -> dict[str, str] | Refusal:
    """Return one recipient's template variables, or a refusal unless all are texts of 1 to 35 sendable characters."""
    if not isinstance(item, dict) or not all(isinstance(value, str) for value in item.values()):
        return Refusal("isv.INVALID_JSON_PARAM", "The template parameters must be an object of strings.")
    for value in item.values():
        if not 1 <= len(value) <= 35:
            return Refusal("isv.PARAM_LENGTH_LIMIT", "A template variable must have 1 to 35 characters.")
        if "http://" in value or "https://" in value:
            return Refusal("isv.PARAM_NOT_SUPPORT_URL", "A template variable must not contain a URL.")
        if not value.isascii() and (_has_unsendable(value) or not _is_sound(value)):
            return Refusal(
                "isv.UNSUPPORTED_CONTENT", "A template variable has characters that cannot be sent."
            )
    return item


def read_number(raw: str, *, least: int, most: int) -> int | None:
    """Return an integer written in digits, or None if it is none or outside the bounds."""
    if not (raw.isascii() and raw.isdigit()):
        return None
    number = int(raw)
    return number if least <= number <= most else None


def _is_sound(item: object) -> bool:
    # JSON can write half of a surrogate pair, UTF-8 cannot.
    return isinstance(item, str) and (
        item.isascii() or not any("\ud800" <= char <= "\udfff" for char in item)
    )


def _has_unsendable(value: str) -> bool:
    return any(char in _UNSENDABLE or ord(char) >= _FIRST_EMOJI for char in value)
