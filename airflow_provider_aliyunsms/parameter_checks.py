# SPDX-License-Identifier: Apache-2.0
"""
Check the type and range of parameters when the DAG file is parsed.

A wrong parameter that is found in the middle of a campaign leaves half of the people served. Every error names the
parameter and what to write instead, and never its value, which may hold a number or a text.
"""

from __future__ import annotations

import math
from datetime import timedelta
from numbers import Integral, Real
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

_WITHOUT_QUOTES = (
    "Nothing was sent now. Write it as a number, without quotes; what Variable.get returns needs int() or "
    "float()."
)
_NO_TEXT = bool, int, float, complex, bytes, list, tuple, set, frozenset, dict


def check_whole(name: str, value: object, *, low: int, high: int | None = None) -> None:
    """
    Check that a parameter is a whole number within a range.

    :param name: the parameter's name, for the error.
    :param low: the smallest allowed value.
    :param high: the largest allowed value; None for no limit.
    :raises ConfigurationError: the value is not a whole number, or not within the range.
    """
    good = isinstance(value, Integral) and not isinstance(value, bool)
    if not good or int(value) < low or (high is not None and int(value) > high):  # type: ignore[call-overload]
        allowed = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise ConfigurationError(f"{name} must be a whole number {allowed}", advice=_WITHOUT_QUOTES)


def check_number(
    name: str, value: object, *, low: float, high: float | None = None, above: bool = False, hint: str = ""
) -> None:
    """
    Check that a parameter is a finite number within a range.

    :param above: the number must be larger than ``low``, not equal to it.
    :param hint: what to write instead; by default that it is a number.
    :raises ConfigurationError: it is anything else.
    """
    number = _number(value)
    if number is None or number < low or (above and number == low) or (high is not None and number > high):
        between = f"from {low:g} to {high:g}" if high is not None else f"of at least {low:g}"
        allowed = f"larger than {low:g}" if above and high is None else between
        raise ConfigurationError(f"{name} must be a number {allowed}", advice=hint or _WITHOUT_QUOTES)


def check_qps(value: object) -> None:
    """
    Check a rate of calls: a number larger than 0, or None for no limit.

    :raises ConfigurationError: it is anything else.
    """
    if value is not None:
        check_number(
            "max_qps",
            value,
            low=0,
            above=True,
            hint="Give calls a second as a number, without quotes, or None for no limit.",
        )


def check_share(name: str, value: object) -> None:
    """
    Check a share: a number from 0 to 1, or None.

    :raises ConfigurationError: it is anything else, such as a percentage.
    """
    if value is not None:
        check_number(
            name,
            value,
            low=0,
            high=1,
            hint="Write 0.05 for 5 percent, without quotes; or None to do without.",
        )


def check_limit(name: str, value: object) -> None:
    """
    Check a limit of rows: a count, a share below 1, or None for no limit.

    :raises ConfigurationError: it is anything else.
    """
    if value is None:
        return
    number = _number(value)
    if number is None or number < 0 or (number > 1 and number != math.floor(number)):
        raise ConfigurationError(
            f"{name} must be a number of rows, or a share of all rows below 1",
            advice="Nothing was sent now. Write 20 for twenty rows, 0.05 for 5 percent, without quotes; or None for "
            "no limit.",
        )


def check_duration(name: str, value: object, *, above: bool = False) -> None:
    """
    Check a duration: seconds as a number, or a timedelta; not negative.

    :param above: it must be longer than 0.
    :raises ConfigurationError: it is anything else.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else _number(value)
    if number is None or number < 0 or (above and not number):
        raise ConfigurationError(
            f"{name} must be a number of seconds, or a timedelta",
            advice="Nothing was sent now. Write 600 or timedelta(minutes=10), without quotes.",
        )


def as_duration(name: str, value: timedelta | float, *, above: bool = False) -> timedelta:
    """
    Return a duration that was checked by :func:`check_duration` as a timedelta.

    :raises ConfigurationError: it is none.
    """
    check_duration(name, value, above=above)
    return value if isinstance(value, timedelta) else timedelta(seconds=float(value))


def check_word(name: str, value: object, *, words: Collection[str]) -> None:
    """
    Check that a parameter is one of a few words.

    :raises ConfigurationError: it is anything else.
    """
    if not isinstance(value, str) or value not in words:
        known = " or ".join(f'"{word}"' for word in words)
        raise ConfigurationError(
            f"{name} must be {known}", advice="Nothing was sent now. Correct its spelling."
        )


def check_texts(**values: object) -> None:
    """
    Check that parameters are texts where they are literals; a template, an XComArg and None pass.

    :raises ConfigurationError: one is a number, bytes or a collection.
    """
    for name, value in values.items():
        if isinstance(value, _NO_TEXT):
            raise ConfigurationError(
                f"{name} must be text, not {type(value).__name__}",
                advice="Nothing was sent now. Write it in quotes.",
            )


def check_mapping(name: str, value: object) -> None:
    """
    Check that a parameter is a mapping where it is a literal; a template, an XComArg and None pass.

    :raises ConfigurationError: it is a number, bytes or another collection.
    """
    if isinstance(value, _NO_TEXT) and not isinstance(value, dict):
        raise ConfigurationError(
            f"{name} must be a mapping, not {type(value).__name__}",
            advice='Nothing was sent now. Write it like {"name": "value"}.',
        )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return float(value)
