# SPDX-License-Identifier: Apache-2.0
"""Peak memory of a process that runs the operator's engine, from a thousand recipients to ten million."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchkit.report import say
from benchkit.sample import write_csv
from benchkit.servers import KIT, bare_server


def run(settings):
    """Measure each size in a process of its own, because a peak never goes down."""
    sizes = [1_000, 10_000, 100_000] if settings.quick else [1_000, 100_000, 1_000_000]
    if settings.ten_million:
        sizes.append(10_000_000)
    with bare_server() as server:
        rows = [_measure(server.url, size) for size in sizes]
    first = rows[0]["peak_mb"]
    return {
        "rows": rows,
        "growth_mb": {str(row["size"]): round(row["peak_mb"] - first, 1) for row in rows[1:]},
        "growth_from_1m_to_10m_mb": round(rows[-1]["peak_mb"] - rows[-2]["peak_mb"], 1)
        if settings.ten_million
        else None,
    }


def _measure(url, size):
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        audience = write_csv(Path(folder) / "audience.csv", size)
        figures = run_engine(url=url, audience=audience, folder=folder)
    say(f"{size} recipients: peak {figures['peak_mb']:.0f} MB, {figures['seconds']:.1f} s")
    return {
        "size": size,
        "peak_mb": round(figures["peak_mb"], 1),
        "seconds": round(figures["seconds"], 2),
        "cpu_seconds": round(figures["cpu_seconds"], 2),
    }


def run_engine(*, url, audience, folder):
    """Run one campaign with its ledger on the local disk and return its figures."""
    command = [sys.executable, "-m", "benchkit.engine", "--url", url, "--audience", str(audience)]
    command += ["--folder", str(folder), "--ledger"]
    done = subprocess.run(command, cwd=KIT, check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    return json.loads(done.stdout)
