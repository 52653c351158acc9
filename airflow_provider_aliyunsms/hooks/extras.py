# SPDX-License-Identifier: Apache-2.0
"""The extra of a connection, read field by field; no error repeats a value."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

MAX_TIMEOUT: Final = 300.0
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_extra(connection: Connection) -> dict[str, Any]:
    """
    Read the whole extra.

    :raises ConfigurationError: it is not a JSON object.
    """
    # not by extra_dejson: that turns broken JSON into an empty extra, and the token in it is lost silently
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        # "from None": the error of the parser would carry the text along
        raise ConfigurationError(
            f"The extra of the connection {connection.conn_id!r} is not a JSON object.",
            advice='Write it like {"region_id": "cn-hangzhou"}.',
        ) from None
    return extra


def text(extra: dict[str, Any], name: str) -> str | None:
    """Read a text; a blank one counts as none."""
    value = extra.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(name, expected="a text", value=value)
    return value.strip() or None


def flag(extra: dict[str, Any], name: str) -> bool | None:
    """Read a yes or no, as JSON or as text; blank counts as not said."""
    value = extra.get(name)
    if value is None or value == "":
        return None
    known = value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())
    if known is None:
        raise wrong(name, expected="true or false", value=value)
    return known


def whole_number(extra: dict[str, Any], name: str, *, low: int, high: int) -> int | None:
    """Read a whole number; a connection given as a URI knows texts only, so "900" counts as 900."""
    value = extra.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise wrong(name, expected="a whole number", value=value)
    try:
        number = int(value)
    except ValueError:
        raise wrong(name, expected="a whole number", value=value) from None
    if not low <= number <= high:
        raise ConfigurationError(
            f"{name} in the extra of the connection must be from {low} to {high}.",
            advice="Correct it, or leave it out.",
        )
    return number


def seconds(extra: dict[str, Any], name: str, *, default: float) -> float:
    """Read a duration; a connection given as a URI knows texts only, so "5" counts as 5."""
    value = extra.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise wrong(name, expected="a number of seconds", value=value)
    try:
        duration = float(value)
    except (ValueError, OverflowError):
        raise wrong(name, expected="a number of seconds", value=value) from None
    if not (math.isfinite(duration) and 0 < duration <= MAX_TIMEOUT):
        raise ConfigurationError(
            f"{name} in the extra of the connection must be more than 0 and at most {MAX_TIMEOUT:g} seconds.",
            advice=f"Correct it, or leave it out for the default of {default:g} seconds.",
        )
    return duration


def wrong(name: str, *, expected: str, value: object) -> ConfigurationError:
    """Make the error for a field of the wrong kind."""
    return ConfigurationError(
        f"{name} in the extra of the connection must be {expected}, not {type(value).__name__}.",
        advice="Correct it, or leave it out.",
    )
