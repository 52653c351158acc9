# SPDX-License-Identifier: Apache-2.0
"""Keep the number of calls in any one-second window, wherever it starts, within the limit."""

from __future__ import annotations

import math
from collections import deque

WINDOW = 1.0
MARGIN = 0.018
"""Seconds added to the window: the gateway counts when a request arrives, which jitters."""


class SlidingWindow:
    """
    A sliding-window log: the exact limiter, kept small because only ``limit`` times are remembered.

    A fraction above one is cut off (2.5 a second are 2), because no window may hold more than the limit; a rate
    below one is kept by spacing the calls. Not thread-safe: the sender's main thread alone asks.

    :param max_qps: calls per second, None for no limit.
    :param starts_full: True when calls of an earlier process may still count, as on a resume.
    :param now: the clock's reading at the start, in seconds.
    """

    def __init__(self, *, max_qps: float | None, starts_full: bool = False, now: float = 0.0) -> None:
        self._paused_until = -math.inf
        self._times: deque[float] = deque()
        if max_qps is None:
            self._limit, self._span = 0, 0.0
            return
        self._limit = max(1, math.floor(max_qps))
        self._span = (WINDOW if max_qps >= 1 else WINDOW / max_qps) + MARGIN
        self._times = deque(maxlen=self._limit)
        if starts_full:
            self._times.extend([now] * self._limit)

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may be made; 0.0 when it may be made at once."""
        paused = self._paused_until - now
        if not self._limit or len(self._times) < self._limit:
            return max(0.0, paused)
        return max(0.0, paused, self._times[0] + self._span - now)

    def count(self, *, now: float) -> None:
        """Remember a call that is made now."""
        if self._limit:
            self._times.append(now)

    def pause(self, *, until: float) -> None:
        """Hold every call back, because the gateway asked for it."""
        self._paused_until = max(self._paused_until, until)
