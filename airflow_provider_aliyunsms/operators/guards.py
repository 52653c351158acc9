# SPDX-License-Identifier: Apache-2.0
"""
Connect the guards of a send task with Airflow: what they may use of it, and how their decisions end the task.

The guards themselves are in ``campaign/guards`` and know no Airflow.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_aliyunsms.exceptions import (
    ConfigurationError,
    GuardError,
    GuardSkipError,
    GuardUndecidedError,
    GuardWaitError,
)
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.operators.failures import final
from airflow_provider_aliyunsms.rendering import render_fields
from airflow_provider_aliyunsms.task_errors import tell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.campaign.guards import Guard

log = logging.getLogger(__name__)

WAITS: Final = ("defer", "reschedule")
"""Values of ``guard_wait``."""

AFTER_WAIT: Final = "execute_after_wait"
"""The method of the operators by which a task goes on after a wait."""

ASK_AGAIN: Final = "None, if the guard is right. A Clear asks it again."
"""The next step after a skip."""

_SET_LEDGER_PATH: Final = (
    "Set ledger_path to a storage that outlives the worker, and trigger a new run for those who are left."
)

WITHOUT_LEDGER: Final = "begin_after_wait"
"""The same for a task that has no ledger which outlives its process, and that has sent to nobody."""


def check_guards(guards: object, *, canary: object = None) -> tuple[Guard, ...]:
    """
    Return the guards as a tuple.

    :param canary: the guard that is asked last; None for none.
    :raises ConfigurationError: it is no list or tuple, or one of its elements is no guard.
    """
    if not isinstance(guards, list | tuple):
        raise ConfigurationError("guards must be a list", advice="Write guards=[QuietHours(...), ...].")
    asked = (*guards, *([] if canary is None else [canary]))
    for guard in asked:
        if isinstance(guard, type) or not callable(getattr(guard, "before_sending", None)):
            name = guard.__name__ if isinstance(guard, type) else type(guard).__name__
            raise ConfigurationError(
                f"guards holds something that is no guard ({name})",
                advice="A guard is an object with the method before_sending(facts); write Preflight() and not "
                "Preflight.",
            )
    return asked


def check_wait(wait: str, *, guards: Collection[Guard], context: Context) -> None:
    """
    Refuse to wait in the scheduler where this Airflow cannot.

    Before it says how often a task was rescheduled, it does not keep the time of a task that is no sensor either; and
    a task that began anew could not tell that there must be a ledger.

    :raises ConfigurationError: it cannot; nothing was sent.
    """
    if guards and wait == "reschedule" and "task_reschedule_count" not in context:
        raise ConfigurationError(
            'guard_wait="reschedule" needs a later version of Airflow',
            advice='Nothing was sent now. Use guard_wait="defer" and run a triggerer.',
        )


def template_values(guards: Collection[Guard]) -> list[Any]:
    """Return the values of the fields that guards name in ``template_fields``: some may come from other tasks."""
    return [getattr(guard, name) for guard in guards for name in _template_fields(guard)]


def render_guards(
    guards: Collection[Guard], *, templater: Any, context: Any, jinja_env: Any, seen_oids: set[int]
) -> tuple[Guard, ...]:
    """
    Return the guards with their template fields rendered; those given stay as they are.

    :param templater: the operator.
    :raises ConfigurationError: a field cannot be rendered.
    """
    rendered = []
    for guard in guards:
        names = _template_fields(guard)
        values = SimpleNamespace(**{name: getattr(guard, name) for name in names})
        render_fields(
            templater, parent=values, fields=names, context=context, jinja_env=jinja_env, seen_oids=seen_oids
        )
        rendered.append(_with_fields(guard, vars(values)))
    return tuple(rendered)


def _template_fields(guard: Guard) -> Sequence[str]:
    names: Sequence[str] = getattr(guard, "template_fields", ())
    return names


def _with_fields(guard: Guard, values: Mapping[str, Any]) -> Any:
    if not values:
        return guard
    changed: Any = copy.copy(guard)
    if dataclasses.is_dataclass(changed):
        replace: Any = dataclasses.replace
        return replace(changed, **values)
    for name, value in values.items():
        setattr(changed, name, value)
    return changed


def planned_at(context: Context) -> datetime | None:
    """Return when the run was due: the end of its data interval, or when it was asked for; None if unknown."""
    run: Any = context.get("dag_run")
    # From Airflow 3 on. Before, the run of a person has the data interval of a schedule, which tells nothing of when
    # it was asked for.
    is_manual = str(getattr(run, "run_type", "")).rpartition(".")[2].lower() == "manual"
    before = "logical_date" if is_manual else "data_interval_end"
    for moment in (getattr(run, "run_after", None), context.get(before), getattr(run, "queued_at", None)):
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment
    return None


def end_by_guard(operator: Any, error: GuardError, *, wait: str, sent: bool, is_durable: bool) -> NoReturn:
    """
    End a task as a guard has decided; always raises.

    :param operator: the send task.
    :param wait: ``defer`` or ``reschedule``: how the task waits.
    :param sent: whether this campaign was sent to anybody. Then a skip fails the task, because a skipped one would
        say that nothing was sent.
    :param is_durable: whether the ledger outlives the process. Without one nobody knows after a wait whom the try has
        sent to, so it may wait only while that is nobody.
    :raises TaskDeferred: it waits on the triggerer, and goes on with :data:`AFTER_WAIT`.
    :raises AirflowRescheduleException: it waits in the scheduler.
    :raises AirflowSkipException: it is skipped.
    :raises GuardUndecidedError: it is retried.
    :raises FinalGuardError: it fails, and is not retried.
    """
    if isinstance(error, GuardWaitError):
        if not is_durable and (sent or wait == "reschedule"):
            error.message += ". The task cannot wait, because it has no ledger that outlives its process"
            error.advice = _SET_LEDGER_PATH
            raise final(error)
        say(log, logging.INFO, "%s", error.message, next_step="None needed. The task goes on by itself.")
        _wait(operator, until=error.until or datetime.now(UTC), how=wait, is_durable=is_durable)
    if isinstance(error, GuardSkipError) and not sent:
        error.advice = error.advice or ASK_AGAIN
        tell(error, level=logging.WARNING)
        raise AirflowSkipException(error.message) from error
    if isinstance(error, GuardUndecidedError):
        raise error
    raise final(error) from error


def _wait(operator: Any, *, until: datetime, how: str, is_durable: bool) -> None:
    if how == "reschedule":
        reschedule: Any = importlib.import_module("airflow.exceptions").AirflowRescheduleException
        raise reschedule(until)
    # Two methods and no argument, because "airflow dags test" loses the arguments.
    operator.defer(trigger=_trigger(until), method_name=AFTER_WAIT if is_durable else WITHOUT_LEDGER)


def _trigger(moment: datetime) -> Any:
    try:
        found: Any = importlib.import_module("airflow.providers.standard.triggers.temporal")
    except ImportError:
        # Airflow 2, without the provider "standard".
        found = importlib.import_module("airflow.triggers.temporal")
    return found.DateTimeTrigger(moment=moment)


class Deployment:
    """
    What guards may use of Airflow; see :class:`~airflow_provider_aliyunsms.campaign.guards.Surroundings`.

    :param context: the task's.
    :param number_field: the column of the phone number, ``phone_number`` or ``to``.
    :param dry_run: the task rehearses; it is compared with its earlier rehearsals, and a task that sends with what it
        sent.
    """

    def __init__(self, *, context: Context, number_field: str, dry_run: bool = False) -> None:
        self._context = context
        self._number_field = number_field
        self._dry_run = dry_run

    def open_binary(self, path: str) -> BinaryIO:
        """Open a file of any storage for reading."""
        from airflow_provider_aliyunsms.hooks.storage import open_binary

        return open_binary(path)

    def fingerprint(self, path: str) -> object:
        """Return something that changes when the file changes."""
        from airflow_provider_aliyunsms.hooks.storage import file_fingerprint

        return file_fingerprint(path)

    def storage_path(self, path: str) -> Any:
        """Return a folder of any storage."""
        from airflow_provider_aliyunsms.hooks.storage import storage_path

        return storage_path(path)

    def query(self, sql: str, *, conn_id: str) -> Iterator[Block]:
        """Run one query and yield its rows, streamed."""
        from functools import partial

        from airflow_provider_aliyunsms.audience.facts import SourceFacts
        from airflow_provider_aliyunsms.audience.sources import Columns, read_sql
        from airflow_provider_aliyunsms.hooks.sql_cursor import streaming_cursor

        return read_sql(
            partial(streaming_cursor, conn_id=conn_id, sql=sql),
            number_field=self._number_field,
            columns=Columns(None),
            facts=SourceFacts(),
        )

    def sql_connection(self, conn_id: str) -> Any:
        """Return a new DB-API connection, not in autocommit mode."""
        from airflow_provider_aliyunsms.hooks.sql_cursor import database_connection

        return database_connection(conn_id)

    def variable(self, name: str) -> str | None:
        """Return the text of an Airflow Variable, None when there is none."""
        from airflow.providers.common.compat.sdk import Variable

        try:
            found = Variable.get(name)
        except KeyError:
            # Airflow 2 raises this.
            return None
        except Exception as error:  # noqa: BLE001 - Airflow's own, and whatever a backend of secrets raises
            if "NOT_FOUND" in str(error):
                return None
            kind = type(error).__name__
        else:
            return str(found)
        raise ConfigurationError(
            f"the Airflow Variable '{name}' cannot be read ({kind})",
            advice="Check that Airflow's database can be reached. A retry asks again.",
        )

    def last_run(self) -> Mapping[str, Any] | None:
        """Return the summary of this task in the latest earlier run that left one, None when there is none."""
        ti: Any = self._context["ti"]
        found = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index, include_prior_dates=True)
        if not isinstance(found, dict) or bool(found.get("dry_run")) != self._dry_run:
            return None
        return found

    def xcom(self, *, task_id: str, key: str = "return_value") -> Any:
        """Return what another task of this run left as XCom, None when there is nothing."""
        ti: Any = self._context["ti"]
        return ti.xcom_pull(task_ids=task_id, key=key)
