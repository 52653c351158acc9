# SPDX-License-Identifier: Apache-2.0
"""Read the rows of a query in batches from a DB-API cursor."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.audience.rows import BLOCK
from airflow_provider_aliyunsms.audience.sources.cells import check_null_values, without_nulls
from airflow_provider_aliyunsms.audience.sources.columns import Columns, Table
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.rows import Block


_DIGITS = re.compile(r"\d{5,}")
_MAX_TEXT = 200
# Errors of these classes are about the statement, the schema or the server. Other classes may quote values of rows.
_ABOUT_THE_STATEMENT = {"ProgrammingError", "OperationalError", "InterfaceError"}


def query_failed(error: Exception, *, done: int | None) -> AudienceError:
    """
    Return the error for a query that failed, without any value of a row.

    The driver's text is shown only when the query did not begin and the error is about the statement, the schema or
    the server: its first line, at most 200 characters, with every run of five or more digits masked.

    :param error: the driver's exception.
    :param done: the number of rows read before; None when the query did not begin.
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
    # The first line only: later lines quote the statement, which can hold numbers and texts.
    first = str(error).strip().partition("\n")[0]
    return ": " + _DIGITS.sub("***", first)[:_MAX_TEXT].rstrip(".") if first else ""


BATCH = BLOCK


class Cursor(Protocol):
    """The part of a DB-API cursor that :func:`read_sql` uses; its query was executed already."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """The columns, each with its name first; some drivers know them only after the first fetch."""
        ...

    def fetchmany(self, size: int) -> Sequence[Any]:
        """Return the next rows; an empty sequence at the end."""
        ...


OpenCursor = Callable[[], AbstractContextManager[Cursor]]


def read_sql(
    open_cursor: OpenCursor,
    *,
    number_field: str,
    columns: Columns,
    null_values: Collection[str] | None = None,
    facts: SourceFacts | None = None,
) -> Iterator[Block]:
    """
    Yield the rows of a query in its order, in blocks; columns the API does not know are template variables.

    The query runs when the first block is asked for, and its cursor is closed after the last one. Only one batch is
    held here; it depends on the cursor whether the driver itself holds all rows.

    :param open_cursor: executes the query and returns its cursor as a context manager.
    :param number_field: the column that holds the phone number, ``phone_number`` or ``to``.
    :param columns: the mapping of the query's column names to field names.
    :param null_values: the texts that stand for an empty cell; None for the usual ones.
    :param facts: takes the columns and what is found in the rows.
    :raises AudienceError: when the database refuses or fails, at once or between two batches, for a statement that
        returns no rows, or for columns as in
        :func:`~airflow_provider_aliyunsms.audience.sources.csv.read_csv`. The error never holds a value of a row.
    """
    facts = SourceFacts() if facts is None else facts
    facts.format = "query"
    rows = _rows(open_cursor, columns=columns.of(number_field), facts=facts)
    return without_nulls(rows, nulls=check_null_values(null_values), facts=facts)


def _rows(open_cursor: OpenCursor, *, columns: Columns, facts: SourceFacts) -> Iterator[Block]:
    number = 0
    with open_cursor() as cursor:
        batch = _fetch(cursor, done=number)
        # Only after the first fetch: a server-side cursor does not know its columns before.
        table = _table(cursor, columns=columns, facts=facts)
        while batch:
            # Some drivers return more rows than they were asked for.
            for start in range(0, len(batch), BATCH):
                records = [_cells(row) for row in batch[start : start + BATCH]]
                yield table.block(records, number + 1, None)
                number += len(records)
            batch = _fetch(cursor, done=number)


def _fetch(cursor: Cursor, *, done: int) -> Sequence[Any]:
    try:
        return cursor.fetchmany(BATCH)
    except Exception as error:  # noqa: BLE001 - every driver has its own tree of errors
        failure = query_failed(error, done=done)
    # Raised outside the handler, because the driver's error text can hold values of rows.
    raise failure


def _cells(row: Any) -> Sequence[Any]:
    # Some connections are set up to return dictionaries.
    return list(row.values()) if isinstance(row, Mapping) else row


def _table(cursor: Cursor, *, columns: Columns, facts: SourceFacts) -> Table:
    if cursor.description is None:
        msg = "recipients_sql is not a query: it returns no rows."
        raise AudienceError(msg, advice="make it a SELECT. Nothing was sent.")
    names = [str(column[0]) for column in cursor.description]
    try:
        return Table(names, columns=columns, place="query", facts=facts)
    except AudienceError as error:
        error.advice = (
            f'name the columns in the query, such as AS "{columns.number_field}", or use column_mapping.'
        )
        raise
