# SPDX-License-Identifier: Apache-2.0
"""
A campaign whose process is killed half-way: how long the next try takes, against what was left undisturbed.

Each latency has two campaigns of the same size against one simulator: one runs to its end, the other is killed with
SIGKILL at half of its messages and resumed at once. Every answer of the simulator takes the latency, look-ups too;
half of the calls are carried out before it and half after it, so that a kill finds calls on either side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchkit.report import say
from benchkit.sample import HEADER, code, name, number
from benchkit.servers import KIT

sys.path.insert(0, str(KIT.parent / "support"))

from launcher.processes import wait_for
from launcher.simulator import SimulatorProcess

CHUNK = 100
"""Recipients of a call, as by default."""

ACTIONS = ("SendBatchSms", "QuerySendDetails")

QUERIES = 3
"""Queries of one look-up, which are made side by side."""

TRIES = 600.0
"""Seconds within which a try must have ended."""


@dataclass(frozen=True)
class Case:
    """
    One pair of campaigns.

    :param latency: seconds that each answer takes.
    :param width: calls in flight.
    :param calls: what the campaign needs, undisturbed: a few windows of the ledger at least.
    :param kills: how often the second campaign is killed, at equal parts of its messages.
    """

    latency: float
    width: int
    calls: int
    kills: int = 1


CASES = (
    (Case(latency=0.05, width=16, calls=600),),
    (Case(latency=0.5, width=16, calls=320), Case(latency=2, width=4, calls=60, kills=3)),
    (Case(latency=2, width=16, calls=240), Case(latency=8, width=16, calls=96)),
)
"""Those in one line wait most of the time and are measured beside each other."""

QUICK = ((Case(latency=0.05, width=16, calls=100), Case(latency=0.5, width=16, calls=64)),)


def run(settings):
    """Measure every case; a campaign of which anybody got none or two messages is no measurement."""
    rows = []
    for together in QUICK if settings.quick else CASES:
        with ThreadPoolExecutor(len(together)) as threads:
            rows += threads.map(measure, together)
    return {
        "chunk": CHUNK,
        "queries": QUERIES,
        "rows": sorted(rows, key=lambda row: (row["kills"], row["latency_s"])),
    }


def measure(case):
    """Run both campaigns of a case and return its row."""
    size = case.calls * CHUNK
    with tempfile.TemporaryDirectory(prefix="bench-resume-") as top, _simulator(Path(top), case) as gateway:
        steady = _Campaign(case, gateway, folder=Path(top) / "steady", first=0)
        steady.begin()
        steady.watch()
        killed = _Campaign(case, gateway, folder=Path(top) / "killed", first=size)
        rests = []
        for each in range(case.kills):
            killed.begin(resumed=each > 0)
            killed.wait_until(size * (each + 1) // (case.kills + 1))
            rests.append(steady.rest_after(killed.kill()))
        left = case.calls - killed.sent() // CHUNK
        before = [gateway.calls(action) for action in ACTIONS]
        began = time.monotonic()
        killed.begin(resumed=True)
        figures = killed.end()
        took = time.monotonic() - began
        sends, queries = (
            gateway.calls(action) - count for action, count in zip(ACTIONS, before, strict=True)
        )
        _check(gateway, figures, size=size)
    row = {
        "latency_s": case.latency,
        "width": case.width,
        "recipients": size,
        "kills": case.kills,
        "whole_s": round(steady.seconds, 2),
        "rest_s": round(rests[-1], 2),
        "resumed_s": round(took, 2),
        "ratio": round(took / rests[-1], 3),
        "chunks_left": left,
        "sends": sends,
        "queries": queries,
        "work": round((sends + queries / QUERIES) / left, 2),
        **_phases(figures["moments"], began=began),
    }
    say(f"resume at {case.latency} s, {case.kills} kills: {row['ratio']} times the undisturbed rest")
    return row


def _phases(moments, *, began):
    """Return the seconds before a try began, before its first call, and until its last look-up had its answer."""
    # The processes have one monotonic clock.
    first, looked = moments["first_call_at"], moments["looked_until"]
    return {
        "start_s": round(moments["began_at"] - began, 2),
        "load_s": round(first - moments["began_at"], 2) if first else None,
        "settle_s": round(looked - first, 2) if looked else None,
    }


@contextmanager
def _simulator(folder, case):
    gateway = SimulatorProcess(folder=folder, options=["--china-qps", "0"])
    try:
        gateway.start()
        gateway.client.misbehave("delay_before", times=None, seconds=case.latency, probability=0.5)
        gateway.client.misbehave("delay", times=None, seconds=case.latency)
        yield gateway
    finally:
        gateway.end()


class _Campaign:
    """
    One campaign and the process of its present try.

    :param first: where its numbers begin; those of two campaigns must differ.
    """

    def __init__(self, case, gateway, *, folder, first):
        self._case = case
        self._gateway = gateway
        self._folder = folder
        self._size = case.calls * CHUNK
        self._before = gateway.total()
        self._seen = []
        self.seconds = 0.0
        folder.mkdir()
        self._audience = folder / "audience.csv"
        rows = (
            f"{_usual(index)},{name(index)},{code(index)}\n" for index in range(first, first + self._size)
        )
        self._audience.write_text(HEADER + "".join(rows), encoding="utf-8")

    def begin(self, *, resumed=False):
        """Start a try."""
        command = [
            sys.executable,
            "-m",
            "benchkit.engine",
            "--url",
            self._gateway.url,
            "--ledger",
            "--unfenced",
        ]
        command += ["--audience", str(self._audience), "--folder", str(self._folder)]
        command += ["--width", str(self._case.width), "--chunk-size", str(CHUNK)]
        command += ["--resumed"] if resumed else []
        self._process = subprocess.Popen(command, cwd=KIT, stdout=subprocess.PIPE, text=True)

    def sent(self):
        """Return how many messages of it were accepted."""
        return self._gateway.total() - self._before

    def watch(self):
        """Note how many were accepted when, until the end of the try."""
        while self._process.poll() is None:
            self._seen.append((time.monotonic(), self.sent()))
            time.sleep(0.02)
        self.seconds = self.end()["seconds"]
        self._seen.append((time.monotonic(), self._size))

    def rest_after(self, sent):
        """Return the seconds from when so many were accepted to the end of the try that was watched."""
        return self._seen[-1][0] - next(at for at, seen in self._seen if seen >= sent)

    def wait_until(self, count):
        wait_for(lambda: self.sent() >= count, timeout=TRIES, what=f"{count} messages accepted")

    def kill(self):
        """Kill the process as the kernel would, and return how many were accepted by then."""
        self._process.kill()
        self._process.wait(10)
        self._process.stdout.close()
        return self.sent()

    def end(self):
        """Wait for the end of the try and return its figures."""
        text, _ = self._process.communicate(timeout=TRIES)
        if self._process.returncode:
            raise RuntimeError(f"a try of a campaign failed at {self._case.latency} s")
        return json.loads(text)


def _usual(index):
    """Return a number at which nothing special happens in the simulator: that is said by the last four digits."""
    return number(index // 9000 * 10_000 + 1000 + index % 9000)


def _check(gateway, figures, *, size):
    counts = gateway.client.counts()
    if figures["accepted"] != size or len(counts) != 2 * size or max(counts.values()) > 1:
        raise RuntimeError(f"not everybody got one message: {figures}, {len(counts)} of {2 * size}")
