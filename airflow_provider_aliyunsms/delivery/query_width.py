# SPDX-License-Identifier: Apache-2.0
"""
Find out how many queries at once keep the pace, because each further thread delays all others of the process.

Where responses come at once, the processor limits the pace, and more than two or three threads only wait for each
other: the event loop of a triggerer waits with them. Where a response takes its time, all threads are needed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD = 0.1
"""Seconds over which the pace of one width is measured."""

HOLD = 50
"""Periods without a trial after one that failed."""

IDLE = 0.25
"""Share of one processor below which the responses limit the pace, so that every thread is needed."""

BUSY = 0.5
"""Share of one processor from which fewer threads may do as well."""

FULL = 0.9
"""Share of one processor from which more threads cannot help."""

KEPT = 0.9
"""Share of the pace that fewer threads must keep; more threads must raise it by as much."""


class QueryWidth:
    """
    The number of queries that may be in flight: the fewest that keep the pace, by trial.

    It is halved or doubled for one period, and stays so if the pace allows it. Used by the asking thread alone.

    :param most: the largest number, with which a round begins.
    :param clock: returns seconds.
    :param used: returns the seconds that all threads of this process have spent on a processor.
    """

    def __init__(
        self,
        *,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self.now = most
        self._most = most
        self._clock = clock
        self._used = used
        # The width and the pace before the trial that is under way; None while there is none.
        self._before: tuple[int, float] | None = None
        self._narrower = True
        self._hold = 0
        self._begin()

    def _begin(self) -> None:
        self._queries = 0
        self._since, self._used_before = self._clock(), self._used()

    def note(self, queries: int) -> None:
        """Take into account that so many queries have ended since the last call."""
        self._queries += queries
        seconds = self._clock() - self._since
        if seconds < PERIOD:
            return
        share = (self._used() - self._used_before) / seconds
        self._judge(pace=self._queries / seconds, share=share)
        self._begin()

    def reset(self) -> None:
        """Allow all threads again, after a query that failed: some of them may be waiting for a timeout."""
        self.now, self._before, self._hold = self._most, None, 0
        self._narrower = True
        self._begin()

    def _judge(self, *, pace: float, share: float) -> None:
        # Where nothing came back, what keeps the processor busy is something else.
        if share < IDLE or not pace:
            if self._before is not None:
                # The trial itself may be why: without a pause, every other period would be one.
                self._hold = HOLD
            self.now, self._before, self._narrower = self._most, None, True
            return
        if self._before is not None:
            width, earlier = self._before
            self._before = None
            if pace < earlier * KEPT if self._narrower else pace * KEPT < earlier:
                # The next trial goes the other way: neither width is known to be the right one for long.
                self.now, self._hold, self._narrower = width, HOLD, not self._narrower
                return
        if self._hold:
            self._hold -= 1
            return
        self._try(pace=pace, share=share)

    def _try(self, *, pace: float, share: float) -> None:
        wanted = max(1, self.now // 2) if self._narrower else min(self._most, self.now * 2)
        if wanted != self.now and (share >= BUSY if self._narrower else share < FULL):
            self._before, self.now = (self.now, pace), wanted
        else:
            self._narrower, self._hold = not self._narrower, HOLD
