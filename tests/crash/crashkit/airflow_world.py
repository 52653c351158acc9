# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow 3 of real processes on loopback: scheduler with LocalExecutor, API server, DAG processor."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import requests
from crashkit.environment import clean_environment, common_settings, connection
from crashkit.processes import Component, GaveUpError, alive, free_ports, parent_of, wait_for

HEARTBEAT_TIMEOUT = 20
"""Seconds without a heartbeat after which the scheduler starts another try."""


class AirflowWorld:
    """
    An Airflow that can lose any of its processes.

    :param folder: its home.
    :param gateway_url: where the campaigns go.
    """

    def __init__(self, *, folder, gateway_url):
        (self._port,) = free_ports(1)
        self._session = requests.Session()
        self._session.trust_env = False
        self.environment = (
            clean_environment()
            | connection(gateway_url)
            | common_settings(folder=folder, python=sys.executable)
            | _settings(port=self._port)
        )
        names = ("api-server", "scheduler", "dag-processor")
        self.components = {name: self._component(name, folder) for name in names}

    def start(self):
        """Make the database and start everything; returns when the DAGs can be run."""
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=180,
        )
        for component in self.components.values():
            component.start()
        self._log_in()
        wait_for(lambda: {"china", "globe"} <= self._dags(), timeout=90, what="the DAGs are there")

    def end(self):
        """Kill every process there ever was; the first one that cannot be killed does not protect the rest."""
        failures = []
        for component in self.components.values():
            try:
                component.end()
            except GaveUpError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def trigger(self, dag_id, **conf):
        """Start a run and return its id."""
        return self._call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})[
            "dag_run_id"
        ]

    def run_state(self, dag_id, run_id):
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]

    def task(self, dag_id, run_id):
        """Return the task instance as the REST API shows it."""
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/send")

    def xcom(self, dag_id, run_id, key="return_value"):
        """Return an XCom, None when there is none."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/send/xcomEntries/{key}"
        answer = self._call("GET", path, params={"deserialize": "true"}, missing={})
        return answer.get("value")

    def set_state(self, dag_id, run_id, state):
        """Mark the task, as a person does in the UI."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/send"
        self._call("PATCH", path, json={"new_state": state})

    def clear(self, dag_id, run_id):
        """Clear the task, as a person does in the UI."""
        body = {"dry_run": False, "only_failed": False, "task_ids": ["send"], "dag_run_id": run_id}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def sending_process(self, dag_id, run_id):
        """Return the pids of a running try's process and of its supervisor, and its number; None when none runs."""
        task = self.task(dag_id, run_id)
        pid = task["pid"]
        if task["state"] != "running" or not pid or not alive(pid):
            return None
        supervisor = parent_of(pid)
        # an orphan of the try before still has its pid in the database for a moment
        return (pid, supervisor, task["try_number"]) if supervisor not in (None, 1) else None

    def logs(self, run_id):
        """Return what all tries of a run logged, for the message of a failed test."""
        folder = Path(self.environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])
        parts = sorted(folder.glob(f"dag_id=*/run_id={run_id}/**/*.log"))
        return "\n".join(f"--- {part.name}\n{part.read_text(errors='replace')}" for part in parts)

    def _component(self, name, folder):
        command = [sys.executable, "-m", "airflow", name]
        if name == "api-server":
            command += ["--port", str(self._port), "--host", "127.0.0.1", "--workers", "1"]
        if name == "scheduler":
            command += ["--skip-serve-logs"]
        return Component(name=name, command=command, environment=self.environment, folder=folder)

    def _dags(self):
        return {dag["dag_id"] for dag in self._call("GET", "/dags")["dags"]}

    def _log_in(self):
        def token():
            try:
                answer = self._session.get(f"http://127.0.0.1:{self._port}/auth/token", timeout=10)
            except requests.ConnectionError:
                return None
            return answer.json()["access_token"] if answer.ok else None

        value = wait_for(token, timeout=90, what="the API server answers")
        self._session.headers["Authorization"] = f"Bearer {value}"

    def _call(self, method, path, *, missing=None, **request):
        url = f"http://127.0.0.1:{self._port}/api/v2{path}"

        def answered():
            try:
                return self._session.request(method, url, timeout=30, **request)
            except requests.ConnectionError:
                if method != "GET":
                    raise
                return None  # the API server is one of the victims

        # "is not None": the answer 404 is false
        answer = wait_for(
            lambda: [found] if (found := answered()) is not None else None, timeout=90, what=url
        )[0]
        if answer.status_code == 404 and missing is not None:
            return missing
        if not answer.ok:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


def _settings(*, port):
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    }
