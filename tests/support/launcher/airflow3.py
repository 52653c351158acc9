# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow 3 of real processes on loopback: scheduler with LocalExecutor, API server, DAG processor."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import requests

from launcher.environment import clean_environment, common_settings, connection
from launcher.processes import Component, GaveUpError, alive, free_ports, parent_of, wait_for

HEARTBEAT_TIMEOUT = 20
"""Seconds without a heartbeat after which the scheduler starts another try."""


class Airflow3:
    """
    An Airflow that can lose any of its processes.

    :param folder: its home.
    :param dags: the folder of its DAG files.
    :param dag_ids: the DAGs that must be there before :meth:`start` returns.
    :param connections: connection id -> address of a simulator.
    :param settings: environment variables beside, or instead of, the usual ones.
    :param further: further commands to run, such as ``triggerer``.
    """

    def __init__(self, *, folder, dags, dag_ids, connections=None, settings=None, further=()):
        (port,) = free_ports(1)
        self.folder = Path(folder)
        self.url = f"http://127.0.0.1:{port}"
        self._dag_ids = set(dag_ids)
        self._session = requests.Session()
        self._session.trust_env = False
        self.environment = (
            clean_environment()
            | common_settings(folder=folder, python=sys.executable, dags=dags)
            | _settings(url=self.url)
        )
        for conn_id, url in (connections or {}).items():
            self.environment |= connection(url, conn_id=conn_id)
        self.environment |= settings or {}
        names = ("api-server", "scheduler", "dag-processor", *further)
        self.components = {name: self._component(name, port) for name in names}

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
        wait_for(lambda: self._dag_ids <= self._dags(), timeout=90, what="the DAGs are there")

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
        return self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})[
            "dag_run_id"
        ]

    def run_state(self, dag_id, run_id):
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]

    def task(self, dag_id, run_id):
        """Return the task instance as the REST API shows it."""
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/send")

    def xcom(self, dag_id, run_id, key="return_value"):
        """Return an XCom, None when there is none."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/send/xcomEntries/{key}"
        answer = self.call("GET", path, params={"deserialize": "true"}, missing={})
        return answer.get("value")

    def set_state(self, dag_id, run_id, state):
        """Mark the task, as a person does in the UI."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/send"
        self.call("PATCH", path, json={"new_state": state})

    def clear(self, dag_id, run_id):
        """Clear the task, as a person does in the UI."""
        body = {"dry_run": False, "only_failed": False, "task_ids": ["send"], "dag_run_id": run_id}
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

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
        parts = sorted(self.log_folder.glob(f"dag_id=*/run_id={run_id}/**/*.log"))
        return "\n".join(f"--- {part.name}\n{part.read_text(errors='replace')}" for part in parts)

    @property
    def log_folder(self):
        """Where the logs of tasks and of the DAG processor are."""
        return Path(self.environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])

    def outputs(self):
        """Return what each process printed, by the name of its file."""
        return {part.log.name: part.log.read_text(errors="replace") for part in self.components.values()}

    def all_logs(self):
        """Return every file below the folder of logs, by its path there."""
        files = [path for path in self.log_folder.rglob("*") if path.is_file() and not path.is_symlink()]
        return {str(path.relative_to(self.log_folder)): path.read_text(errors="replace") for path in files}

    def _component(self, name, port):
        command = [sys.executable, "-m", "airflow", name]
        if name == "api-server":
            command += ["--port", str(port), "--host", "127.0.0.1", "--workers", "1"]
        if name == "scheduler":
            command += ["--skip-serve-logs"]
        return Component(name=name, command=command, environment=self.environment, folder=self.folder)

    def _dags(self):
        return {dag["dag_id"] for dag in self.call("GET", "/dags")["dags"]}

    def _log_in(self):
        def token():
            try:
                answer = self._session.get(f"{self.url}/auth/token", timeout=10)
            except requests.ConnectionError:
                return None
            return answer.json()["access_token"] if answer.ok else None

        value = wait_for(token, timeout=120, what="the API server answers")
        self._session.headers["Authorization"] = f"Bearer {value}"

    def page(self, path, **request):
        """Return the text of an address of the API server that is not of the REST API."""
        answer = self._session.get(f"{self.url}{path}", timeout=30, **request)
        assert answer.ok, f"{path}: {answer.status_code}"
        return answer.text

    def get(self, path, **request):
        """Ask the REST API and return its response."""
        return self.call("GET", path, **request)

    def call(self, method, path, *, missing=None, **request):
        """
        Call the REST API; a read is made again until the API server is there.

        :param missing: returned where the API finds nothing.
        :raises AssertionError: it did not like the call.
        """
        url = f"{self.url}/api/v2{path}"

        def answered():
            try:
                answer = self._session.request(method, url, timeout=30, **request)
            except requests.ConnectionError:
                if method != "GET":
                    raise
                return None  # the API server is one of the victims, and so is its database
            return None if answer.status_code >= 500 and method == "GET" else answer

        # "is not None": the answer 404 is false
        answer = wait_for(
            lambda: [found] if (found := answered()) is not None else None, timeout=90, what=url
        )[0]
        if answer.status_code == 404 and missing is not None:
            return missing
        if not answer.ok:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


def _settings(*, url):
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    }
