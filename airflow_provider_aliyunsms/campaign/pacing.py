# SPDX-License-Identifier: Apache-2.0
"""Keep the number of calls that *arrive* in any one-second window, wherever it starts, within the limit."""

from __future__ import annotations

import math
from collections import deque

WINDOW = 1.0
MARGIN = 0.015
"""Seconds added to the window, for what the quickest answer does not tell about the way there."""

ENOUGH = 2
"""Answers for each connection after which the quickest is believed: the first of each includes connecting."""


class RateWindow:
    """
    Counts a call from its answer instead of from its start, because only then it has certainly arrived.

    Threads, the network and a busy machine delay a call by a varying time, so that calls which left evenly may
    arrive together. An answered one arrived before its answer, by no less than the way back; together with the way
    there of the next one that is what the quickest answer took. So that time is given back, and while the delays
    stay the same nothing is lost against counting from the start. Not thread-safe.

    :param max_qps: calls a second, None for no limit; a fraction above one is cut off, because no window may hold
        more than the limit, and a rate below one is kept by spacing the calls.
    :param connections: how many calls may be under way at once.
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
        """Set another limit; the calls of the last window keep counting."""
        self._limit = math.inf if max_qps is None else max(1, math.floor(max_qps))
        self._span = (WINDOW if max_qps is None or max_qps >= 1 else WINDOW / max_qps) + MARGIN

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may start; infinity when first an answer has to come."""
        self._expire(now=now)
        too_many = self._flying + len(self._arrived) - self._limit + 1
        if too_many <= 0:
            return 0.0
        if too_many > len(self._arrived):
            return math.inf
        return max(0.0, self._arrived[int(too_many) - 1] + self._span - now)

    def start(self) -> None:
        """Count a call that leaves now."""
        self._flying += 1

    def cancel(self) -> None:
        """Forget a call that was counted, but not made after all."""
        self._flying -= 1

    def end(self, *, started: float, now: float) -> None:
        """Note that a call has its answer, or an error instead."""
        self._flying -= 1
        self._responses += 1
        self._quickest = min(self._quickest, now - started)
        at = now - self._quickest if self._responses > self._unbelieved else now
        self._arrived.append(max(at, self._arrived[-1] if self._arrived else -math.inf))

    def assume(self, *, calls: int, now: float) -> None:
        """Count calls of an earlier process as having arrived at this moment."""
        self._arrived.extend([now] * calls)

    def recent(self, *, now: float) -> int:
        """Return how many calls still count."""
        self._expire(now=now)
        return self._flying + len(self._arrived)

    def _expire(self, *, now: float) -> None:
        while self._arrived and self._arrived[0] + self._span <= now:
            self._arrived.popleft()


DECREASE = 0.5
INCREASE = 0.05
"""Share of the pace at the last throttling that is added for every quiet second."""

CALM = 1.0
"""Seconds within which several refusals count as one: they were all made at the same pace."""


class AdaptivePace:
    """
    The pace of one campaign's calls.

    :param max_qps: the limit it was told, None for none.
    :param connections: how many calls may be under way at once.
    :param starts_full: True when calls of an earlier process may still count, as on a resume.
    :param now: monotonic seconds.
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
        """Calls a second at the moment, None for no limit."""
        return self._max_qps if self._reduced is None else self._reduced

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may be made."""
        self._recover(now=now)
        return max(0.0, self._paused_until - now, self._window.wait_time(now=now))

    def start(self) -> None:
        """Count a call that is made now."""
        self._window.start()

    def cancel(self) -> None:
        """Forget a call that was counted, but not made after all."""
        self._window.cancel()

    def end(self, *, started: float, now: float) -> None:
        """Note that a call has ended, however it did."""
        self._window.end(started=started, now=now)

    def pause(self, *, until: float) -> None:
        """Hold every call back until then."""
        self._paused_until = max(self._paused_until, until)

    def throttled(self, *, now: float) -> None:
        """Halve the pace, once for all the refusals of one moment."""
        if now - self._throttled_at < CALM:
            return
        self._throttled_at = self._raised_at = now
        self._pace_then = max(1.0, float(self._window.recent(now=now)) if self.pace is None else self.pace)
        self._set(max(1.0, self._pace_then * DECREASE))

    def _recover(self, *, now: float) -> None:
        if self._reduced is None:
            return
        quiet = math.floor(now - self._raised_at)
        if quiet < 1:
            return
        self._raised_at += quiet
        raised = self._reduced + quiet * max(0.25, INCREASE * self._pace_then)
        limit = self._max_qps if self._max_qps is not None else 4 * self._pace_then
        self._set(None if raised >= limit else raised)

    def _set(self, reduced: float | None) -> None:
        if reduced is not None and self._max_qps is not None and reduced >= self._max_qps:
            reduced = None
        self._reduced = reduced
        self._window.change(max_qps=self.pace)
