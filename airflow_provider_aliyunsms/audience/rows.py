# SPDX-License-Identifier: Apache-2.0
"""Hold the rows of an audience as the source gave them, singly or in blocks, before any check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from airflow_provider_aliyunsms.audience.fields import PHONE_NUMBER
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


OpenBinary = Callable[[str], BinaryIO]

_MANY_DIGITS = re.compile(r"[0-9][^0-9]{0,2}" * 5)
_MAX_LABEL = 64
# Python raises an error when it has to write out an integer of some thousand digits. Phone numbers are far shorter.
_MAX_BITS = 1000


# Not frozen, because frozen instances are slower to build and every row is one (docs/performance.md measures the CPU
# of a whole campaign). No code changes a row after it was made.
@dataclass(slots=True, repr=False)
class Row:
    """
    One row as the source gave it; do not change it.

    :param number: the row's position in the source, counted from 1 without a header.
    :param values: the value of each column or key.
    :param flat: whether every column that the API does not know is a template variable, as in a file.
    :param number_field: the column that holds the phone number.
    :param line: its line in the file, or its row in the sheet; None when the source has none.
    """

    number: int
    values: Mapping[str, Any]
    flat: bool
    number_field: str = PHONE_NUMBER
    line: int | None = None

    def __repr__(self) -> str:
        return f"Row({self.number})"

    @property
    def number_cell(self) -> Any:
        """The phone number as the source gave it, of whatever type; None when there is none."""
        return first_given(self.values, (self.number_field, PHONE_NUMBER))

    @property
    def given_number(self) -> str:
        """The phone number as the source wrote it, for the receipt of a row that is not sent; ``""`` when none."""
        value = self.values.get(self.number_field)
        if type(value) is str and value.strip():
            return value
        value = self.number_cell
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).decode("utf-8", "replace")
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            return ""
        return str(value) if isinstance(value, str | int | float | Decimal) else ""


@dataclass(frozen=True, slots=True)
class CellError:
    """
    The error that a formula of a workbook gave instead of a value.

    :param text: as the sheet shows it, such as ``#REF!``.
    """

    text: str


def first_given(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first of the named values that is not missing, or None."""
    for name in names:
        value = values.get(name)
        if not is_missing(value):
            return value
    return None


def is_missing(value: object) -> bool:
    """Return whether a cell means "not given": None, blank text, NaN, or a missing value of a data frame."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float | Decimal):
        return Decimal(value).is_nan()
    # Recognised by the name of the type: comparing these values raises or misleads, and pandas is no dependency.
    return type(value).__name__ in {"NAType", "NaTType"}


def field_label(name: object) -> str:
    """
    Return a column's name as an error message may show it.

    Keys come from users. A key that is not short, printable text, or that could itself be a phone number, becomes
    ``***``.
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
"""The largest number of rows in a block that a source makes."""

T = TypeVar("T")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, repr=False)
class RowBlock:
    """A block of rows that do not form a table: items of a list, or rows whose columns differ."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, position: int) -> Row:
        """Return the row at this position, counted from 0."""
        return self.rows[position]


@dataclass(frozen=True, slots=True, repr=False)
class CellColumns:
    """
    The cells of a table, stored by column; they are read like a list of records.

    Where a source has whole columns, a record of its own for each row would only cost CPU: nearly all checks are made
    by the column.

    :param columns: the cells of each column, all of the same length; at least one column.
    """

    columns: Sequence[Sequence[Any]]

    @classmethod
    def of_dicts(cls, rows: Sequence[dict[str, Any]], *, names: Sequence[str]) -> CellColumns | None:
        """Return the values of rows in the order of these names; None without names, and for a row with others."""
        if not names or {*map(len, rows)} != {len(names)}:
            return None
        try:
            return cls([[*map(itemgetter(name), rows)] for name in names])
        except KeyError:
            return None

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, position: int) -> Sequence[Any]:
        return [column[position] for column in self.columns]

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return zip(*self.columns, strict=True)


@dataclass(frozen=True, slots=True, repr=False)
class TableBlock:
    """
    A block of rows that share their columns, stored as cells.

    :param names: the field name of each column; None for a column that is left out.
    :param records: for each row, one cell for each name; as :class:`CellColumns` where the source has columns.
    :param first: the number of the first row, see :class:`Row`.
    :param number_field: the column that holds the phone number.
    :param lines: the line of each row, see :class:`Row`; None when the source has none.
    """

    names: Sequence[str | None]
    records: Sequence[Sequence[Any]] | CellColumns
    first: int
    number_field: str
    lines: Sequence[int] | None = None
    _columns: dict[str, Sequence[Any]] = field(init=False, compare=False)  # cached, not set at first

    def __len__(self) -> int:
        return len(self.records)

    def row(self, position: int) -> Row:
        """Return the row at this position, counted from 0, with its cells by field name."""
        pairs = zip(self.names, self.records[position], strict=True)
        values = {name: cell for name, cell in pairs if name is not None}
        return Row(
            number=self.first + position,
            values=values,
            flat=True,
            number_field=self.number_field,
            line=None if self.lines is None else self.lines[position],
        )

    def columns(self) -> dict[str, Sequence[Any]]:
        """Return the cells of all rows by field name."""
        # object.__setattr__ writes the cache, because the class is frozen.
        try:
            return self._columns
        except AttributeError:
            records = self.records
            cells = records.columns if isinstance(records, CellColumns) else zip(*records, strict=True)
            found = {name: column for name, column in zip(self.names, cells, strict=True) if name is not None}
            object.__setattr__(self, "_columns", found)
            return found


Block = RowBlock | TableBlock


def in_blocks(items: Iterable[T], make: Callable[[list[T], int], Made], *, first: int = 1) -> Iterator[Made]:
    """
    Gather items into blocks of at most :data:`BLOCK`; the items before an error come before that error.

    :param make: makes a block from one to :data:`BLOCK` items and the number of the first one.
    :param first: the number of the first of all items.
    :raises AudienceError: the error that iterating over the items raised.
    """
    source = iter(items)
    while True:
        batch: list[T] = []
        problem: AudienceError | None = None
        try:
            batch.extend(islice(source, BLOCK))
        except AudienceError as error:
            problem = error
        # The rows before an error go out first, then the error. In the other order these rows would be lost.
        if batch:
            yield make(batch, first)
            first += len(batch)
        if problem is not None:
            raise problem
        if len(batch) < BLOCK:
            return
