# SPDX-License-Identifier: Apache-2.0
"""Keep the number of calls in any one-second window, wherever it starts, within the limit."""

from __future__ import annotations

import bisect
import math

WINDOW = 1.0
MARGIN = 0.018
"""Seconds added to the window: the gateway counts when a request arrives, which jitters."""


class SlidingWindow:
    """
    A sliding-window log: the exact limiter, kept small because only the calls of one window are remembered.

    A fraction above one is cut off (2.5 a second are 2), because no window may hold more than the limit; a rate
    below one is kept by spacing the calls. Not thread-safe: the sender's main thread alone asks.

    :param max_qps: calls per second, None for no limit.
    :param starts_full: True when calls of an earlier process may still count, as on a resume.
    :param now: the clock's reading at the start, in seconds.
    """

    def __init__(self, *, max_qps: float | None, starts_full: bool = False, now: float = 0.0) -> None:
        self._times: list[float] = []
        self._limit = 0
        self._span = WINDOW + MARGIN
        self.change(max_qps=max_qps)
        if starts_full:
            self._times.extend([now] * self._limit)

    def change(self, *, max_qps: float | None) -> None:
        """Set another limit; the calls of the last window keep counting."""
        self._limit = 0 if max_qps is None else max(1, math.floor(max_qps))
        self._span = (WINDOW if max_qps is None or max_qps >= 1 else WINDOW / max_qps) + MARGIN

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may be made; 0.0 when it may be made at once."""
        if not self._limit or len(self._times) < self._limit:
            return 0.0
        return max(0.0, self._times[-self._limit] + self._span - now)

    def count(self, *, now: float) -> None:
        """Remember a call that is made now."""
        bisect.insort(self._times, now)
        if self._times[0] < now - 2 * self._span:
            del self._times[: bisect.bisect_left(self._times, now - self._span)]

    def move(self, *, made_at: float, late: float) -> None:
        """Count a call as made ``late`` seconds later than it was: that is when it may have arrived."""
        position = bisect.bisect_left(self._times, made_at)
        if late > 0 and position < len(self._times) and self._times[position] == made_at:
            del self._times[position]
            bisect.insort(self._times, made_at + late)

    def rate(self, *, now: float) -> float:
        """Return how many calls were made within the last window."""
        return float(len(self._times) - bisect.bisect_right(self._times, now - self._span))
