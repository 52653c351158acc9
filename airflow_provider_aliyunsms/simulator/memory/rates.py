# SPDX-License-Identifier: Apache-2.0
"""Sliding one-second windows: one enforces a limit, the other remembers the worst."""

from __future__ import annotations

from collections import deque

WINDOW_S = 1.0


class RateLimit:
    """The calls let through within the last second; refused ones do not count."""

    def __init__(self) -> None:
        self._passed: deque[float] = deque()

    def wait_for(self, *, limit: int, now: float) -> float:
        """
        Let one call through, or tell how long it would have to wait.

        :param limit: calls per second; 0 means no limit.
        :param now: monotonic seconds.
        :return: 0 when the call passed, otherwise seconds.
        """
        while self._passed and now - self._passed[0] >= WINDOW_S:
            self._passed.popleft()
        if limit and len(self._passed) >= limit:
            return WINDOW_S - (now - self._passed[0])
        self._passed.append(now)
        return 0.0


class WorstSecond:
    """The largest number of calls that ever arrived within one second."""

    def __init__(self) -> None:
        self._arrived: deque[float] = deque()
        self.worst = 0

    def arrived(self, *, now: float) -> None:
        """Count one arrival at ``now`` (monotonic seconds)."""
        while self._arrived and now - self._arrived[0] >= WINDOW_S:
            self._arrived.popleft()
        self._arrived.append(now)
        self.worst = max(self.worst, len(self._arrived))
