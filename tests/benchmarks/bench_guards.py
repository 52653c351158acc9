# SPDX-License-Identifier: Apache-2.0
"""A campaign with the guards that ask nobody outside the machine, beside the same one without, in turn."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchkit.report import say
from benchkit.sample import write_csv
from benchkit.servers import KIT, bare_server

NAMES = (
    "QuietHours",
    "Fresh",
    "Suppress",
    "FrequencyCap",
    "MaxMessages",
    "MaxParts",
    "MaxCost",
    "ExpectedCount",
    "LikeLastRun",
)
LATENCY_MS = 50


def run(settings):
    """Measure pairs at a near gateway's latency, each guard alone at none, and the memory of two sizes."""
    size = 20_000 if settings.quick else 1_000_000
    pairs = 1 if settings.quick else 3
    with bare_server(latency=LATENCY_MS / 1000) as server, bare_server() as quick:
        spent = {"none": [], "local": [], "all": []}
        # one of each first, so that files and modules are in the cache
        for _ in range(pairs + 1):
            for guards, found in spent.items():
                found.append(_measure(server.url, size=size, guards=guards))
        alone = {name: _measure(quick.url, size=size // 10, guards=name) for name in ("none", *NAMES)}
        small = _measure(quick.url, size=size // 10, guards="all")
    without = spent.pop("none")[1:]
    return {
        "size": size,
        "latency_ms": LATENCY_MS,
        "pairs": len(without),
        "seconds_without": _median(without, "seconds"),
        "peak_mb_without": _median(without, "peak_mb"),
        **{name: _compared(found[1:], without) for name, found in spent.items()},
        "peak_mb_tenth": round(small["peak_mb"], 1),
        "alone_us": {
            name: round((alone[name]["cpu_seconds"] - alone["none"]["cpu_seconds"]) / (size // 10) * 1e6, 2)
            for name in NAMES
        },
    }


def _compared(guarded, without):
    pairs = [*zip(guarded, without, strict=True)]
    return {
        "seconds": _median(guarded, "seconds"),
        "peak_mb": _median(guarded, "peak_mb"),
        "ratio": round(statistics.median(a["seconds"] / b["seconds"] for a, b in pairs), 3),
        "cpu_ratio": round(statistics.median(a["cpu_seconds"] / b["cpu_seconds"] for a, b in pairs), 3),
    }


def _median(found, name):
    return round(statistics.median(each[name] for each in found), 2)


def _measure(url, *, size, guards):
    with tempfile.TemporaryDirectory(prefix="bench-guards-") as folder:
        audience = write_csv(Path(folder) / "audience.csv", size)
        command = [sys.executable, "-m", "benchkit.engine", "--url", url, "--audience", str(audience)]
        command += ["--folder", folder, "--ledger", "--guards", guards, "--size", str(size)]
        done = subprocess.run(command, cwd=KIT, check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    figures = json.loads(done.stdout)
    if figures["accepted"] != size:
        raise RuntimeError(f"{guards}: {figures}")
    say(f"{size} recipients, guards {guards}: {figures['seconds']:.1f} s, peak {figures['peak_mb']:.0f} MB")
    return figures
