# SPDX-License-Identifier: Apache-2.0
"""
Read a data frame of pandas, polars or Arrow, or of any library that hands its tables out as Arrow does.

None of these libraries is imported here; a frame is known by its type and asked by its own methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.rows import BLOCK, field_label
from airflow_provider_aliyunsms.audience.sources.cells import check_number_type, is_single_type, short_single
from airflow_provider_aliyunsms.audience.sources.columns import Table
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.facts import SourceFacts
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.columns import Columns

_ARROW = ("__arrow_c_stream__", "__dataframe__")


def is_frame(source: object) -> bool:
    """
    Return whether the source is a table of named columns, such as a pandas ``DataFrame``.

    :raises AudienceError: when it is one that has to be computed first, such as a polars ``LazyFrame``.
    """
    kind = type(source)
    if kind.__name__ == "LazyFrame":
        msg = "Recipients cannot be a LazyFrame, which holds no rows yet."
        raise AudienceError(msg, advice="return its .collect().")
    has_columns = any(hasattr(source, name) for name in ("columns", "column_names", "schema"))
    return has_columns and any(hasattr(kind, name) for name in _ARROW)


def read_frame(frame: Any, *, columns: Columns, facts: SourceFacts) -> Iterator[Block]:
    """
    Yield the rows of a data frame in blocks; columns the API does not know are template variables.

    NaN, NaT and None are missing values. The index of a pandas frame is not read. Frames of other libraries than
    pandas, polars and Arrow need ``pyarrow``.

    :raises AudienceError: for columns as in :func:`~airflow_provider_aliyunsms.audience.sources.csv.read_csv`, phone
        numbers in a column of 16 or 32-bit floats, a frame with several levels of columns, or one that cannot be
        read.
    """
    library = type(frame).__module__.partition(".")[0]
    parts = {"pandas": _pandas, "polars": _polars, "pyarrow": _arrow}.get(library, _other)
    facts.format = f"{library} {type(frame).__name__}"
    names, types, batches = parts(frame)
    table = Table(names, columns=columns, place="data frame", facts=facts)
    check_number_type(types[table.number_position])
    singles = [position for position, kind in enumerate(types) if is_single_type(kind)]
    number = 0
    for cells in batches:
        for position in singles:
            cells[position] = [short_single(cell) for cell in cells[position]]
        records = [*zip(*cells, strict=True)]
        if records:
            yield table.block(records, number + 1, None)
        number += len(records)


_Parts = tuple[list[str], list[str], Iterator[list[list[Any]]]]
"""The names and types of the columns, and the cells in batches, by the column."""


def _pandas(frame: Any) -> _Parts:
    if getattr(frame.columns, "nlevels", 1) > 1:
        msg = "The data frame has several levels of column names."
        raise AudienceError(msg, advice="give each column one name.")
    names = [str(name) for name in frame.columns]
    types = [str(kind) for kind in frame.dtypes]

    def batches() -> Iterator[list[list[Any]]]:
        for start in range(0, len(frame), BLOCK):
            part = frame.iloc[start : start + BLOCK]
            yield [part.iloc[:, position].tolist() for position in range(len(names))]

    return names, types, batches()


def _polars(frame: Any) -> _Parts:
    def batches() -> Iterator[list[list[Any]]]:
        for start in range(0, frame.height, BLOCK):
            yield [column.to_list() for column in frame.slice(start, BLOCK).get_columns()]

    return [*frame.columns], [str(kind) for kind in frame.dtypes], batches()


def _arrow(table: Any) -> _Parts:
    schema = table.schema
    batches = table.to_batches(max_chunksize=BLOCK) if hasattr(table, "to_batches") else table
    # A RecordBatch is its own only batch.
    batches = (
        [table] if hasattr(table, "to_struct_array") and not hasattr(table, "combine_chunks") else batches
    )
    return [*schema.names], [str(kind) for kind in schema.types], _arrow_cells(batches)


def _arrow_cells(batches: Any) -> Iterator[list[list[Any]]]:
    for batch in batches:
        for start in range(0, batch.num_rows, BLOCK):
            yield [column.to_pylist() for column in batch.slice(start, BLOCK).columns]


def _other(frame: Any) -> _Parts:
    name = field_label(type(frame).__name__)
    try:
        import pyarrow
    except ImportError:
        msg = f"Recipients of the type {name} need the package pyarrow."
        raise AudienceError(
            msg, advice="pip install 'airflow-provider-aliyunsms[parquet]', or return a list of mappings."
        ) from None
    try:
        if hasattr(frame, _ARROW[0]):
            return _arrow(pyarrow.RecordBatchReader.from_stream(frame))
        from pyarrow.interchange import from_dataframe

        return _arrow(from_dataframe(frame))
    except (pyarrow.ArrowException, TypeError, ValueError, RuntimeError) as error:
        problem = type(error).__name__
    # Raised outside the handler, because the library's error text can hold values of rows.
    msg = f"Recipients of the type {name} cannot be read as a table ({problem})."
    raise AudienceError(
        msg, advice="return a list of mappings, or write a .parquet file and return its path."
    )
