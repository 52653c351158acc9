# SPDX-License-Identifier: Apache-2.0
"""A campaign of one call in a real Airflow task, beside a task that makes one bare call of the official SDK."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchkit.airflow import bench_airflow
from benchkit.report import say
from benchkit.sample import CHUNK, write_csv
from benchkit.servers import bare_server

KINDS = ("ours", "bare_call")


def run(settings):
    """Run both in turn, each time in the fresh process that Airflow forks for a task."""
    pairs = 2 if settings.quick else 11
    spent = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-small-")))
        url = stack.enter_context(bare_server()).url
        audience = write_csv(folder / "audience.csv", CHUNK)
        say("starting Airflow")
        airflow = stack.enter_context(bench_airflow(folder=folder, connections={"bench": url}))
        # one more: the first of each puts files and compiled modules into the cache
        for turn in range(pairs + 1):
            for kind, found in spent.items():
                figures = airflow.measure(kind, audience=audience, connection="bench", url=url, timeout=120)
                if figures["accepted"] != CHUNK:
                    raise RuntimeError(f"{kind} accepted {figures['accepted']} of {CHUNK}")
                if turn:
                    found.append(figures)
    rows = [_row(kind, found) for kind, found in spent.items()]
    difference = {
        name: round(statistics.median(a[figure] - b[figure] for a, b in _pairs(spent)) * 1000, 1)
        for name, figure in (("ms", "seconds"), ("cpu_ms", "cpu_seconds"))
    }
    say(f"{CHUNK} recipients: {difference['ms']} ms more than a bare call")
    return {"size": CHUNK, "pairs": pairs, "rows": rows, "more": difference}


def _pairs(spent):
    return [*zip(spent["ours"], spent["bare_call"], strict=True)]


def _row(kind, found):
    milliseconds = sorted(each["seconds"] * 1000 for each in found)
    low, _, high = statistics.quantiles(milliseconds, n=4)
    return {
        "kind": kind,
        "ms": round(statistics.median(milliseconds), 1),
        "quartile_low": round(low, 1),
        "quartile_high": round(high, 1),
        "cpu_ms": round(statistics.median(each["cpu_seconds"] * 1000 for each in found), 1),
    }
