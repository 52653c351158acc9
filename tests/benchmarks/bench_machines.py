# SPDX-License-Identifier: Apache-2.0
"""The ledger on PostgreSQL beside SQLite, and one audience through one task beside several on two workers."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import psutil
from benchkit.airflow import bench_airflow
from benchkit.report import say
from benchkit.sample import write_csv
from benchkit.servers import KIT, bare_server

sys.path.insert(0, str(KIT.parent / "distributed"))

from database_servers import PostgresServer
from distributedkit.cluster import running_cluster
from launcher.processes import wait_for

TASKS = (1, 4)
MAPPED_LATENCY_MS = 50


def run(settings):
    """Measure both; the two databases in turn, the numbers of tasks in turn."""
    size, million = (10_000, 20_000) if settings.quick else (100_000, 1_000_000)
    return {
        "size": size,
        "cores": os.cpu_count(),
        "mapped_latency_ms": MAPPED_LATENCY_MS,
        "ledger": _ledgers(size=size, repeats=2 if settings.quick else 3),
        "mapped": _mapped(size=million, repeats=1),
    }


def _ledgers(*, size, repeats):
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-machines-")))
        urls = {each: stack.enter_context(bare_server(latency=each / 1000)).url for each in (0, 50)}
        connections = {f"bench_{each}": url for each, url in urls.items()}
        audience = write_csv(folder / "audience.csv", size)
        (folder / "server").mkdir()
        server = PostgresServer(folder / "server")
        stack.callback(server.end)
        server.start()
        airflows = {}
        for name, database in (("sqlite", None), ("postgres", server.address)):
            (folder / name).mkdir()
            say(f"starting Airflow on {name}")
            airflows[name] = stack.enter_context(
                bench_airflow(folder=folder / name, connections=connections, database=database)
            )
        for latency, url in urls.items():
            spent = {name: [] for name in airflows}
            # the first one of each starts what is not started yet
            for _ in range(repeats + 1):
                for name, airflow in airflows.items():
                    found = airflow.measure(
                        "ours", audience=audience, connection=f"bench_{latency}", url=url, timeout=300
                    )
                    spent[name].append(found)
            rows.append(_compared({name: found[1:] for name, found in spent.items()}, latency=latency))
            say(f"PostgreSQL / SQLite at {latency} ms: {rows[-1]['ratio']}")
    return rows


def _compared(spent, *, latency):
    pairs = [*zip(spent["postgres"], spent["sqlite"], strict=True)]
    return {
        "latency_ms": latency,
        **{
            name: round(statistics.median(each["seconds"] for each in found), 3)
            for name, found in spent.items()
        },
        "ratio": round(statistics.median(a["seconds"] / b["seconds"] for a, b in pairs), 3),
        "cpu_ratio": round(statistics.median(a["cpu_seconds"] / b["cpu_seconds"] for a, b in pairs), 3),
    }


def _mapped(*, size, repeats):
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-mapped-")))
        url = stack.enter_context(bare_server(latency=MAPPED_LATENCY_MS / 1000)).url
        say("starting Airflow with two workers")
        cluster = stack.enter_context(
            running_cluster(folder=folder, dags=KIT / "dags_mapped", dag_ids={"mapped"}, sms=url)
        )
        files = {tasks: _files(folder / f"audience-{tasks}", size=size, tasks=tasks) for tasks in TASKS}
        _seconds(
            cluster, files=_files(folder / "first", size=1000, tasks=2), receipts=folder / "first-receipts"
        )
        spent = {tasks: [] for tasks in TASKS}
        for repeat in range(repeats):
            for tasks, found in spent.items():
                receipts = folder / f"receipts-{tasks}-{repeat}"
                found.append(_seconds(cluster, files=files[tasks], receipts=receipts))
                say(
                    f"{size} recipients through {tasks} tasks: {found[-1][0]:.1f} s, {found[-1][1]:.2f} cores"
                )
    return [
        {
            "tasks": tasks,
            "recipients": size,
            "seconds": round(statistics.median(seconds for seconds, _ in found), 1),
            "busy": round(statistics.median(busy for _, busy in found), 2),
        }
        for tasks, found in spent.items()
    ]


def _files(folder, *, size, tasks):
    """Cut an audience into files of the same size."""
    folder.mkdir()
    whole = write_csv(folder / "whole.csv", size)
    if tasks == 1:
        return [whole]
    head, *rows = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    whole.unlink()
    paths = [folder / f"part-{number}.csv" for number in range(tasks)]
    for number, path in enumerate(paths):
        path.write_text(head + "".join(rows[number::tasks]), encoding="utf-8")
    return paths


def _seconds(cluster, *, files, receipts):
    """Run one campaign, and return the seconds of its sends and the cores that were busy."""
    airflow = cluster.airflow
    run_id = airflow.trigger("mapped", audiences=[str(path) for path in files], receipts=f"{receipts}/")
    # the times in between are taken from Airflow; asked seldom, because answers cost CPU as well
    before, asked = psutil.cpu_times(), time.monotonic()
    wait_for(
        lambda: airflow.run_state("mapped", run_id) in ("success", "failed"), timeout=900, poll=2, what=run_id
    )
    after, elapsed = psutil.cpu_times(), time.monotonic() - asked
    if (state := airflow.run_state("mapped", run_id)) != "success":
        raise RuntimeError(f"{state}: {airflow.logs(run_id)[-3000:]}")
    found = airflow.get(f"/dags/mapped/dagRuns/{run_id}/taskInstances", params={"limit": 100})[
        "task_instances"
    ]
    sends = [each for each in found if each["task_id"] == "send"]
    began = min(datetime.fromisoformat(each["start_date"]) for each in sends)
    ended = max(datetime.fromisoformat(each["end_date"]) for each in sends)
    seconds = (ended - began).total_seconds()
    busy = sum(getattr(after, name) - getattr(before, name) for name in ("user", "system"))
    return seconds, busy / elapsed
