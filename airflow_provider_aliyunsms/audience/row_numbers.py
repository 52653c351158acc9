# SPDX-License-Identifier: Apache-2.0
"""The phone number of one row, as text."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.local_codes import RowRejected
from airflow_provider_aliyunsms.audience.rows import first_given
from airflow_provider_aliyunsms.codes.local import LocalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_PHONE = 10**17


def number_text(values: Mapping[str, Any], *names: str) -> str:
    """
    The number of a row as it was written, from the first of the named keys that has one.

    An integer, or a float without a fraction as data frames make them, counts as its digits.

    :raises RowRejected: when there is none, or when it is neither text nor a whole number.
    """
    field = names[0]
    value = first_given(values, names)
    if isinstance(value, str):
        return value
    if value is None:
        raise RowRejected(code=LocalCode.MISSING_NUMBER, field=field, reason="the row has no phone number")
    digits = _whole_number(value)
    if digits is None:
        raise invalid_number(field, "the phone number is neither text nor a whole number")
    return digits


def invalid_number(field: str, reason: str) -> RowRejected:
    """A rejection for the number's sake."""
    return RowRejected(code=LocalCode.INVALID_NUMBER, field=field, reason=reason)


def _whole_number(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        if not 0 < value < _MAX_PHONE or value != int(value):
            return None
        return str(int(value))
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return str(number) if 0 < number < _MAX_PHONE else None
