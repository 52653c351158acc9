# SPDX-License-Identifier: Apache-2.0
"""
Read the clock, and write and read the time stamps of the ledger and the receipts.

All of the campaign takes the time from here, so that a test can replace the clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

# Ledgers of unfinished campaigns hold stamps of this form: if it changes, their retries cannot read them.
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


class Clock:
    """The clock of the machine; tests use one of their own."""

    def now(self) -> float:
        """Return the wall clock in seconds since the epoch, for times that leave this process."""
        return time.time()

    def monotonic(self) -> float:
        """Return a clock in seconds that never goes back, for durations within this process."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for that many seconds."""
        time.sleep(seconds)


def utc_stamp(at: float) -> str:
    """Return seconds since the epoch as a UTC time stamp, such as ``2026-01-02T03:04:05Z``; fractions are cut off."""
    return datetime.fromtimestamp(at, UTC).strftime(_STAMP)


def parse_stamp(stamp: str) -> float:
    """
    Return the seconds since the epoch of a time stamp that :func:`utc_stamp` wrote.

    :raises ValueError: the text has another form.
    """
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()
