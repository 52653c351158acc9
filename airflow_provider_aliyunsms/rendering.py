# SPDX-License-Identifier: Apache-2.0
"""
Render template fields so that an error shows neither the template nor a value.

Airflow's own rendering logs the whole field when it fails, and the field may be a list of recipients or a text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.private import forget_locals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

QUERY_ENDING = ".sql"
"""A query that ends so, in one line, is the name of a file."""

_UNDEFINED = re.compile(r"'([A-Za-z_][A-Za-z_0-9.]{0,60})' is undefined")
_DIGITS = re.compile(r"\d{5}")


def render_fields(
    templater: Any,
    *,
    parent: Any,
    fields: Iterable[str],
    context: Any,
    jinja_env: Any,
    seen_oids: set[int],
    query_field: str | None = None,
) -> None:
    """
    Render template fields in place, as Airflow's ``_do_render_template_fields`` does.

    :param templater: the operator or notifier; renders single values.
    :param parent: the object whose fields are rendered, mostly the same.
    :param fields: the names of the fields.
    :param query_field: the field that may be the name of a file with a query; no other field is ever looked up as a
        file, so that a text which ends in ``.sql`` stays a text.
    :raises ConfigurationError: a field cannot be rendered; names the field and the kind of error, no value.
    :raises AirflowSkipException: raised by the template itself, as is ``AirflowFailException``.
    """
    for name in fields:
        value = getattr(parent, name)
        if _is_empty(value):
            continue
        failure = _render_one(
            templater,
            parent=parent,
            name=name,
            context=context,
            jinja_env=jinja_env,
            seen_oids=seen_oids,
            as_query=name == query_field and parent is templater,
        )
        # Not in the except clause: there, the error would bring the library's own along, with lines of the template.
        if failure is not None:
            del value
            raise failure


def _render_one(
    templater: Any,
    *,
    parent: Any,
    name: str,
    context: Any,
    jinja_env: Any,
    seen_oids: set[int],
    as_query: bool,
) -> ConfigurationError | None:
    from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

    try:
        value = getattr(parent, name)
        if callable(value):
            rendered = value(context=context, jinja_env=jinja_env)
        elif as_query and names_a_file(value):
            rendered = _render_file(templater, name=value, context=context, jinja_env=jinja_env)
        else:
            rendered = templater.render_template(value, context, jinja_env, seen_oids)
        setattr(parent, name, rendered)
    except (AirflowSkipException, AirflowFailException):
        raise
    except Exception as error:  # noqa: BLE001 - templates may raise anything, and its text may hold a value
        forget_locals(error)
        return _failure(name, error)
    return None


def _render_file(templater: Any, *, name: str, context: Any, jinja_env: Any) -> Any:
    render: Callable[..., Any] = templater._render
    return render(jinja_env.get_template(name), context)


def names_a_file(query: object) -> bool:
    """Return whether a query is the name of a file: one line that ends in :data:`QUERY_ENDING`."""
    return isinstance(query, str) and query.endswith(QUERY_ENDING) and len(query.splitlines()) == 1


def _failure(name: str, error: Exception) -> ConfigurationError:
    kind = type(error).__name__
    line = getattr(error, "lineno", None)
    undefined = _UNDEFINED.search(str(error)) if kind == "UndefinedError" else None
    details = ""
    if kind == "TemplateNotFound":
        details = ": there is no such file in the folder of the DAG"
    elif isinstance(line, int):
        details = f" in line {line}"
    elif undefined is not None and not _DIGITS.search(undefined[1]):
        details = f": {undefined[1]} is undefined"
    return ConfigurationError(
        f"the field {name} cannot be rendered ({kind}{details})",
        advice="Correct its template. The template itself is not shown, because it may hold numbers or texts.",
    )


def _is_empty(value: Any) -> bool:
    try:
        return not value
    except Exception:  # noqa: BLE001 - data frames and the like have no truth value; they are rendered all the same
        return False
