# SPDX-License-Identifier: Apache-2.0
"""What a database's error may say in ours: its kind and code always, its text only where no row can be in it."""

from __future__ import annotations

import re

from airflow_provider_aliyunsms.exceptions import AudienceError

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
