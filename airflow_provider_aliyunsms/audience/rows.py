# SPDX-License-Identifier: Apache-2.0
"""One raw row of an audience, before anybody judged it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

PHONE_NUMBER = "phone_number"

OpenBinary = Callable[[str], BinaryIO]

_MANY_DIGITS = re.compile(r"[0-9][^0-9]{0,2}" * 5)
_MAX_LABEL = 64
# Python refuses to write out integers of some thousand digits; no phone number comes near.
_MAX_BITS = 1000


# Not frozen, because that makes each of a million three times as slow to build; nobody changes one.
@dataclass(slots=True, repr=False)
class Row:
    """
    One row as the source gave it; not to be changed.

    :param number: the row's position, counted from 1 without a header.
    :param values: column or key to value.
    :param flat: whether every column the API does not know is a template variable, as in a file.
    :param number_field: the column that holds the phone number.
    """

    number: int
    values: Mapping[str, Any]
    flat: bool
    number_field: str = PHONE_NUMBER

    def __repr__(self) -> str:
        return f"Row({self.number})"

    @property
    def given_number(self) -> str:
        """The phone number as it was written, for the receipt of a row that was not sent."""
        value = self.values.get(self.number_field)
        if type(value) is str and value.strip():
            return value
        value = first_given(self.values, (self.number_field, PHONE_NUMBER))
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            return ""
        return str(value) if isinstance(value, str | int | float | Decimal) else ""


def first_given(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of the named values that is given, else None."""
    for name in names:
        value = values.get(name)
        if not is_missing(value):
            return value
    return None


def is_missing(value: object) -> bool:
    """Whether a cell means "not given": None, blank text, NaN, and what data frames put in its place."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float | Decimal):
        return Decimal(value).is_nan()
    # Known by name: these types forbid or confuse comparison, and pandas is no dependency.
    return type(value).__name__ in {"NAType", "NaTType"}


def field_label(name: object) -> str:
    """
    A column's name as an error may show it.

    Keys come from users: one that is not short text, or that could itself be a phone number, is not repeated.
    """
    if (
        not isinstance(name, str)
        or len(name) > _MAX_LABEL
        or not name.isprintable()
        or _MANY_DIGITS.search(name)
    ):
        return "***"
    return name
