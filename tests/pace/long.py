# SPDX-License-Identifier: Apache-2.0
"""
Measure how well processes share one limit: ``python tests/pace/long.py`` takes about eight minutes.

For each limit: the largest number of calls in any second by the gateway's clock, and the share of the limit that was
used after the first calls.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from database_servers import redis_server
from launcher.processes import wait_for
from pacekit.crew import Crew
from pacekit.gateway import Gateway

LIMITS = (1, 10, 100, 1000)
PROCESSES = 4


def seconds_of(limit):
    """Return how long a limit is measured: at one call a second, thirty seconds would tell no share to within 3 %."""
    return max(30.0, 100.0 / limit)


def main():
    """Print a line for each limit; the exit status says whether all of them were kept."""
    broken = False
    for limit in LIMITS:
        for disturbed in (False, True):
            most, used = measure(limit, disturbed=disturbed)
            what = "one killed, Redis restarted" if disturbed else "undisturbed"
            print(f"{limit:5} a second, {what}: at most {most} in a second, {used:.1%} used", flush=True)
            broken |= most > limit
    return int(broken)


def measure(limit, *, disturbed):
    """Return the most calls of any second, and the share of the limit that was used."""
    with (
        tempfile.TemporaryDirectory(prefix="aliyunsms-pace-") as folder,
        redis_server(Path(folder)) as redis,
        Gateway() as gateway,
        Crew(redis=redis, gateway=gateway, limit=limit) as crew,
    ):
        processes = [crew.start() for _ in range(PROCESSES)]
        wait_for(lambda: len(gateway.arrivals) > 2 * limit, timeout=60, what="all of them call")
        began, seconds = time.monotonic(), seconds_of(limit)
        if disturbed:
            wait_for(lambda: time.monotonic() > began + seconds / 3, timeout=seconds, what="a third is over")
            os.kill(processes[0].pid, signal.SIGKILL)
            redis.kill()
            redis.start()
        wait_for(lambda: time.monotonic() > began + seconds, timeout=2 * seconds, what="the time is over")
        used = gateway.between(began, began + seconds) / (limit * seconds)
        return gateway.most_in_a_second(), used


if __name__ == "__main__":
    sys.exit(main())
