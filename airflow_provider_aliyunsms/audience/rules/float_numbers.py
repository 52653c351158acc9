# SPDX-License-Identifier: Apache-2.0
"""
Find phone numbers that lost digits because they were stored as 32-bit floats, so that they may be other people's.

A column of 32-bit floats turns 13800001234 into 13800001536. One number alone may be either of the two; many together
show what their column was. A column of 64-bit floats, as data frames make it when a number is missing, keeps all
digits of a phone number.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.phone_numbers import like_single, lost_digits
from airflow_provider_aliyunsms.audience.rows import TableBlock, is_missing
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.rows import Block, Row

# This many different numbers of this kind, and no other, do not meet by chance: each has the odds of one in 500.
_ENOUGH = 4
# 32-bit floats of this size lie so far apart that the odds are as good as that.
_LEAST = 1 << 31
_WITH_ZEROS = re.compile(r"\s*([0-9]{7,15})\.0+\s*")
_WHOLE = re.compile(r"\s*([0-9]{7,15})(?:\.0+)?\s*")


def refuse_single_floats(block: Block) -> None:
    """
    Check that the numbers of a block did not go through 32-bit floats, in whatever form they come.

    Costs a look at one cell for nearly every block.

    :raises AudienceError: when all of them did, and they are at least four different ones.
    """
    seen: set[int] = set()
    for cell in _cells(block):
        if is_missing(cell):
            continue
        number = _as_whole(cell, _WHOLE)
        if number is None or number < _LEAST or not like_single(number):
            return
        seen.add(number)
    if len(seen) >= _ENOUGH:
        row = block.row(0).number
        msg = f"The phone numbers from row {row} on were stored as 32-bit floats, which cannot hold all their digits."
        raise AudienceError(
            msg, row=row, advice="store the column as text or as 64-bit integers. Nothing was sent now."
        )


class FloatNumbers:
    """
    Judge the numbers of one block that are floats, or text with a decimal part of zeros.

    :param block: the block that the rows are from.
    """

    def __init__(self, block: Block) -> None:
        self._block = block

    def made_whole(self, row: Row) -> Row:
        """
        Return the row with its number as an integer, if others of the block show that floats kept all digits.

        A row whose number needs no such proof comes back unchanged.
        """
        number = _float_form(row.number_cell)
        if number is None or not lost_digits(number) or not self._keep_all_digits:
            return row
        field = row.number_field if row.values.get(row.number_field) is row.number_cell else None
        if field is None:
            return row
        return replace(row, values={**row.values, field: number})

    @cached_property
    def _keep_all_digits(self) -> bool:
        found = (_float_form(cell) for cell in _cells(self._block))
        return any(number is not None and not lost_digits(number) for number in found)


def _cells(block: Block) -> Iterator[Any]:
    if not isinstance(block, TableBlock):
        for row in block.rows:
            yield row.number_cell
        return
    if block.number_field in block.names:
        position = block.names.index(block.number_field)
        for record in block.records:
            yield record[position]
        return
    for position in range(len(block)):
        yield block.row(position).number_cell


def _float_form(cell: Any) -> int | None:
    """Return the whole number that a float, or a text or decimal with a part of zeros, stands for; else None."""
    if isinstance(cell, str):
        return _as_whole(cell, _WITH_ZEROS)
    if isinstance(cell, Decimal) and cell.is_finite() and cell == cell.to_integral_value():
        exponent = cell.as_tuple().exponent
        return int(cell) if isinstance(exponent, int) and exponent < 0 else None
    return int(cell) if isinstance(cell, float) and cell.is_integer() else None


def _as_whole(cell: Any, form: re.Pattern[str]) -> int | None:
    if isinstance(cell, str):
        found = form.fullmatch(cell)
        return int(found.group(1)) if found else None
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int):
        return cell
    return _float_form(cell)
