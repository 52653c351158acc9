# SPDX-License-Identifier: Apache-2.0
"""
Call a server at the pace of one limiter, in a process of its own::

    python -m benchkit.paced --limiter ours --limit 10 --seconds 10 --url http://127.0.0.1:1234
"""

from __future__ import annotations

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchkit.clients import floor_session, send_floor
from benchkit.limiters import LIMITERS

WIDTH = 16
WARM_UP = 4 * WIDTH
"""Calls that only open the connections; the first ones to arrive."""


def call_paced(*, limiter, limit, seconds, url):
    """One thread asks the limiter, others make the calls, as in a campaign."""
    acquire = LIMITERS[limiter](limit)
    done = getattr(acquire, "done", None)
    sessions = threading.local()

    def call():
        if not hasattr(sessions, "one"):
            sessions.one = floor_session()
        send_floor(sessions.one, url, b"x=1")

    def paced_call():
        started = time.monotonic()
        call()
        if done is not None:
            done(started)

    with ThreadPoolExecutor(WIDTH) as threads:
        list(threads.map(lambda _: call(), range(WARM_UP)))
        time.sleep(1.5)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            acquire()
            threads.submit(paced_call)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limiter", required=True, choices=LIMITERS)
    parser.add_argument("--limit", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--url", required=True)
    call_paced(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
