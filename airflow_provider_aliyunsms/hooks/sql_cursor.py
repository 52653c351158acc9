# SPDX-License-Identifier: Apache-2.0
"""Run a query on a database of an Airflow connection, without holding all of its rows in memory."""

from __future__ import annotations

import contextlib
import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.sources import query_failed
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CURSOR_NAME = "aliyunsms_audience"
_UNBUFFERED = {"MySQLdb": "MySQLdb.cursors", "pymysql": "pymysql.cursors"}


@contextmanager
def streaming_cursor(
    *, conn_id: str, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """
    Run a query and return its DB-API cursor as a context; nothing is committed.

    Cursor and connection are closed when the context is left. PostgreSQL (psycopg 2 and 3) gets a named cursor, MySQL
    (mysqlclient, PyMySQL) an unbuffered one, because their usual cursors fetch all rows into memory at once. Other
    drivers get their usual cursor.

    :param conn_id: a connection whose hook is a ``DbApiHook``.
    :param sql: one statement; semicolons at its end are dropped.
    :param parameters: values that the driver binds to the statement, in the driver's own style.
    :raises ConfigurationError: ``apache-airflow-providers-common-sql`` is not installed, or the connection is not one
        to a SQL database.
    :raises AudienceError: the database cannot be reached or refuses the query.
    """
    hook = _hook(conn_id)
    with contextlib.ExitStack() as stack:
        try:
            connection = hook.get_conn()
            # Each is registered as soon as it is there, so that a later failure still closes it. The stack closes in
            # reverse order: the cursor before its connection.
            stack.callback(_close, connection)
            cursor = _cursor(connection)
            stack.callback(_close, cursor)
            arguments = () if parameters is None else (parameters,)
            cursor.execute(sql.strip().rstrip(";"), *arguments)
            failure: AudienceError | None = None
        except Exception as error:  # noqa: BLE001 - every driver has its own tree of errors
            failure = query_failed(error, done=None)
        if failure is not None:
            # Raised outside the handler: inside, the driver's error would go along as its context, and its text can
            # hold values of rows.
            raise failure
        yield cursor


def database_connection(conn_id: str) -> Any:
    """
    Return a new DB-API connection to the database of an Airflow connection; the caller commits and closes it.

    :param conn_id: a connection whose hook is a ``DbApiHook``.
    :raises ConfigurationError: as :func:`streaming_cursor`.
    :raises AudienceError: the database cannot be reached; its text holds nothing of the driver's error but its kind.
    """
    hook = _hook(conn_id)
    try:
        return hook.get_conn()
    except Exception as error:  # noqa: BLE001 - every driver has its own tree of errors
        failure = query_failed(error, done=None)
    raise failure


def _hook(conn_id: str) -> Any:
    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError:
        raise ConfigurationError(
            "recipients_sql needs apache-airflow-providers-common-sql",
            advice="pip install 'airflow-provider-aliyunsms[sql]' and the provider of the database.",
        ) from None
    from airflow.providers.common.compat.sdk import BaseHook

    connection: Any = BaseHook.get_connection(conn_id)
    hook = connection.get_hook()
    if not isinstance(hook, DbApiHook):
        raise ConfigurationError(
            f"the connection '{conn_id}' is not one to a SQL database",
            advice="Give recipients_conn_id a connection whose hook is a DbApiHook, such as PostgreSQL or MySQL.",
        )
    return hook


def _cursor(connection: Any) -> Any:
    driver = type(connection).__module__.partition(".")[0]
    if driver in ("psycopg", "psycopg2"):
        return connection.cursor(name=_CURSOR_NAME)
    if driver in _UNBUFFERED:
        return connection.cursor(importlib.import_module(_UNBUFFERED[driver]).SSCursor)
    return connection.cursor()


def _close(resource: Any) -> None:
    # After an error some drivers cannot even close; the first error is the one to report.
    with contextlib.suppress(Exception):
        resource.close()
