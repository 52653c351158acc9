# SPDX-License-Identifier: Apache-2.0
"""Rows of a query, fetched a batch at a time from a DB-API cursor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.audience.rows import BLOCK
from airflow_provider_aliyunsms.audience.sources.columns import Columns, Table
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.rows import Block


_DIGITS = re.compile(r"\d{5,}")
_MAX_TEXT = 200
# These complain about the statement, the schema or the server. Other kinds quote the values they choke on.
_ABOUT_THE_STATEMENT = {"ProgrammingError", "OperationalError", "InterfaceError"}


def query_failed(error: Exception, *, done: int | None) -> AudienceError:
    """
    The error for a query that failed.

    :param done: rows read before, None when the query did not even begin.
    """
    kind = _kind(error)
    if done is None:
        msg = f"recipients_sql cannot be run: {kind}{_text(error)}. Nothing was sent."
        return AudienceError(msg, advice="run the query by hand with the same connection.")
    msg = f"recipients_sql failed after {done} rows: {kind}. Nothing was sent."
    return AudienceError(
        msg, row=done or None, advice="run the query by hand with the same connection, or retry the task."
    )


def _kind(error: Exception) -> str:
    codes = (getattr(error, name, None) for name in ("sqlstate", "pgcode", "sqlite_errorname"))
    code = next((code for code in codes if code), None)
    if code is None and error.args and isinstance(error.args[0], int):
        code = error.args[0]
    name = type(error).__name__
    return name if code is None else f"{name} ({code})"


def _text(error: Exception) -> str:
    if not any(each.__name__ in _ABOUT_THE_STATEMENT for each in type(error).__mro__):
        return ""
    # Later lines quote the statement.
    first = str(error).strip().partition("\n")[0]
    return ": " + _DIGITS.sub("***", first)[:_MAX_TEXT].rstrip(".") if first else ""


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
