# SPDX-License-Identifier: Apache-2.0
"""Start the other side as a process of its own, so that its work is not counted as the client's."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

KIT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    """Where a started server listens."""

    port: int

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def arrivals(self):
        """Return when the calls since the last question came in, in the server's monotonic seconds."""
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{self.url}/arrivals", timeout=60).json()


@contextmanager
def bare_server(*, latency=0.0):
    """Give a :mod:`benchkit.bare_server` with this latency in seconds."""
    command = [sys.executable, "-m", "benchkit.bare_server", "--latency", str(latency)]
    process = subprocess.Popen(command, cwd=KIT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Server(port=int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
