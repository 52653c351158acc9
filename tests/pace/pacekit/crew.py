# SPDX-License-Identifier: Apache-2.0
"""Processes that call at the same time, and what happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from redis import Redis

from airflow_provider_aliyunsms.campaign.pacing import Demand, RedisPaceStore
from airflow_provider_aliyunsms.campaign.pacing.redis_store import GRACE

CHECKOUT = Path(__file__).parents[3]


def open_at_once(redis):
    """Spare a test the first seconds, in which a new server gives nothing."""
    store = RedisPaceStore(client=Redis(port=redis.port), key="pace", name="pace")
    store.exchange(Demand(holder="nobody", limit=1, span=-GRACE, number=1, wanted=0), lasts=0.0)


class Crew:
    """
    Processes that make calls; a context that ends them.

    :param redis: the server by which they share the limit.
    :param gateway: where their calls arrive.
    :param limit: calls a second of the account.
    """

    def __init__(self, *, redis, gateway, limit):
        self._redis = redis
        self._gateway = gateway
        self._limit = limit
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)
            process.stdin.close()

    def start(self, *, limit=None, name="x", write=0.0, distance=0.0, urgent=0, queries=0):
        """Start one more process; an urgent one asks the gateway for the time, makes so many calls, and ends."""
        command = [
            *(sys.executable, "-m", "pacekit.caller", "--redis", str(self._redis.port)),
            *("--gateway", str(self._gateway.port), "--limit", str(limit or self._limit), "--name", name),
            *(
                "--write",
                str(write),
                "--distance",
                str(distance),
                "--urgent",
                str(urgent),
                "--queries",
                str(queries),
            ),
        ]
        paths = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests" / "pace")])
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths})
        self.processes.append(process)
        return process
