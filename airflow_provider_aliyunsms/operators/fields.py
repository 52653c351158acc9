# SPDX-License-Identifier: Apache-2.0
"""Read the operators' parameters, which may come out of a template as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from datetime import timedelta
from typing import Any

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.private import Private, unwrap

_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "false": False,
    "0": False,
    "no": False,
    "none": False,
    "": False,
}


def as_bool(value: object, *, name: str) -> bool:
    """Read a flag that may have been rendered to text; what it does not know is an error, never False."""
    if isinstance(value, bool):
        return value
    known = _WORDS.get(str(value).strip().lower())
    if known is None:
        raise ConfigurationError(f"{name} must be true or false")
    return known


def as_seconds(value: float | timedelta) -> float:
    """Read a duration."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def check_range(name: str, value: int, *, low: int, high: int) -> None:
    """
    Check a whole number.

    :raises ConfigurationError: when it is none, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigurationError(
            f"{name} must be a whole number from {low} to {high}", advice="Nothing was sent."
        )


def hide(value: Any) -> Any:
    """Wrap what may hold numbers, texts or variable values; the path of a file may be seen."""
    inner = unwrap(value)
    if inner is None or (isinstance(inner, str) and _is_path(inner)):
        return inner
    return Private(inner, description=_describe(inner))


def hide_query(value: Any) -> Any:
    """Wrap a query in which somebody's phone number may be written; all others may be seen."""
    inner = unwrap(value)
    if isinstance(inner, str) and not _LONG_NUMBER.search(inner):
        return inner
    return hide(inner)


_LONG_NUMBER = re.compile(r"\d{9}")
_FILE_ENDINGS = (".csv", ".jsonl", ".ndjson", ".json-lines", ".parquet")


def _is_path(value: str) -> bool:
    return value.lower().removesuffix(".gz").endswith(_FILE_ENDINGS)


def _describe(value: Any) -> str:
    if isinstance(value, str):
        return f"text of {len(value)} characters, not shown"
    if isinstance(value, Mapping):
        return f"{len(value)} variables, not shown"
    if isinstance(value, Sized):
        return f"{len(value)} recipients, not shown"
    return "recipients, not shown"
