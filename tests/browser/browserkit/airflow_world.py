# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow 3 of real processes on loopback, for a person with a browser; it has no connection yet."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import requests
from crashkit.environment import clean_environment, common_settings
from crashkit.processes import Component, free_ports, wait_for
from cryptography.fernet import Fernet

DAGS = Path(__file__).parents[1] / "dags"
NAMES = ("api-server", "scheduler", "dag-processor")


class AirflowWorld:
    """
    API server, scheduler with LocalExecutor and DAG processor; whoever comes is an administrator.

    :param folder: its home.
    """

    def __init__(self, *, folder):
        (port,) = free_ports(1)
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._environment = (
            clean_environment()
            | common_settings(folder=folder, python=sys.executable)
            | _settings(folder=folder, url=self.url)
        )
        self._components = [self._component(name, port) for name in NAMES]

    def start(self):
        """Make the database and start everything; returns when the DAGs can be run."""
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self._environment,
            check=True,
            capture_output=True,
            timeout=180,
        )
        for component in self._components:
            component.start()
        token = wait_for(self._token, timeout=120, what="the API server answers")
        self._session.headers["Authorization"] = f"Bearer {token}"
        wait_for(lambda: self.get("/dags")["dags"], timeout=90, what="the DAGs are there")

    def end(self):
        """Kill every process there ever was."""
        for component in self._components:
            component.end()

    def get(self, path, **request):
        """Ask the REST API and return its answer."""
        return self.call("GET", path, **request)

    def call(self, method, path, **request):
        """
        Call the REST API.

        :raises AssertionError: it did not like the call.
        """
        answer = self._session.request(method, f"{self.url}/api/v2{path}", timeout=30, **request)
        if not answer.ok:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def outputs(self):
        """Return what each process printed, by the name of its file."""
        return {part.log.name: part.log.read_text(errors="replace") for part in self._components}

    def logs(self):
        """Return every file below the folder of logs, by its path there."""
        folder = self.folder / "logs"
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        return {str(path.relative_to(folder)): path.read_text(errors="replace") for path in files}

    def _component(self, name, port):
        command = [sys.executable, "-m", "airflow", name]
        if name == "api-server":
            command += ["--port", str(port), "--host", "127.0.0.1", "--workers", "1"]
        return Component(name=name, command=command, environment=self._environment, folder=self.folder)

    def _token(self):
        try:
            answer = self._session.get(f"{self.url}/auth/token", timeout=10)
        except requests.ConnectionError:
            return None
        return answer.json()["access_token"] if answer.ok else None


def _settings(*, folder, url):
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        "AIRFLOW__API__BASE_URL": url,
        # the first call to a slow machine's API server takes longer than the five seconds of the default
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "BROWSER_TEST_RECEIPTS": str(folder / "receipts.jsonl"),
    }
