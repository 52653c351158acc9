# SPDX-License-Identifier: Apache-2.0
"""
Limit the number of calls that arrive at the gateway within any second, and adapt the limit to throttling.

The time span that is counted is called the rate window. It slides: it may begin at any moment.
"""

from __future__ import annotations

import math
from collections import deque

WINDOW = 1.0
"""Seconds of the rate window; below one call per second it is as long as the gap between two calls."""

MARGIN = 0.015
"""Seconds added to the rate window, because the quickest response does not show how long the way there takes."""

ENOUGH = 2
"""Responses per connection before the quickest is used: the first one on a connection includes connecting."""


class RateWindow:
    """
    A sliding count of recent calls, to limit how many arrive at the gateway within any second.

    A call counts from its response instead of from its start, because only then has it certainly arrived. Threads,
    the network and a busy machine delay a call by a varying time, so calls that left evenly may arrive together.

    Counting from the response would be too strict: the call arrived earlier, and the next call needs time to arrive
    too. The way back of one call and the way there of the next take about as long as the quickest response took. So
    that time is subtracted. While the delays stay the same, nothing is lost against counting from the start.

    Not thread-safe: threads that share it need a lock around every method.

    :param max_qps: calls per second, None for no limit. A fraction above one is cut off, because no rate window may
        hold more than the limit. A rate below one is kept by spacing the calls.
    :param connections: how many calls may be in flight at once.
    """

    def __init__(self, *, max_qps: float | None, connections: int = 1) -> None:
        self._limit: float = math.inf
        self._span = WINDOW + MARGIN
        self.change(max_qps=max_qps)
        self._flying = 0
        self._quickest = math.inf
        self._responses = 0
        self._unbelieved = ENOUGH * connections
        self._arrived: deque[float] = deque()

    def change(self, *, max_qps: float | None) -> None:
        """Set another limit, in calls per second; the calls in the rate window keep counting."""
        self._limit = math.inf if max_qps is None else max(1, math.floor(max_qps))
        self._span = (WINDOW if max_qps is None or max_qps >= 1 else WINDOW / max_qps) + MARGIN

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may start; infinity when a response must come first."""
        self._expire(now=now)
        too_many = self._flying + len(self._arrived) - self._limit + 1
        if too_many <= 0:
            return 0.0
        if too_many > len(self._arrived):
            return math.inf
        return max(0.0, self._arrived[int(too_many) - 1] + self._span - now)

    def start(self) -> None:
        """Count a call that leaves now."""
        # A call counts from here on, although it has not arrived: it may arrive at any moment.
        self._flying += 1

    def cancel(self) -> None:
        """Take back the count of a call that was not made after all."""
        self._flying -= 1

    def end(self, *, started: float, now: float) -> None:
        """
        Record that a call has ended, with a response or an error.

        :param started: when the call left, in seconds of the same clock as ``now``.
        :param now: when it ended.
        """
        self._flying -= 1
        self._responses += 1
        self._quickest = min(self._quickest, now - started)
        at = now - self._quickest if self._responses > self._unbelieved else now
        # In ascending order, always: _expire and wait_time look at the first ones only.
        self._arrived.append(max(at, self._arrived[-1] if self._arrived else -math.inf))

    def assume(self, *, calls: int, now: float) -> None:
        """Count calls of an earlier process as if they had arrived at this moment."""
        self._arrived.extend([now] * calls)

    def recent(self, *, now: float) -> int:
        """Return how many calls still count: those in flight, and those that arrived within the rate window."""
        self._expire(now=now)
        return self._flying + len(self._arrived)

    def _expire(self, *, now: float) -> None:
        while self._arrived and self._arrived[0] + self._span <= now:
            self._arrived.popleft()


DECREASE = 0.5
"""Factor by which throttling changes the pace."""

INCREASE = 0.05
"""Share of the pace before the last throttling that is added for every second without another one."""

CALM = 1.0
"""Seconds within which several throttled calls count as one event: they were all made at the same pace."""


class AdaptivePace:
    """
    The pace of the calls of one campaign: a limit that falls with throttling and recovers afterwards.

    Throttling halves the pace, but not below one call per second. Each second without throttling raises it again,
    until it is back at ``max_qps``. If there is no ``max_qps``, the limit ends at four times the pace that was
    throttled. Not thread-safe: only the main thread of a try may use it.

    :param max_qps: the limit that was set, in calls per second; None for no limit.
    :param connections: how many calls may be in flight at once.
    :param starts_full: True when calls of an earlier process may still count, as on a resume: the rate window then
        starts full.
    :param now: the current time in monotonic seconds.
    """

    def __init__(
        self, *, max_qps: float | None, connections: int = 1, starts_full: bool = False, now: float = 0.0
    ) -> None:
        self._max_qps = max_qps
        self._window = RateWindow(max_qps=max_qps, connections=connections)
        if starts_full and max_qps is not None:
            self._window.assume(calls=max(1, math.floor(max_qps)), now=now)
        self._paused_until = -math.inf
        self._reduced: float | None = None
        self._throttled_at = -math.inf
        self._raised_at = now
        self._pace_then = 1.0

    @property
    def pace(self) -> float | None:
        """The limit at the moment in calls per second, None for no limit."""
        return self._max_qps if self._reduced is None else self._reduced

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may be made; infinity when a response must come first."""
        self._recover(now=now)
        return max(0.0, self._paused_until - now, self._window.wait_time(now=now))

    def start(self) -> None:
        """Count a call that leaves now."""
        self._window.start()

    def cancel(self) -> None:
        """Take back the count of a call that was not made after all."""
        self._window.cancel()

    def end(self, *, started: float, now: float) -> None:
        """Record that a call has ended, with a response or an error; both times in monotonic seconds."""
        self._window.end(started=started, now=now)

    def pause(self, *, until: float) -> None:
        """Hold every call back until this time, in monotonic seconds, or a later one that was set before."""
        self._paused_until = max(self._paused_until, until)

    def throttled(self, *, now: float) -> None:
        """Halve the pace, once for all calls that are throttled within :data:`CALM` seconds."""
        if now - self._throttled_at < CALM:
            return
        self._throttled_at = self._raised_at = now
        # Before the pace is halved: the recovery is measured by the pace that was too fast.
        self._pace_then = max(1.0, float(self._window.recent(now=now)) if self.pace is None else self.pace)
        self._set(max(1.0, self._pace_then * DECREASE))

    def _recover(self, *, now: float) -> None:
        if self._reduced is None:
            return
        quiet = math.floor(now - self._raised_at)
        if quiet < 1:
            return
        # Whole seconds only: the rest counts towards the next raise.
        self._raised_at += quiet
        raised = self._reduced + quiet * max(0.25, INCREASE * self._pace_then)
        limit = self._max_qps if self._max_qps is not None else 4 * self._pace_then
        self._set(None if raised >= limit else raised)

    def _set(self, reduced: float | None) -> None:
        if reduced is not None and self._max_qps is not None and reduced >= self._max_qps:
            reduced = None
        self._reduced = reduced
        self._window.change(max_qps=self.pace)
