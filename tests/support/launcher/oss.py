# SPDX-License-Identifier: Apache-2.0
"""An OSS server as a process, and the Airflow connection that leads to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import requests

from launcher.environment import clean_environment
from launcher.processes import Component, free_ports, wait_for

BUCKET = "ledgers"


class OssProcess:
    """
    An OSS server on loopback with one bucket; see ``oss_app.py``.

    :param folder: for its log.
    :param versioned: the bucket has versioning, so that it takes every conditional write.
    """

    def __init__(self, *, folder, versioned=False):
        (port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{port}"
        options = ["--versioned"] if versioned else []
        command = [sys.executable, str(Path(__file__).with_name("oss_app.py")), "--port", str(port), *options]
        self._process = Component(
            name="oss", command=command, environment=clean_environment(), folder=Path(folder)
        )
        self._session = requests.Session()
        self._session.trust_env = False

    def start(self):
        """Start it and make the bucket."""
        self._process.start()
        wait_for(self._has_bucket, timeout=60, what="the OSS server has a bucket")

    def end(self):
        self._process.end()

    def plan(self, **fault):
        """Plan an error; see ``oss_app.py``."""
        self._session.post(f"{self.endpoint}/-/faults", json=fault, timeout=10).raise_for_status()

    def known(self, what):
        """Return ``calls``, ``signers`` or ``uploads`` so far; see ``oss_app.py``."""
        return set(self._session.get(f"{self.endpoint}/-/{what}", timeout=10).json())

    def _has_bucket(self):
        assert self._process.running, self._process.tail()
        try:
            return self._session.put(f"{self.endpoint}/{BUCKET}", timeout=10).ok
        except requests.RequestException:
            return False


def oss_connection(endpoint, *, conn_id):
    """Define a connection to the server, as a deployment would."""
    fields = {
        "conn_type": "aliyun_sms",
        "login": "testid",
        "password": "testsecret",
        "extra": {"oss_endpoint": endpoint},
    }
    return {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields)}
