# SPDX-License-Identifier: Apache-2.0
"""The addresses that give JSON; all of them only read, and each asks for permission first."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow import settings
from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.utils.state import TaskInstanceState
from fastapi import APIRouter, HTTPException, Query
from sqlalchemy.orm import Session

from airflow_provider_aliyunsms.ui import query
from airflow_provider_aliyunsms.ui.access import MaySeeCampaign, ReadableDags
from airflow_provider_aliyunsms.ui.detail import SUMMARY_KEYS, detail_of, summary_in
from airflow_provider_aliyunsms.ui.figures import iso
from airflow_provider_aliyunsms.ui.receipts import NoReceiptsError, Wanted, can_be_shown, receipts_of
from airflow_provider_aliyunsms.ui.records import Group, Task
from airflow_provider_aliyunsms.ui.records import Wanted as Listed
from airflow_provider_aliyunsms.ui.rows import group_row, row_of
from airflow_provider_aliyunsms.ui.sums import KeptSums

router = APIRouter(prefix="/api")

STATES = [str(state) for state in TaskInstanceState]
SUMS = KeptSums()
NO_CAMPAIGN = (
    "This task has left no figures of a campaign. It sends no SMS, it has not begun, or it ran before this page was "
    "installed."
)
NO_RECEIPTS = (
    "There are no receipts of this task that can be shown here. Receipts in a file are shown where the API server "
    "can read them, in the folders of [aliyun_sms] receipts_folders."
)
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
    zone: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Return a part of the list of campaigns, and sums over all of it."""
    wanted = Listed(
        readable=readable,
        dag_id=dag_id or None,
        run_ids=runs_of(run_id),
        state=state or None,
        between=None if day is None else whole(day, zone=zone),
    )
    groups = query.page_of(session, wanted, limit=limit, offset=offset)
    sums = SUMS.of(session, wanted)
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
    tasks = query.mapped_tasks_of(session, dag_id=dag_id, run_ids=runs_of(run_id), task_id=task_id)
    progress = query.progress_of(session, tasks)
    deliveries = query.deliveries_of(session, {task.dag_run_id for task in tasks})
    return {
        "campaigns": [
            row_of(task, progress=progress.get(task.key), deliveries=deliveries.get(task.dag_run_id, ()))
            for task in tasks
        ]
    }


@router.get("/campaign", dependencies=[MaySeeCampaign])
def campaign(
    session: SessionDep, dag_id: Name, run_id: Name, task_id: Name, map_index: str = "-1"
) -> dict[str, Any]:
    """Return everything about one campaign."""
    task = task_at(session, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    summary = summary_in(query.xcom_of(session, task, keys=SUMMARY_KEYS))
    return detail_of(
        task,
        progress=query.progress_of(session, [task]).get(task.key),
        deliveries=query.deliveries_of(session, {task.dag_run_id}).get(task.dag_run_id, ()),
        earlier=query.earlier_tries_of(session, task),
        has_ledger=query.has_ledger(session, task),
        summary=summary,
        viewable=can_be_shown(summary),
        root=API_ROOT_PATH.rstrip("/"),
    )


@router.get("/receipts", dependencies=[MaySeeCampaign])
def receipts(
    session: SessionDep,
    dag_id: Name,
    run_id: Name,
    task_id: Name,
    map_index: str = "-1",
    outcome: Text = None,
    code: Text = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> dict[str, Any]:
    """Return a part of the receipts of one campaign, with masked numbers."""
    task = task_at(session, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    summary = summary_in(query.xcom_of(session, task, keys=SUMMARY_KEYS))
    # The file may be read for seconds, and the connection is wanted by others meanwhile.
    session.close()
    wanted = Wanted(outcome=outcome or None, code=code or None, limit=limit, offset=offset)
    try:
        if summary is None:
            raise NoReceiptsError
        return receipts_of(summary, wanted)
    except NoReceiptsError:
        raise HTTPException(404, NO_RECEIPTS) from None


def task_at(session: Session, *, dag_id: str, run_id: str, task_id: str, map_index: str) -> Task:
    """
    Return the task instance that an address means.

    :raises HTTPException: there is none, or it is none that sends.
    """
    task = query.task_of(
        session, dag_id=dag_id, run_ids=runs_of(run_id), task_id=task_id, map_index=index_of(map_index)
    )
    if task is None:
        raise HTTPException(404, NO_CAMPAIGN)
    return task


def rows_of(session: Session, groups: list[Group]) -> list[dict[str, Any]]:
    """Return the rows of a page of the list."""
    by_group: dict[tuple[int, str], list[Task]] = {}
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


def has_ended(task: Task) -> bool:
    """Return whether the figures that a task left are those of its end."""
    return isinstance(task.left, dict) and task.left.get("ended") == 1


def runs_of(run_id: str | None) -> tuple[str, ...]:
    """Return the run ids that may be meant: a plus sign that was not encoded arrives as a blank."""
    return tuple({run_id, run_id.replace(" ", "+")}) if run_id else ()


def index_of(map_index: str) -> int:
    """Return a map index; for a task that is not mapped, Airflow leaves the placeholder in the address."""
    if map_index in ("", "{MAP_INDEX}", "null", "undefined"):
        return -1
    try:
        return int(map_index)
    except ValueError:
        raise HTTPException(422, "map_index must be a whole number.") from None


def whole(day: date, *, zone: str | None) -> tuple[datetime, datetime]:
    """
    Return the beginning and the end of a day.

    :param zone: whose day it is; that of Airflow (``[core] default_timezone``) if nobody says.
    :raises HTTPException: there is no such time zone.
    """
    try:
        # A name may not be a path: that would read a file.
        known: Any = ZoneInfo(zone) if zone else settings.TIMEZONE
        began = datetime.combine(day, time(), tzinfo=known)
        ended = datetime.combine(day + timedelta(days=1), time(), tzinfo=known)
        return began.astimezone(UTC), ended.astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        raise HTTPException(422, "day and zone must be a day and the name of a time zone.") from None
