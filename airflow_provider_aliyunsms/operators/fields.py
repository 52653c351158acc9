# SPDX-License-Identifier: Apache-2.0
"""Read the operators' parameters, which may come out of a template as text."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_aliyunsms.exceptions import ConfigurationError

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
