# SPDX-License-Identifier: Apache-2.0
"""
Tell the gateway's time by the ``Date`` headers of its responses.

Evidence compares moments that different machines have noted. Their clocks may differ by minutes, and may be set while
a campaign runs; the gateway's clock is the one that all of them can see, and the one that its rules go by.
"""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from typing import Final

_RESOLUTION: Final = 1.0
"""Seconds: a ``Date`` header has no fractions."""


class GatewayClock:
    """
    The clock of one endpoint, as far as its responses have told it; threads may share it.

    It goes on by this machine's monotonic clock, so that setting the wall clock changes nothing.
    """

    def __init__(self) -> None:
        # Gateway time minus monotonic time. Any thread may replace it, in one assignment; the last one counts.
        self._offset: float | None = None
        # When a header was last read, in monotonic seconds; the same holds for it.
        self._read_at = -math.inf

    def observe(self, date: str | None, *, sent: float, received: float) -> None:
        """
        Take a response's ``Date`` header into account; a missing or malformed one is passed over.

        :param date: the header's value.
        :param sent: monotonic seconds at which the request was begun.
        :param received: monotonic seconds at which the response was complete.
        """
        # Reading a date costs a few percent of a call, and within a second another one tells nothing new.
        if received - self._read_at < _RESOLUTION:
            return
        moment = _seconds(date)
        if moment is None:
            return
        self._read_at = received
        offset = moment + _RESOLUTION / 2 - (sent + received) / 2
        doubt = _RESOLUTION + (received - sent) / 2
        # Within what a header can tell, the old value stays: it must not go to and fro between two responses.
        if self._offset is None or abs(offset - self._offset) > doubt:
            self._offset = offset

    def at(self, monotonic: float) -> float | None:
        """Return the gateway's time at a monotonic moment, in seconds since the epoch; None when it is not known."""
        offset = self._offset
        return None if offset is None else offset + monotonic


def monotonic() -> float:
    """Return seconds that go on while the machine is suspended, too, where the system can tell them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _seconds(date: str | None) -> float | None:
    try:
        seconds = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
