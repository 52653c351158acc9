# SPDX-License-Identifier: Apache-2.0
"""One raw row of an audience, before anybody judged it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


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


BLOCK = 2000
"""Rows of one block at most."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class RowBlock:
    """Rows that have nothing in common but their place."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, position: int) -> Row:
        """Return one of them."""
        return self.rows[position]


@dataclass(frozen=True, slots=True, repr=False)
class TableBlock:
    """
    Rows of a table, cell by cell.

    :param names: the columns under our names; None for one that is left out.
    :param records: as many cells each as there are names.
    :param first: the number of the first row.
    :param number_field: the column that holds the phone number.
    """

    names: Sequence[str | None]
    records: Sequence[Sequence[Any]]
    first: int
    number_field: str

    def __len__(self) -> int:
        return len(self.records)

    def row(self, position: int) -> Row:
        """Return one of them, its cells by their names."""
        pairs = zip(self.names, self.records[position], strict=True)
        values = {name: cell for name, cell in pairs if name is not None}
        return Row(number=self.first + position, values=values, flat=True, number_field=self.number_field)

    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Return all of them by column."""
        cells = zip(*self.records, strict=True)
        return {name: column for name, column in zip(self.names, cells, strict=True) if name is not None}


Block = RowBlock | TableBlock


def in_blocks(items: Iterable[T], make: Callable[[list[T], int], Block]) -> Iterator[Block]:
    """
    Gather items to blocks; what was read before an error comes before that error.

    :param make: makes a block of one to :data:`BLOCK` items and the number of the first one.
    :raises AudienceError: the items'.
    """
    source = iter(items)
    first = 1
    while True:
        batch: list[T] = []
        problem: AudienceError | None = None
        try:
            batch.extend(islice(source, BLOCK))
        except AudienceError as error:
            problem = error
        if batch:
            yield make(batch, first)
            first += len(batch)
        if problem is not None:
            raise problem
        if len(batch) < BLOCK:
            return


def row_blocks(rows: Iterable[Row]) -> Iterator[Block]:
    """Gather rows to blocks."""
    return in_blocks(rows, _gathered)


def _gathered(rows: list[Row], first: int) -> Block:
    """Put rows with the same columns into a table, as nearly all rows of a file are."""
    names, number_field = [*rows[0].values], rows[0].number_field
    if not all(row.flat and [*row.values] == names for row in rows):
        return RowBlock(rows)
    records = [tuple(row.values.values()) for row in rows]
    return TableBlock(names=names, records=records, first=first, number_field=number_field)
