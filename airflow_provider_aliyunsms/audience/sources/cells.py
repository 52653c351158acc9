# SPDX-License-Identifier: Apache-2.0
"""Read the values that a source writes for an empty cell, and decimal numbers that were stored as 32-bit floats."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.phone_numbers import single_text
from airflow_provider_aliyunsms.audience.rows import RowBlock, TableBlock, field_label, is_missing
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.facts import SourceFacts
    from airflow_provider_aliyunsms.audience.rows import Block, Row

NULL_VALUES = ("NaN", "nan", "None", "NULL", "null", "\\N", "<NA>", "NaT", "#N/A")
"""Texts that programs write for a missing value; a cell that is one of them is empty."""

# The names of the types of 16 and 32-bit floats in Arrow, NumPy, pandas and polars.
_SINGLES = {"halffloat", "float", "float16", "float32", "Float16", "Float32"}


def is_single_type(type_name: str) -> bool:
    """Return whether a column of this type holds 16 or 32-bit floats."""
    return type_name.removesuffix("[pyarrow]") in _SINGLES


def check_number_type(type_name: str) -> None:
    """
    Check the type of the column of the phone numbers.

    :raises AudienceError: when it is one of 16 or 32-bit floats, which cannot hold the digits of a phone number.
    """
    if is_single_type(type_name):
        msg = "The phone numbers are stored as 16 or 32-bit floats, which cannot hold all their digits."
        raise AudienceError(
            msg, advice="store the column as text or as 64-bit integers. Nothing was sent now."
        )


def short_single(value: Any) -> Decimal | None:
    """Return a value of a 32-bit float column as the decimal that was meant, such as 12.1; None for none and NaN."""
    if is_missing(value):
        return None
    return Decimal(value) if math.isinf(value) else Decimal(single_text(value))


def check_null_values(values: object) -> frozenset[str]:
    """
    Return the texts that stand for an empty cell.

    :param values: the operator's ``null_values``; None for :data:`NULL_VALUES`.
    :raises ConfigurationError: when it is not a list of texts.
    """
    if values is None:
        return frozenset(NULL_VALUES)
    if (
        isinstance(values, str | Mapping)
        or not isinstance(values, Collection)
        or not all(isinstance(value, str) for value in values)
    ):
        msg = "null_values must be a list of texts"
        raise ConfigurationError(msg, advice='For example ["NULL", "-"]; [] for none.')
    return frozenset(value.strip() for value in values)


def without_nulls(blocks: Iterable[Block], *, nulls: frozenset[str], facts: SourceFacts) -> Iterator[Block]:
    """
    Yield blocks in which the cells that stand for an empty one are None.

    :param nulls: see :func:`check_null_values`.
    :param facts: takes how many there were, and where.
    """
    if not nulls:
        yield from blocks
        return
    for block in blocks:
        if isinstance(block, TableBlock):
            yield _table_without(block, nulls, facts)
        else:
            yield RowBlock([_row_without(row, nulls, facts) for row in block.rows])


def _table_without(block: TableBlock, nulls: frozenset[str], facts: SourceFacts) -> TableBlock:
    if all(_has_no_nulls(cells, nulls) for cells in block.columns().values()):
        return block
    records: list[Sequence[Any]] = []
    for position, record in enumerate(block.records):
        place = block.first + position if block.lines is None else block.lines[position]
        records.append(
            [
                cell if name is None else _cell_without(name, cell, nulls, facts, place)
                for name, cell in zip(block.names, record, strict=True)
            ]
        )
    return replace(block, records=records)


def _has_no_nulls(cells: Sequence[Any], nulls: frozenset[str]) -> bool:
    """Return whether no cell of a column stands for an empty one; of cells that are objects, nothing in them."""
    try:
        return nulls.isdisjoint(cells)
    except TypeError:
        pass
    try:
        return nulls.isdisjoint(chain.from_iterable(map(dict.values, cells)))
    except TypeError:
        # Not all are objects, or they hold something that cannot be looked up. The caller looks at each.
        return False


def _cell_without(name: Any, cell: Any, nulls: frozenset[str], facts: SourceFacts, place: int) -> Any:
    if isinstance(cell, str) and cell in nulls:
        _note(facts, name, place)
        return None
    return _values_without(cell, nulls, facts, place) if isinstance(cell, Mapping) else cell


def _row_without(row: Row, nulls: frozenset[str], facts: SourceFacts) -> Row:
    place = row.number if row.line is None else row.line
    values = _values_without(row.values, nulls, facts, place)
    return row if values is row.values else replace(row, values=values)


def _values_without(
    values: Mapping[Any, Any], nulls: frozenset[str], facts: SourceFacts, place: int
) -> Mapping[Any, Any]:
    changed: dict[Any, Any] = {}
    for name, value in values.items():
        without = _cell_without(name, value, nulls, facts, place)
        if without is not value:
            changed[name] = without
    return {**values, **changed} if changed else values


def _note(facts: SourceFacts, name: object, place: int) -> None:
    facts.found(
        f"cells of '{field_label(name)}' with a word for nothing (null_values), taken as empty", place
    )
