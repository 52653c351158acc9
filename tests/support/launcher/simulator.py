# SPDX-License-Identifier: Apache-2.0
"""The simulator as a process that can die and come back with its journal: the judge of every run."""

from __future__ import annotations

import sys
from collections import Counter

import requests

from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient
from launcher.environment import clean_environment
from launcher.processes import Component, free_ports, wait_for


class SimulatorProcess:
    """
    A simulator on a fixed port of loopback.

    :param folder: for its journal and its log.
    :param options: further arguments of its command.
    """

    def __init__(self, *, folder, options=()):
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.client = SimulatorClient(self.url)
        arguments = ["--port", str(port), "--journal", str(folder / "journal.jsonl"), "--delivery-delay", "0"]
        self._process = Component(
            name="simulator",
            command=[sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", *arguments, *options],
            environment=clean_environment(),
            folder=folder,
        )
        self._latency = 0.0
        self._globe_qps = 1000

    def start(self, *, latency=0.0, globe_qps=1000):
        """
        Start it.

        :param latency: seconds every send call takes, half of them before the messages are accepted and half of
            them after, so that a kill finds calls on either side of the acceptance.
        :param globe_qps: calls a second of the Globe batch.
        """
        self._latency, self._globe_qps = latency, globe_qps
        self._process.start()
        wait_for(self._healthy, timeout=20, what="the simulator answers")
        self.set_latency(latency)
        self.client.options(globe_qps=globe_qps)

    def set_latency(self, latency):
        self.client.behave()
        for action in ("SendBatchSms", "BatchSendMessageToGlobe") if latency else ():
            self.client.misbehave("delay_before", action=action, times=None, seconds=latency, probability=0.5)
            self.client.misbehave("delay", action=action, times=None, seconds=latency)

    def kill(self):
        self._process.kill()

    def start_again(self):
        """Come back on the same port with what the journal remembers."""
        self.start(latency=self._latency, globe_qps=self._globe_qps)

    def end(self):
        self.client.close()
        self._process.end()

    def accepted(self, audience):
        """Count the messages of one audience, per number; every number ever seen travels for it."""
        counts = self.client.counts()
        return Counter({number: counts[number] for number in audience.everybody if number in counts})

    def total(self):
        """Count all messages ever accepted."""
        return self.client.stats()["accepted"]

    def calls(self, *actions):
        """Count the calls that arrived since it was last started, of these actions or of all."""
        requests_by_action = self.client.stats()["requests"]
        return sum(count for name, count in requests_by_action.items() if not actions or name in actions)

    def _healthy(self):
        try:
            return bool(self.client.stats())
        except requests.RequestException:
            return False
