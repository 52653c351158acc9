# SPDX-License-Identifier: Apache-2.0
"""
Read campaigns from Airflow's database; every function makes one query, whatever it finds.

A campaign is found by the key of its XCom, which has an index. Its task is joined by the key of task instances, and
the figures that are renewed while it runs by the unique key of the task state store (Airflow 3.3 and later).
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.xcom import XComModel
from sqlalchemy import and_, func, select

from airflow_provider_aliyunsms.campaign.figures import FIGURES_KEY, PROGRESS_KEY
from airflow_provider_aliyunsms.delivery.figures import DELIVERY_KEY
from airflow_provider_aliyunsms.ui.records import Group, Task

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from airflow_provider_aliyunsms.ui.records import Wanted

MOST_TASKS = 5000
"""Mapped tasks that are read for one page of the list; where there are more, the page shows no figures of them."""

MOST_DELIVERIES = 500
"""Results of sensors that are read for one page of the list."""

_LARGEST_STATE = 256 * 1024


def of_task() -> ColumnElement[bool]:
    """Return the condition that joins an XCom with its task instance."""
    return and_(
        XComModel.dag_id == TaskInstance.dag_id,
        XComModel.task_id == TaskInstance.task_id,
        XComModel.run_id == TaskInstance.run_id,
        XComModel.map_index == TaskInstance.map_index,
    )


def by_key(column: Any) -> Any:
    """
    Return a column as an expression that no index is for.

    SQLite would read the whole table of XComs in the order of another index, to save a sort of what the index of the
    key finds.
    """
    return func.coalesce(column, column)


def filtered(statement: Any, wanted: Wanted) -> Any:
    """Return a statement over XComs and task instances that finds the campaigns of the list only."""
    began = func.coalesce(TaskInstance.start_date, XComModel.timestamp)
    readable = wanted.readable if wanted.dag_id is None else wanted.readable & {wanted.dag_id}
    statement = statement.where(XComModel.key == FIGURES_KEY, XComModel.dag_id.in_(sorted(readable)))
    if wanted.run_ids:
        statement = statement.where(XComModel.run_id.in_(wanted.run_ids))
    if wanted.state is not None:
        statement = statement.where(TaskInstance.state == wanted.state)
    if wanted.between is not None:
        statement = statement.where(began >= wanted.between[0], began < wanted.between[1])
    return statement


def page_of(session: Session, wanted: Wanted, *, limit: int, offset: int) -> list[Group]:
    """Return a part of the list, the latest campaign first."""
    began = func.max(func.coalesce(TaskInstance.start_date, XComModel.timestamp))
    columns = (XComModel.dag_run_id, XComModel.dag_id, XComModel.run_id, XComModel.task_id)
    statement = (
        filtered(
            select(*columns, func.count(), func.max(XComModel.map_index)).join(TaskInstance, of_task()),
            wanted,
        )
        .group_by(*columns)
        .order_by(began.desc(), XComModel.dag_run_id.desc(), XComModel.task_id)
        .limit(limit)
        .offset(offset)
    )
    return [
        Group(dag_run_id, dag_id, run_id, task_id, tasks=count, is_mapped=highest >= 0)
        for dag_run_id, dag_id, run_id, task_id, count, highest in session.execute(statement)
    ]


def tasks_of(session: Session, groups: Collection[Group]) -> list[Task]:
    """Return the task instances of some rows; of very many mapped tasks only :data:`MOST_TASKS`."""
    if not groups:
        return []
    statement = (
        tasks()
        .where(
            XComModel.dag_run_id.in_({group.dag_run_id for group in groups}),
            XComModel.task_id.in_({group.task_id for group in groups}),
        )
        # Those that are not mapped first: whatever the number of the others, these are all there.
        .order_by(XComModel.map_index)
        .limit(MOST_TASKS + len(groups))
    )
    return [Task(*row) for row in session.execute(statement)]


def task_of(
    session: Session, *, dag_id: str, run_ids: Collection[str], task_id: str, map_index: int
) -> Task | None:
    """Return one task instance; None where it does not exist, or has left no figures."""
    statement = tasks().where(
        XComModel.dag_id == dag_id,
        XComModel.task_id == task_id,
        XComModel.run_id.in_(run_ids),
        XComModel.map_index == map_index,
    )
    row = session.execute(statement).first()
    return None if row is None else Task(*row)


def mapped_tasks_of(session: Session, *, dag_id: str, run_ids: Collection[str], task_id: str) -> list[Task]:
    """Return the mapped instances of one task in the order of their indexes."""
    statement = (
        tasks()
        .where(
            XComModel.dag_id == dag_id,
            XComModel.task_id == task_id,
            XComModel.run_id.in_(run_ids),
            XComModel.map_index >= 0,
        )
        .order_by(XComModel.map_index)
        .limit(MOST_TASKS)
    )
    return [Task(*row) for row in session.execute(statement)]


def tasks() -> Any:
    """Return a statement that finds all tasks with figures."""
    return (
        select(
            XComModel.dag_run_id,
            XComModel.dag_id,
            XComModel.run_id,
            XComModel.task_id,
            XComModel.map_index,
            TaskInstance.state,
            TaskInstance.try_number,
            TaskInstance.max_tries,
            TaskInstance.start_date,
            TaskInstance.end_date,
            XComModel.timestamp,
            XComModel.value,
        )
        .join(TaskInstance, of_task())
        .where(XComModel.key == FIGURES_KEY)
    )


def progress_of(session: Session, tasks: Collection[Task]) -> dict[tuple[int, str, int], Any]:
    """Return what tasks have left in the task state store while they ran; nothing before Airflow 3.3."""
    model = state_model()
    if model is None or not tasks:
        return {}
    keys = {task.key for task in tasks}
    statement = select(model.dag_run_id, model.task_id, model.map_index, model.value).where(
        model.dag_run_id.in_({key[0] for key in keys}),
        model.task_id.in_({key[1] for key in keys}),
        model.map_index.in_({key[2] for key in keys}),
        model.key == PROGRESS_KEY,
    )
    return {(run, task, at): _parsed(value) for run, task, at, value in session.execute(statement)}


def deliveries_of(session: Session, dag_run_ids: Collection[int]) -> dict[int, list[Any]]:
    """Return what the delivery sensors of some runs have left, by run."""
    found: dict[int, list[Any]] = {}
    if not dag_run_ids:
        return found
    statement = (
        select(XComModel.dag_run_id, XComModel.value)
        .where(XComModel.dag_run_id.in_(dag_run_ids), XComModel.key == DELIVERY_KEY)
        .order_by(XComModel.timestamp.desc())
        .limit(MOST_DELIVERIES)
    )
    for run, value in session.execute(statement):
        found.setdefault(run, []).append(value)
    return found


def xcom_of(session: Session, task: Task, *, keys: Sequence[str]) -> dict[str, Any]:
    """Return the values that a task left under some keys."""
    statement = select(XComModel.key, XComModel.value).where(
        XComModel.dag_run_id == task.dag_run_id,
        XComModel.task_id == task.task_id,
        XComModel.map_index == task.map_index,
        XComModel.key.in_(keys),
    )
    return {key: value for key, value in session.execute(statement)}  # noqa: C416 - a row is no pair for mypy


def earlier_tries_of(session: Session, task: Task) -> list[dict[str, Any]]:
    """Return Airflow's record of the earlier tries of a task."""
    history = TaskInstanceHistory
    statement = (
        select(history.try_number, history.state, history.start_date, history.end_date)
        .where(
            history.dag_id == task.dag_id,
            history.task_id == task.task_id,
            history.run_id == task.run_id,
            history.map_index == task.map_index,
        )
        .order_by(history.try_number)
        .limit(200)
    )
    names = ("try_number", "state", "started_at", "ended_at")
    return [dict(zip(names, row, strict=True)) for row in session.execute(statement)]


def has_ledger(session: Session, task: Task) -> bool | None:
    """Return whether the task state store has the head of a task's ledger; None before Airflow 3.3."""
    model = state_model()
    if model is None:
        return None
    statement = select(model.key).where(
        model.dag_run_id == task.dag_run_id,
        model.task_id == task.task_id,
        model.map_index == task.map_index,
        model.key == "aliyun_sms.head",
    )
    return session.execute(statement).first() is not None


def dag_ids_of(session: Session, readable: Collection[str]) -> list[str]:
    """Return the ids of all readable DAGs that have campaigns."""
    statement = select(by_key(XComModel.dag_id)).where(XComModel.key == FIGURES_KEY).distinct()
    return sorted({*session.scalars(statement)} & {*readable})


def state_model() -> Any:
    """Return the model of the task state store; None before Airflow 3.3."""
    try:
        return importlib.import_module("airflow.models.task_state_store").TaskStateStoreModel
    except ImportError:
        return None


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or len(value) > _LARGEST_STATE:
        return None
    try:
        return json.loads(value)
    # The latter for lists in lists without end.
    except (ValueError, RecursionError):
        return None
