# SPDX-License-Identifier: Apache-2.0
"""A real Airflow for the benchmarks, quiet, with DAGs of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from benchkit.servers import KIT

sys.path.insert(0, str(KIT.parent / "support"))

from launcher.airflow3 import Airflow3
from launcher.processes import wait_for

DAG_IDS = {"ours", "ours_without_ledger", "loop", "pool", "bare_call"}


class BenchAirflow(Airflow3):
    """
    Scheduler, API server and LocalExecutor, which nothing disturbs.

    :param folder: its home.
    :param connections: connection id to the address of a server.
    :param database: the address of its database; None for a file of SQLite.
    """

    def __init__(self, *, folder, connections, database=None):
        paths = [str(KIT), os.environ.get("PYTHONPATH", "")]
        settings = {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            # what a deployment does, and what keeps them from taking the cores that are measured
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "15",
        }
        if database:
            settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        super().__init__(
            folder=folder, dags=KIT / "dags", dag_ids=DAG_IDS, connections=connections, settings=settings
        )
        self._runs = 0

    def measure(self, dag_id, *, audience, connection, url, timeout):
        """Run a campaign as a task and return what its ``execute`` took."""
        self._runs += 1
        result = self.folder / f"result-{self._runs}.json"
        receipts = self.folder / f"receipts-{self._runs}.jsonl"
        run_id = self.trigger(
            dag_id,
            audience=str(audience),
            connection=connection,
            url=url,
            result=str(result),
            receipts=str(receipts),
        )
        self._wait(dag_id, run_id, result, timeout)
        receipts.unlink(missing_ok=True)
        return json.loads(result.read_text())

    def _wait(self, dag_id, run_id, result, timeout):
        # The API server needs one of the cores to answer, so it is asked seldom while the task runs.
        began = asked = time.monotonic()
        while not result.exists():
            time.sleep(0.1)
            now = time.monotonic()
            if now - asked > 5:
                asked = now
                if self.run_state(dag_id, run_id) == "failed":
                    raise RuntimeError(f"{dag_id} failed:\n{self.logs(run_id)[-4000:]}")
            if now - began > timeout:
                raise TimeoutError(f"{dag_id} took longer than {timeout:.0f} s")
        wait_for(
            lambda: self.run_state(dag_id, run_id) in ("success", "failed"), timeout=60, what="the run's end"
        )


@contextmanager
def bench_airflow(*, folder, connections, database=None):
    """Start one and give it; every process of it is ended on the way out."""
    world = BenchAirflow(folder=Path(folder), connections=connections, database=database)
    try:
        world.start()
        yield world
    finally:
        world.end()
