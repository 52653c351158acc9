# SPDX-License-Identifier: Apache-2.0
"""The addresses that give JSON; all of them only read, and each asks for permission first."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from airflow import settings
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.utils.state import TaskInstanceState
from fastapi import APIRouter, HTTPException, Query
from sqlalchemy.orm import Session

from airflow_provider_aliyunsms.ui import query
from airflow_provider_aliyunsms.ui.access import MaySeeCampaign, ReadableDags
from airflow_provider_aliyunsms.ui.figures import iso
from airflow_provider_aliyunsms.ui.rows import group_row, row_of
from airflow_provider_aliyunsms.ui.sums import sums_of

router = APIRouter(prefix="/api")

STATES = [str(state) for state in TaskInstanceState]
Text = Annotated[str | None, Query(max_length=300)]
Name = Annotated[str, Query(min_length=1, max_length=300)]


@router.get("/campaigns")
def campaigns(
    session: SessionDep,
    readable: ReadableDags,
    dag_id: Text = None,
    run_id: Text = None,
    state: Text = None,
    day: date | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Return a part of the list of campaigns, and sums over all of it."""
    wanted = query.Wanted(
        readable=readable,
        dag_id=dag_id or None,
        run_id=run_of(run_id),
        state=state or None,
        between=None if day is None else whole(day),
    )
    groups = query.page_of(session, wanted, limit=limit, offset=offset)
    sums = sums_of(session, wanted)
    return {
        "campaigns": rows_of(session, groups),
        "total_entries": sums["campaigns"],
        "sums": sums,
        "dag_ids": query.dag_ids_of(session, readable),
        "states": STATES,
        "now": iso(datetime.now(UTC)),
    }


@router.get("/campaigns/mapped", dependencies=[MaySeeCampaign])
def mapped(session: SessionDep, dag_id: Name, run_id: Name, task_id: Name) -> dict[str, Any]:
    """Return one row for each mapped instance of a task."""
    tasks = query.mapped_tasks_of(session, dag_id=dag_id, run_id=run_of(run_id) or "", task_id=task_id)
    progress = query.progress_of(session, tasks)
    deliveries = query.deliveries_of(session, {task.dag_run_id for task in tasks})
    return {
        "campaigns": [
            row_of(task, progress=progress.get(task.key), deliveries=deliveries.get(task.dag_run_id, ()))
            for task in tasks
        ]
    }


def rows_of(session: Session, groups: list[query.Group]) -> list[dict[str, Any]]:
    """Return the rows of a page of the list."""
    by_group: dict[tuple[int, str], list[query.Task]] = {}
    tasks = query.tasks_of(session, groups)
    for task in tasks:
        by_group.setdefault((task.dag_run_id, task.task_id), []).append(task)
    progress = query.progress_of(session, [task for task in tasks if not has_ended(task)])
    deliveries = query.deliveries_of(session, {group.dag_run_id for group in groups})
    rows = []
    for group in groups:
        own, told = by_group.get((group.dag_run_id, group.task_id), []), deliveries.get(group.dag_run_id, ())
        if group.is_mapped:
            rows.append(group_row(group, own, progress=progress, deliveries=told))
        else:
            rows.extend(row_of(task, progress=progress.get(task.key), deliveries=told) for task in own)
    return rows


def has_ended(task: query.Task) -> bool:
    """Return whether the figures that a task left are those of its end."""
    return isinstance(task.left, dict) and task.left.get("ended") == 1


def run_of(run_id: str | None) -> str | None:
    """Return a run id as Airflow has it: some of its versions put it into an address with a bare plus sign."""
    return run_id.replace(" ", "+") if run_id else None


def index_of(map_index: str) -> int:
    """Return a map index; for a task that is not mapped, Airflow leaves the placeholder in the address."""
    if map_index in ("", "{MAP_INDEX}", "null", "undefined"):
        return -1
    try:
        return int(map_index)
    except ValueError:
        raise HTTPException(422, "map_index must be a whole number.") from None


def whole(day: date) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a day in Airflow's time zone, ``[core] default_timezone``."""
    zone: Any = settings.TIMEZONE
    began = datetime.combine(day, time(), tzinfo=zone)
    return began, datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
