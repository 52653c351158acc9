# SPDX-License-Identifier: Apache-2.0
"""How exactly a limit is kept and how fully it is used, as the server sees it; ours and four libraries."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchkit.limiters import LIMITERS
from benchkit.paced import WARM_UP
from benchkit.report import say
from benchkit.sample import HEADER, code, name, number
from benchkit.servers import KIT, bare_server
from benchkit.windows import utilisation, worst_window

LIMITS = (1, 10, 100, 1000)
TOGETHER = 3
"""How many are measured at the same time at limits at which nobody has much to do."""

CAMPAIGN = "ours, whole campaign"
SMALLEST_USE = 0.98


def run(settings):
    """Measure each limiter at each limit."""
    seconds = {1: 8, 10: 5, 100: 4, 1000: 4} if settings.quick else {1: 25, 10: 15, 100: 8, 1000: 8}
    rows = []
    for limit in LIMITS:
        names = [CAMPAIGN, *LIMITERS]
        with ThreadPoolExecutor(TOGETHER if limit <= 10 else 1) as threads:
            rows += threads.map(lambda each, limit=limit: _measure(each, limit, seconds[limit]), names)
        say(f"pacing at {limit} calls/s")
    return {"rows": rows, "passing": _passing(rows)}


def _measure(limiter, limit, seconds):
    with bare_server() as server:
        if limiter == CAMPAIGN:
            times = _campaign(server, limit, seconds)
        else:
            command = ["--limiter", limiter, "--limit", limit, "--seconds", seconds, "--url", server.url]
            _python("benchkit.paced", *command)
            times = server.arrivals()[WARM_UP:]
    worst, used = worst_window(times), utilisation(times, limit)
    return {
        "limiter": limiter,
        "limit": limit,
        "calls": len(times),
        "worst_window": worst,
        "utilisation": round(used, 4),
        "passes": worst <= limit and used >= SMALLEST_USE,
    }


def _campaign(server, limit, seconds):
    """One recipient a call, so that the pace is what limits it."""
    with tempfile.TemporaryDirectory(prefix="bench-pacing-") as folder:
        audience = Path(folder) / "audience.csv"
        rows = (f"{number(index)},{name(index)},{code(index)}\n" for index in range(limit * seconds + 1))
        audience.write_text(HEADER + "".join(rows), encoding="utf-8")
        command = ["--url", server.url, "--audience", audience, "--folder", folder, "--ledger"]
        _python("benchkit.engine", *command, "--max-qps", limit, "--chunk-size", 1)
    return server.arrivals()


def _python(module, *arguments):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(command, cwd=KIT, check=True, stdout=subprocess.DEVNULL, timeout=180)


def _passing(rows):
    names = {row["limiter"] for row in rows}
    failed = {row["limiter"] for row in rows if not row["passes"]}
    return sorted(names - failed)
