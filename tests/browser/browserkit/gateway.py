# SPDX-License-Identifier: Apache-2.0
"""The simulator as a process, which knows one AccessKey and one STS token."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import requests
from crashkit.environment import clean_environment
from crashkit.processes import Component, free_ports, wait_for

from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient


@dataclass(frozen=True)
class AccessKey:
    """What a person types into the form; unlike any other text, so that a search finds it and nothing else."""

    key_id: str = "LTAItestid99"
    secret: str = "testsecretTypedIntoTheForm"
    token: str = "testtokenTypedIntoTheForm"
    wrong_secret: str = "wrongsecretTypedIntoTheForm"

    @property
    def private(self):
        """Everything that must not be seen again."""
        return (self.secret, self.token, self.wrong_secret)


class Gateway:
    """
    A simulator on a fixed port of loopback.

    :param folder: for its log.
    :param key: what it accepts.
    """

    def __init__(self, *, folder, key):
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.client = SimulatorClient(self.url)
        arguments = ["--port", str(port), "--access-key-id", key.key_id, "--delivery-delay", "0"]
        arguments += ["--access-key-secret", key.secret, "--security-token", key.token]
        self._process = Component(
            name="simulator",
            command=[sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", *arguments],
            environment=clean_environment(),
            folder=folder,
        )

    def start(self):
        self._process.start()
        wait_for(self._healthy, timeout=20, what="the simulator answers")

    def end(self):
        self.client.close()
        self._process.end()

    def requests(self, action):
        """Count the calls of one action that arrived."""
        return self.client.stats()["requests"].get(action, 0)

    def _healthy(self):
        try:
            return bool(self.client.stats())
        except requests.RequestException:
            return False
