# SPDX-License-Identifier: Apache-2.0
"""What is asked of Airflow's database, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    What a list shows.

    :param readable: the ids of the DAGs that the person may read.
    :param dag_id: of this DAG only; None for all.
    :param run_ids: of the run with one of these ids only; empty for all.
    :param state: of tasks in this state only; None for all.
    :param between: of tasks that began in this time; None for all.
    """

    readable: frozenset[str]
    dag_id: str | None = None
    run_ids: tuple[str, ...] = ()
    state: str | None = None
    between: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """
    One row of the list: one task of one run, mapped or not.

    :param tasks: the number of mapped tasks that have begun; 1 for a task that is not mapped.
    """

    dag_run_id: int
    dag_id: str
    run_id: str
    task_id: str
    tasks: int
    is_mapped: bool


@dataclass(frozen=True, slots=True)
class Task:
    """
    One task instance with what it left under the campaign's key.

    :param left: the value of the XCom as it was stored; nothing of it is checked.
    """

    dag_run_id: int
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    began_at: datetime | None
    ended_at: datetime | None
    left_at: datetime
    left: Any

    @property
    def key(self) -> tuple[int, str, int]:
        """What tells it from other tasks in the task state store."""
        return self.dag_run_id, self.task_id, self.map_index
