# SPDX-License-Identifier: Apache-2.0
"""
Airflow 2.11 of real processes: a scheduler with the SequentialExecutor, which is what SQLite allows there.

Every try is ``airflow tasks run`` (the supervisor), which forks the task. Both write to the database themselves,
so there is no API server, and the state is read from the database.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil

from launcher.environment import clean_environment, common_settings, connection
from launcher.processes import Component, alive, parent_of, wait_for

_TASK = """
SELECT state, pid, try_number FROM task_instance WHERE dag_id = ? AND run_id = ? AND task_id = 'send'
"""


class Airflow2:
    """
    An Airflow 2 with the interface of ``Airflow3``, as far as campaigns that are killed need it.

    :param folder: its home; the other parameters as there.
    :param python: the interpreter of its environment.
    """

    def __init__(self, *, folder, dags, dag_ids, connections, settings, python):
        self._python = str(python)
        self._database = Path(folder) / "airflow.db"
        self.environment = (
            clean_environment() | common_settings(folder=folder, python=python, dags=dags) | settings
        )
        self._dag_ids = {(dag_id,) for dag_id in dag_ids}
        for conn_id, url in connections.items():
            self.environment |= connection(url, conn_id=conn_id)
        self.environment |= {
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "3",
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "30",
        }
        scheduler = Component(
            name="scheduler",
            command=[self._python, "-m", "airflow", "scheduler", "--skip-serve-logs"],
            environment=self.environment,
            folder=folder,
        )
        self.components = {"scheduler": scheduler}

    def start(self):
        """Make the database and start the scheduler; returns when the DAGs can be run."""
        self._airflow("db", "migrate")
        self.components["scheduler"].start()
        wait_for(
            lambda: self._dag_ids <= set(self._rows("SELECT dag_id FROM serialized_dag")),
            timeout=90,
            what="the DAGs are there",
        )

    def end(self):
        """Kill every process there ever was."""
        self.components["scheduler"].end()

    def trigger(self, dag_id, **conf):
        """Start a run and return its id."""
        before = set(self._rows("SELECT run_id FROM dag_run WHERE dag_id = ?", dag_id))
        self._airflow("dags", "trigger", dag_id, "--conf", json.dumps(conf))
        ((run_id,),) = set(self._rows("SELECT run_id FROM dag_run WHERE dag_id = ?", dag_id)) - before
        return run_id

    def run_state(self, dag_id, run_id):
        ((state,),) = self._rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
        return state

    def task(self, dag_id, run_id):
        rows = self._rows(_TASK, dag_id, run_id)
        state, pid, try_number = rows[0] if rows else (None, None, 0)
        return {"state": state, "pid": pid, "try_number": try_number}

    def xcom(self, dag_id, run_id, key="return_value"):
        """Return an XCom, None when there is none."""
        query = "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = 'send' AND key = ?"
        rows = self._rows(query, dag_id, run_id, key)
        return json.loads(rows[0][0]) if rows else None

    def sending_process(self, dag_id, run_id):
        """Return the pids of a running try's process and of its supervisor, and its number; None when none runs."""
        task = self.task(dag_id, run_id)
        pid = task["pid"]
        if task["state"] != "running" or not pid or not alive(pid) or not _is_task(pid):
            return None
        supervisor = parent_of(pid)
        return (pid, supervisor, task["try_number"]) if supervisor not in (None, 1) else None

    def logs(self, run_id):
        """Return what all tries of a run logged, for the message of a failed test."""
        folder = Path(self.environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])
        parts = sorted(folder.glob(f"dag_id=*/run_id={run_id}/**/*.log"))
        return "\n".join(f"--- {part.name}\n{part.read_text(errors='replace')}" for part in parts)

    def _airflow(self, *arguments):
        subprocess.run(
            [self._python, "-m", "airflow", *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=180,
        )

    def _rows(self, query, *parameters):
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query, parameters).fetchall()


def _is_task(pid):
    """Tell a task from its supervisor, whose pid stands in the database before."""
    try:
        return "task runner" in " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False
