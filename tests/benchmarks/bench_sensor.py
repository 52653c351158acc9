# SPDX-License-Identifier: Apache-2.0
"""The delivery trigger on a big campaign: calls, seconds, and what the other triggers of the process feel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchkit.report import say
from benchkit.sample import number
from benchkit.servers import KIT, bare_server


def run(settings):
    """Watch campaigns of growing size that have all been delivered."""
    sizes = [1_000, 5_000] if settings.quick else [10_000, 100_000]
    return {"rows": [_measure(size) for size in sizes]}


def write_receipts(path, size):
    """Write receipts whose ``out_id`` is the one the bare server answers with."""
    accepted = {
        "outcome": "accepted",
        "code": None,
        "biz_id": "900000000000000001^0",
        "out_id": "bench",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    with path.open("w", encoding="utf-8") as stream:
        for index in range(size):
            stream.write(json.dumps({"phone_number": number(index), **accepted}) + "\n")


def _measure(size):
    with tempfile.TemporaryDirectory(prefix="bench-sensor-") as folder, bare_server() as server:
        receipts = Path(folder) / "receipts.jsonl"
        write_receipts(receipts, size)
        figures = _watch(url=server.url, receipts=receipts, size=size, folder=folder)
        asked = len(server.arrivals())
    if figures["event"]["delivered"] != size:
        raise RuntimeError(f"no verdict: {figures['event']}")
    say(f"{size} messages: {figures['seconds']:.1f} s, lag p99 {figures['lag_p99_ms']:.1f} ms")
    return {
        "messages": size,
        "calls": asked,
        "seconds": round(figures["seconds"], 2),
        "cpu_seconds": round(figures["cpu_seconds"], 2),
        "peak_mb": round(figures["peak_mb"], 1),
        "lag_p99_ms": round(figures["lag_p99_ms"], 2),
        "lag_max_ms": round(figures["lag_max_ms"], 2),
    }


def _watch(*, url, receipts, size, folder):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    home = {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, "-m", "benchkit.watching", "--url", url, "--receipts", str(receipts)]
    done = subprocess.run(
        [*command, "--messages", str(size)],
        cwd=KIT,
        env=clean | home,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
    )
    return json.loads(done.stdout.splitlines()[-1])
