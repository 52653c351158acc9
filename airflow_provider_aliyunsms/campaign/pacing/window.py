# SPDX-License-Identifier: Apache-2.0
"""
Limit the number of calls that arrive at the gateway within any second.

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
"""Responses per connection, over connections that were open before, until the quickest of them is used."""


class RateWindow:
    """
    A sliding count of recent calls, to limit how many arrive at the gateway within any second.

    A call counts from its response instead of from its start, because only then has it certainly arrived. Threads,
    the network and a busy machine delay a call by a varying time, so calls that left evenly may arrive together.

    Counting from the response would be too strict: the call arrived earlier, and the next call needs time to arrive
    too. The way back of one call and the way there of the next take about as long as the quickest response took. So
    that time is subtracted. While the delays stay the same, nothing is lost against counting from the start.

    A call that opens its connection says nothing of that time: it waits several times as long, and the next one, over
    the same connection, is there much sooner.

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

    def allow(self, calls: int, *, span: float) -> None:
        """
        Set what the rate window may hold.

        :param calls: how many calls, 0 for none.
        :param span: its length in seconds.
        """
        self._limit, self._span = calls, span

    @property
    def lead(self) -> float:
        """How many seconds before its response a call counts as arrived."""
        return self._quickest if self._responses > self._unbelieved else 0.0

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may start; infinity when a response must come first."""
        return max(0.0, self.free_at(calls=self._limit - 1, now=now) - now)

    def free_at(self, *, calls: float, now: float) -> float:
        """Return from when on no more than so many calls count; infinity while a response must come first."""
        self._expire(now=now)
        too_many = self._flying + len(self._arrived) - calls
        if too_many <= 0:
            return now
        if too_many > len(self._arrived):
            return math.inf
        return self._arrived[int(too_many) - 1] + self._span

    def start(self) -> None:
        """Count a call that leaves now."""
        # A call counts from here on, although it has not arrived: it may arrive at any moment.
        self._flying += 1

    def cancel(self) -> None:
        """Take back the count of a call that was not made after all."""
        self._flying -= 1

    def end(self, *, started: float, now: float, opened: bool = True) -> None:
        """
        Record that a call has ended, with a response or an error.

        :param started: when the call left, in seconds of the same clock as ``now``.
        :param now: when it ended.
        :param opened: a connection was opened for it, or may have been.
        """
        self._flying -= 1
        if not opened:
            self._responses += 1
            self._quickest = min(self._quickest, now - started)
        at = now - self.lead
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
