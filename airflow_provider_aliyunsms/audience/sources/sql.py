# SPDX-License-Identifier: Apache-2.0
"""Rows of a query, fetched a batch at a time from a DB-API cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.audience.blocks import BLOCK
from airflow_provider_aliyunsms.audience.sources.columns import Columns, Table
from airflow_provider_aliyunsms.audience.sql_errors import query_failed
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.blocks import Block

BATCH = BLOCK


class Cursor(Protocol):
    """What is needed of a DB-API cursor whose query was executed."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """The columns, name first; some drivers know them only after the first fetch."""
        ...

    def fetchmany(self, size: int) -> Sequence[Any]:
        """Return the next rows, none at the end."""
        ...


OpenCursor = Callable[[], AbstractContextManager[Cursor]]


def read_sql(open_cursor: OpenCursor, *, number_field: str, columns: Columns) -> Iterator[Block]:
    """
    The rows of a query in its order; every column the API does not know is a template variable.

    The query runs when the first row is asked for, and is closed after the last one. No more than one batch
    is held here; whether the driver itself holds all rows is up to the cursor.

    :param open_cursor: executes the query.
    :raises AudienceError: when the database refuses or fails, at once or in mid-stream, for a statement without
        rows, or columns as in a CSV file; it never holds a value of a row.
    """
    number = 0
    with open_cursor() as cursor:
        batch = _fetch(cursor, done=number)
        # After the first fetch, because a server-side cursor learns its columns from it.
        table = _table(cursor, columns=columns, number_field=number_field)
        while batch:
            # Some drivers give more than they were asked for.
            for start in range(0, len(batch), BATCH):
                records = [_cells(row) for row in batch[start : start + BATCH]]
                yield table.block(records, number + 1)
                number += len(records)
            batch = _fetch(cursor, done=number)


def _fetch(cursor: Cursor, *, done: int) -> Sequence[Any]:
    try:
        return cursor.fetchmany(BATCH)
    except Exception as error:  # noqa: BLE001 - every driver has its own tree of errors
        failure = query_failed(error, done=done)
    # Raised outside the handler: the driver's text can hold values of rows.
    raise failure


def _cells(row: Any) -> Sequence[Any]:
    # Some connections are set up to give dictionaries.
    return list(row.values()) if isinstance(row, Mapping) else row


def _table(cursor: Cursor, *, columns: Columns, number_field: str) -> Table:
    if cursor.description is None:
        msg = "recipients_sql is not a query: it returns no rows."
        raise AudienceError(msg, advice="make it a SELECT. Nothing was sent.")
    names = [str(column[0]) for column in cursor.description]
    try:
        return Table(names, columns=columns, number_field=number_field, place="query")
    except AudienceError as error:
        error.advice = f'name the columns in the query, such as AS "{number_field}", or use column_mapping.'
        raise
