# SPDX-License-Identifier: Apache-2.0
"""Count calls in a sliding rate window of one second: to enforce a limit, and to keep the largest count."""

from __future__ import annotations

from collections import deque

WINDOW_S = 1.0


class RateLimit:
    """Limit the calls of a sliding second; refused calls do not count."""

    def __init__(self) -> None:
        self._passed: deque[float] = deque()

    def wait_for(self, *, limit: int, now: float) -> float:
        """
        Count one call if the limit allows it, or return how long it would have to wait.

        :param limit: calls per second; 0 means no limit.
        :param now: monotonic seconds.
        :returns: 0 when the call was counted, else the seconds to wait.
        """
        while self._passed and now - self._passed[0] >= WINDOW_S:
            self._passed.popleft()
        if limit and len(self._passed) >= limit:
            return WINDOW_S - (now - self._passed[0])
        self._passed.append(now)
        return 0.0


class WorstSecond:
    """Keep the largest number of calls that arrived within any second."""

    def __init__(self) -> None:
        self._arrived: deque[float] = deque()
        self.worst = 0

    def arrived(self, *, now: float) -> None:
        """Count one call that arrived at ``now``, in monotonic seconds."""
        while self._arrived and now - self._arrived[0] >= WINDOW_S:
            self._arrived.popleft()
        self._arrived.append(now)
        self.worst = max(self.worst, len(self._arrived))
