# SPDX-License-Identifier: Apache-2.0
"""
Fill the database of an Airflow with campaigns, and measure what the page of campaigns asks of it.

``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=... python campaign_page_load.py 10000``; the last line is JSON.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from statistics import median

from airflow import settings
from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from sqlalchemy import event, insert, inspect, text

from airflow_provider_aliyunsms.campaign.figures import FIGURES_KEY, PROGRESS_KEY
from airflow_provider_aliyunsms.delivery.figures import DELIVERY_KEY
from airflow_provider_aliyunsms.ui import query, routes
from airflow_provider_aliyunsms.ui.records import Wanted
from airflow_provider_aliyunsms.ui.sums import sums_of

DAGS = 40
TASKS_PER_RUN = 5
"""One send task, one mapped send task of three, and a sensor; every run has other XComs beside."""

OTHER_XCOMS = 5
RUNNING_EVERY = 100
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def figures(number, *, ended=True):
    counts = {"total": 100, "accepted": 90, "rejected": 4, "skipped": 6, "unknown": 0, "pending": 0}
    fields = {
        "try": 1,
        "began_at": "2026-11-29T00:00:00Z",
        "api": "SendBatchSms",
        "ledger": "airflow",
        "dry_run": False,
        "campaign_id": f"campaign/{number}",
    }
    if not ended:
        return fields | {"ended": 0}
    codes = {"isv.MOBILE_NUMBER_ILLEGAL": 3, "isv.BUSINESS_LIMIT_CONTROL": 1, "local.DUPLICATE": 6}
    return fields | counts | {"codes": codes, "guards": [], "requests": 1, "ended": 1, "ending": None}


def progress(number):
    series = [[second * 5, second, 0, 0] for second in range(60)]
    counts = {"total": 100, "accepted": 50, "rejected": 0, "skipped": 0, "unknown": 0, "pending": 50}
    return counts | {"try": 1, "per_second": 5.0, "series": series, "series_from": "2026-11-29T00:00:00Z"}


def fill(session, campaigns):
    """Make runs with two campaigns each, until there are so many."""
    runs = campaigns // 2
    session.execute(
        insert(DagRun.__table__),
        [
            {
                "id": n + 1,
                "dag_id": f"dag_{n % DAGS}",
                "run_id": f"run_{n}",
                "run_type": "manual",
                "state": "success",
                "run_after": NOW - timedelta(minutes=n),
                "log_template_id": None,
                "clear_number": 0,
            }
            for n in range(runs)
        ],
    )
    tasks, xcoms, states = [], [], []
    for n in range(runs):
        running = n % RUNNING_EVERY == 0
        own = {"dag_id": f"dag_{n % DAGS}", "run_id": f"run_{n}"}
        instances = [("send", -1), ("mapped", 0), ("mapped", 1), ("mapped", 2), ("wait", -1)]
        for task_id, map_index in instances:
            is_running = running and task_id == "send"
            tasks.append(
                {
                    **own,
                    "id": uuid.uuid4(),
                    "task_id": task_id,
                    "map_index": map_index,
                    "state": "running" if is_running else "success",
                    "start_date": NOW - timedelta(minutes=n),
                    "end_date": NOW,
                    "try_number": 1,
                    "max_tries": 0,
                    "pool": "default_pool",
                    "operator": "x",
                    "span_status": "not_started",
                }
            )
            xcom = {**own, "dag_run_id": n + 1, "task_id": task_id, "map_index": map_index, "timestamp": NOW}
            if task_id == "wait":
                watched = [{"campaign_id": f"campaign/{n}", "delivered": 80, "failed": 5, "pending": 5}]
                value = {"campaigns": watched, "delivered": 80, "failed": 5, "pending": 5, "ended": 1}
                xcoms.append({**xcom, "key": DELIVERY_KEY, "value": value})
            else:
                xcoms.append({**xcom, "key": FIGURES_KEY, "value": figures(n, ended=not is_running)})
            xcoms.extend({**xcom, "key": f"other_{k}", "value": {"k": k}} for k in range(OTHER_XCOMS))
            if is_running:
                row = {**own, "dag_run_id": n + 1, "task_id": task_id, "map_index": map_index}
                states.append(
                    {**row, "key": PROGRESS_KEY, "value": json.dumps(progress(n)), "updated_at": NOW}
                )
                states += [
                    {**row, "key": f"aliyun_sms.g1.w{k:06d}", "value": "x" * 500, "updated_at": NOW}
                    for k in range(20)
                ]
    for model, rows in ((TaskInstance, tasks), (XComModel, xcoms), (TaskStateStoreModel, states)):
        for start in range(0, len(rows), 5000):
            session.execute(insert(model.__table__), rows[start : start + 5000])
    session.commit()
    session.execute(text("ANALYZE"))
    session.commit()
    running = -(-runs // RUNNING_EVERY)
    return {
        "campaigns": 2 * runs,
        "accepted": 90 * 4 * runs - 40 * running,
        "pending": 50 * running,
        "delivered": 80 * runs,
        "awaited": 5 * runs,
    }


def measured(session, wanted, *, limit, offset=0):
    """Do what the address of the list does, a few times; return the median."""
    statements = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *got: statements.append((got[2], got[3])))
    times, worked = [], []
    for _ in range(5):
        statements.clear()
        session.expire_all()
        began, worked_before = time.perf_counter(), time.process_time()
        groups = query.page_of(session, wanted, limit=limit, offset=offset)
        sums = sums_of(session, wanted)
        rows = routes.rows_of(session, groups)
        query.dag_ids_of(session, wanted.readable)
        times.append(time.perf_counter() - began)
        worked.append(time.process_time() - worked_before)
    return (
        {
            "seconds": round(median(times), 3),
            "cpu": round(median(worked), 3),
            "queries": len(statements),
            "rows": len(rows),
        },
        sums,
        [*statements],
    )


def explained(session, statements):
    """Return how the database goes about the queries."""
    lines = []
    prefix = "EXPLAIN QUERY PLAN " if session.get_bind().dialect.name == "sqlite" else "EXPLAIN "
    connection = session.connection()
    for statement, parameters in statements:
        found = connection.exec_driver_sql(prefix + statement, parameters)
        lines += [f"-- {statement[:80]!r}", *[str(row[-1]) for row in found]]
    return lines


def main():
    if not inspect(settings.engine).has_table("xcom"):
        initdb()
    with create_session() as session:
        expected = fill(session, int(sys.argv[1]))
    readable = frozenset(f"dag_{n}" for n in range(DAGS))
    every = Wanted(readable=readable)
    day = (NOW - timedelta(hours=5), NOW - timedelta(hours=4))
    with settings.Session() as session:
        first, sums, statements = measured(session, every, limit=50)
        cases = {
            "first page": first,
            "one row": measured(session, every, limit=1)[0],
            "two hundred rows": measured(session, every, limit=200)[0],
            "last page": measured(session, every, limit=50, offset=expected["campaigns"] - 50)[0],
            "one DAG": measured(session, Wanted(readable=readable, dag_id="dag_7"), limit=50)[0],
            "one state": measured(session, Wanted(readable=readable, state="running"), limit=50)[0],
            "one hour": measured(session, Wanted(readable=readable, between=day), limit=50)[0],
            "one run": measured(session, Wanted(readable=readable, run_ids=("run_7",)), limit=50)[0],
        }
        plan = explained(session, statements)
    found = {
        "total_entries": sums["campaigns"],
        "sums": sums,
        "expected": expected,
        "cases": cases,
        "plan": plan,
    }
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
