# SPDX-License-Identifier: Apache-2.0
"""Add up the figures of all campaigns that a list would show, in the database."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import BigInteger, Numeric, and_, case, cast, func, literal, or_, select

from airflow_provider_aliyunsms.campaign.figures import COUNTS
from airflow_provider_aliyunsms.delivery.figures import DELIVERY_KEY
from airflow_provider_aliyunsms.ui.figures import sending_of
from airflow_provider_aliyunsms.ui.query import by_key, filtered, of_task, progress_of
from airflow_provider_aliyunsms.ui.query import tasks as tasks_with_figures
from airflow_provider_aliyunsms.ui.records import Task

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from airflow_provider_aliyunsms.ui.records import Wanted

NAMES = (*COUNTS, "pending")
MOST_AT_WORK = 500
"""Campaigns at work whose newest figures are read for the sums."""

MOST_KEPT = 64
"""Lists whose sums are kept."""

LONGEST_KEPT = 60.0
"""Seconds for which sums are kept at most."""

_LARGEST = 10**15


class KeptSums:
    """
    Sums that are kept for ten times as long as they took, so that adding up costs a tenth of the time at most.

    Pages ask every few seconds, and for all who may read the same DAGs the sums are the same. Threads may share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Wanted, tuple[float, dict[str, int]]] = OrderedDict()

    def of(self, session: Session, wanted: Wanted) -> dict[str, int]:
        """Return the sums over a list, as they are or were a little while ago."""
        with self._lock:
            until, sums = self._kept.get(wanted, (0.0, {}))
        began = time.monotonic()
        if began < until:
            return dict(sums)
        sums = sums_of(session, wanted)
        ended = time.monotonic()
        with self._lock:
            self._kept[wanted] = (ended + min(10 * (ended - began), LONGEST_KEPT), sums)
            self._kept.move_to_end(wanted)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return dict(sums)


def sums_of(session: Session, wanted: Wanted) -> dict[str, int]:
    """
    Return the sums over a list, with the number of its rows under ``campaigns``; makes four queries.

    Campaigns at work have written no counts yet; theirs are taken from where they renew them.
    """
    dialect = session.get_bind().dialect.name
    columns = [func.sum(number_in(XComModel.value, name, dialect=dialect)) for name in NAMES]
    by_row = (
        filtered(
            select(*[column.label(name) for column, name in zip(columns, NAMES, strict=True)]).join(
                TaskInstance, of_task()
            ),
            wanted,
        )
        .group_by(by_key(XComModel.dag_run_id), by_key(XComModel.task_id))
        .subquery()
    )
    row = session.execute(select(func.count(), *[func.sum(by_row.c[name]) for name in NAMES])).one()
    found = {"campaigns": int(row[0]), **{name: int(row[at + 1] or 0) for at, name in enumerate(NAMES)}}
    for task, progress in _at_work(session, wanted, dialect=dialect):
        before, now = sending_of(task.left, None), sending_of(task.left, progress)
        for name in NAMES:
            found[name] += (now.get(name) or 0) - (before.get(name) or 0)
    return found | _deliveries(session, wanted, dialect=dialect)


def _at_work(session: Session, wanted: Wanted, *, dialect: str) -> list[tuple[Task, Any]]:
    # A task that succeeded has written its counts.
    unfinished = or_(TaskInstance.state.is_(None), TaskInstance.state != "success")
    statement = filtered(tasks_with_figures(), wanted).where(
        unfinished, number_in(XComModel.value, "ended", dialect=dialect) == 0
    )
    tasks = [Task(*row) for row in session.execute(statement.limit(MOST_AT_WORK))]
    progress = progress_of(session, tasks)
    return [(task, progress[task.key]) for task in tasks if task.key in progress]


def _deliveries(session: Session, wanted: Wanted, *, dialect: str) -> dict[str, int]:
    names = ("delivered", "failed", "pending")
    runs = filtered(select(XComModel.dag_run_id).join(TaskInstance, of_task()), wanted)
    own = XComModel.__table__.alias("of_sensors")
    statement = select(*[func.sum(number_in(own.c.value, name, dialect=dialect)) for name in names]).where(
        own.c.key == DELIVERY_KEY, by_key(own.c.dag_run_id).in_(runs)
    )
    delivered, failed, awaited = (int(each or 0) for each in session.execute(statement).one())
    return {"delivered": delivered, "failed": failed, "awaited": awaited}


def number_in(value: Any, name: str, *, dialect: str) -> ColumnElement[Any]:
    """
    Return the whole number that a stored object has under a name, 0 for anything else.

    Any DAG may have stored anything under the key, and must not make the query fail for all others.
    """
    if dialect == "postgresql":
        found = value.op("->")(name)
        exact = cast(value.op("->>")(name), Numeric)
        fits = case((func.jsonb_typeof(found) == "number", and_(exact >= 0, exact < _LARGEST)), else_=False)
        return case((fits, cast(func.trunc(exact), BigInteger)), else_=0)
    path = f'$."{name}"'
    number: Any
    if dialect == "sqlite":
        is_number = case((func.json_valid(value) == 1, func.json_type(value, path)), else_=None) == "integer"
        number = func.json_extract(value, path)
    else:
        is_number = func.json_type(func.json_extract(value, path)) == literal("INTEGER")
        number = cast(func.json_extract(value, path), BigInteger)
    return case((is_number, case((and_(number >= 0, number < _LARGEST), number), else_=0)), else_=0)
