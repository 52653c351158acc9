# SPDX-License-Identifier: Apache-2.0
"""Make the rows of the list: one for each task of a run, and one for all mapped tasks of it together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.figures import COUNTS
from airflow_provider_aliyunsms.ui.figures import APIS, codes_shown, delivery_of, iso, sending_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.ui.records import Group, Task

TOP_CODES = 3
"""Codes that a row of the list shows."""

AT_WORK = "running"
"""The state of a task in which its pace and the time left are known."""

_STATES = (
    "running",
    "restarting",
    "queued",
    "scheduled",
    "deferred",
    "up_for_reschedule",
    "awaiting_input",
    "up_for_retry",
    "failed",
    "upstream_failed",
)
_SUMS = (*COUNTS, "pending", "requests")


def row_of(
    task: Task, *, progress: Any, deliveries: Sequence[Any], most_codes: int | None = TOP_CODES
) -> dict[str, Any]:
    """
    Return the row of one task instance.

    :param progress: what it renewed while it ran; None for nothing.
    :param deliveries: what the sensors of its run left, the latest first.
    """
    sending = sending_of(task.left, progress)
    at_work = task.state == AT_WORK and not sending["ended"]
    pace = sending["per_second"] if at_work else None
    delivery = delivery_of(deliveries, campaign_id=sending["campaign_id"])
    return {
        "dag_id": task.dag_id,
        "run_id": task.run_id,
        "task_id": task.task_id,
        "map_index": task.map_index,
        "mapped_tasks": None,
        "state": task.state,
        "try_number": task.try_number,
        # Airflow's number rises with each Clear; it is the highest try that comes by itself.
        "max_tries": task.max_tries + 1 if task.max_tries >= 0 else None,
        "started_at": iso(task.began_at),
        "ended_at": iso(task.ended_at),
        "campaign_id": sending["campaign_id"],
        "api": APIS.get(sending["action"] or ""),
        "dry_run": sending["dry_run"],
        **{name: sending[name] for name in _SUMS},
        "delivery": delivery and {name: delivery[name] for name in ("delivered", "failed", "pending", "at")},
        "codes": codes_shown(sending["codes"], action=sending["action"], most=most_codes),
        "pace": pace,
        "seconds_left": seconds_left(sending, pace=pace),
        "guards": sending["guards"],
        "reported_at": sending["at"],
    }


def seconds_left(sending: Mapping[str, Any], *, pace: float | None) -> int | None:
    """Return how long the rest will take at this pace; None where that is not known."""
    if not pace or not sending["pending"]:
        return None
    left: int = sending["pending"] + (sending["unknown"] or 0)
    return round(left / pace)


def group_row(
    group: Group,
    tasks: Sequence[Task],
    *,
    progress: Mapping[tuple[int, str, int], Any],
    deliveries: Sequence[Any],
) -> dict[str, Any]:
    """
    Return the row that stands for all mapped tasks of one task in one run.

    :param tasks: its instances; where some are missing, the sums are not known.
    """
    rows = [
        row_of(task, progress=progress.get(task.key), deliveries=deliveries, most_codes=None)
        for task in tasks
    ]
    whole = len(rows) >= group.tasks
    apis, ids = {row["api"] for row in rows}, {row["campaign_id"] for row in rows}
    paces = [row["pace"] for row in rows if row["pace"] is not None]
    times = [row["seconds_left"] for row in rows if row["seconds_left"] is not None]
    return {
        "dag_id": group.dag_id,
        "run_id": group.run_id,
        "task_id": group.task_id,
        "map_index": None,
        "mapped_tasks": group.tasks,
        "state": common_state([row["state"] for row in rows]),
        "try_number": max((row["try_number"] for row in rows), default=None),
        "max_tries": max((row["max_tries"] for row in rows if row["max_tries"]), default=None),
        "started_at": min((row["started_at"] for row in rows if row["started_at"]), default=None),
        "ended_at": max((row["ended_at"] for row in rows), default=None)
        if rows and all(row["ended_at"] for row in rows)
        else None,
        "campaign_id": next(iter(ids)) if len(ids) == 1 else common_name(ids),
        "api": next(iter(apis)) if len(apis) == 1 else None,
        "dry_run": bool(rows) and all(row["dry_run"] for row in rows),
        **{name: _sum([row[name] for row in rows]) if whole else None for name in _SUMS},
        "delivery": _deliveries([row["delivery"] for row in rows]) if whole else None,
        "codes": _codes_of(rows) if whole else [],
        "pace": sum(paces) if paces else None,
        "seconds_left": max(times, default=None),
        "guards": _guards_of(rows),
        "reported_at": max((row["reported_at"] for row in rows if row["reported_at"]), default=None),
    }


def common_state(states: Sequence[str | None]) -> str | None:
    """Return the state that says most of several: one at work before one that waits, that before one that failed."""
    found = {*states}
    if len(found) == 1:
        return next(iter(found))
    return next((state for state in _STATES if state in found), next((s for s in states if s), None))


def common_name(ids: set[str | None]) -> str | None:
    """Return what the ids of the shards of one campaign begin with; None for ids of several campaigns."""
    starts = {each.rpartition("/shard-")[0] if each else None for each in ids}
    return (next(iter(starts)) or None) if len(starts) == 1 else None


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _deliveries(found: Sequence[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    known = [each for each in found if each is not None]
    if not known:
        return None
    return {
        **{name: sum(each[name] for each in known) for name in ("delivered", "failed", "pending")},
        "at": max((each["at"] for each in known if each["at"]), default=None),
    }


def _codes_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counts: Counter[str] = Counter()
    words: dict[str, dict[str, Any]] = {}
    for row in rows:
        for code in row["codes"]:
            counts[code["code"]] += code["count"]
            words.setdefault(code["code"], code)
    return [{**words[code], "count": count} for code, count in counts.most_common(TOP_CODES)]


def _guards_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each decision once, whatever the number of tasks for which it was made."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        for guard in row["guards"]:
            found.setdefault((guard["guard"], guard["decision"]), guard)
    return [*found.values()]
