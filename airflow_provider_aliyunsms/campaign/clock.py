# SPDX-License-Identifier: Apache-2.0
"""Tell the time in one place, so that a test can hold it, and write it in the one format of ledger and receipts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


class Clock:
    """The machine's clock."""

    def now(self) -> float:
        """Return seconds since the epoch: what other processes and the gateway also know."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds for durations within this process."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        time.sleep(seconds)


def utc_stamp(at: float) -> str:
    """Write seconds since the epoch as ``2026-01-02T03:04:05Z``."""
    return datetime.fromtimestamp(at, UTC).strftime(_STAMP)


def parse_stamp(stamp: str) -> float:
    """
    Read what :func:`utc_stamp` wrote, as seconds since the epoch.

    :raises ValueError: it is something else.
    """
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()
