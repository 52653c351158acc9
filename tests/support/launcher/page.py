# SPDX-License-Identifier: Apache-2.0
"""An API server alone, over a database that is there already, with the page of campaigns."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import tomllib
from pathlib import Path

import requests

from launcher.processes import Component, free_ports, wait_for

ROOT = Path(__file__).parents[3]
GROUP = "airflow.plugins"


def plugin_path(folder):
    """
    Return what PYTHONPATH must hold so that the entry point of the plugin is there.

    The package may have been installed for development before it had one.
    """
    known = importlib.metadata.entry_points(group=GROUP)
    if any(each.value.startswith("airflow_provider_aliyunsms.") for each in known):
        return str(ROOT)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    info = Path(folder) / "aliyun_sms_page-0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: aliyun-sms-page\nVersion: 0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    return os.pathsep.join([str(ROOT), str(folder)])


class ApiServer:
    """
    An API server with users of the simple auth manager: ``admin``, ``op``, ``user`` and ``viewer``.

    :param folder: for its log and the entry point.
    :param environment: the settings beside those of this process.
    """

    def __init__(self, *, folder, environment=None):
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.page = f"{self.url}/aliyun-sms"
        passwords = Path(folder) / "passwords.json"
        names = ("admin", "op", "user", "viewer")
        passwords.write_text(json.dumps({name: name for name in names}))
        command = [sys.executable, "-m", "airflow", "api-server", "--port", str(port), "--host", "127.0.0.1"]
        self._environment = (
            dict(os.environ)
            | {
                "PYTHONPATH": plugin_path(folder),
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{name}" for name in names),
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
                "AIRFLOW__API__BASE_URL": self.url,
                "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-for-tests-only-of-sixty-four-characters-0123456789abcd",
            }
            | (environment or {})
        )
        self._component = Component(
            name="api-server",
            command=[*command, "--workers", "1"],
            environment=self._environment,
            folder=folder,
        )

    def add_path(self, folder):
        """Let it import from a folder, before everything else."""
        self._environment["PYTHONPATH"] = os.pathsep.join([str(folder), self._environment["PYTHONPATH"]])

    def start(self):
        """Start it and wait until it answers."""
        self._component.start()
        try:
            wait_for(self._answers, timeout=120, what="the API server answers")
        except AssertionError as error:
            raise AssertionError(self.log()) from error

    def end(self):
        self._component.end()

    def log(self):
        return self._component.tail(200)

    def session(self, name):
        """Return a session of HTTP as a person has it who has logged in."""
        session = requests.Session()
        session.trust_env = False
        answer = session.post(f"{self.url}/auth/token", json={"username": name, "password": name}, timeout=30)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return session

    def _answers(self):
        try:
            return requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).ok
        except requests.RequestException:
            return False
