# SPDX-License-Identifier: Apache-2.0
"""The gate every query passes before it leaves: it keeps the pace, counts, and closes."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.pacing import RateWindow
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_AT_ONCE = 64
"""As many connections as a client keeps."""

NAP = 0.25
"""Seconds of pacing after which a request to stop is looked at again."""

CATCH_UP = 0.05
"""Seconds of lateness that may be made up for; the rest is let go, so that a pause is never followed by a burst."""

SPREAD = 1.019
"""Seconds over which the queries of one second are spread, so that a small delay of one does not hold up the next."""

ANSWER_TIME = 0.1
"""Seconds one query usually takes, to estimate how long a round will."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """
    How hard the gateway may be asked.

    :param max_qps: queries per second, None for no limit.
    :param max_concurrency: queries in flight, 1 to 64.
    :param max_calls: queries in all, None for no limit.
    """

    max_qps: float | None = 20
    max_concurrency: int = 8
    max_calls: int | None = None

    def __post_init__(self) -> None:
        if self.max_qps is not None and not self.max_qps > 0:
            raise ConfigurationError(
                "max_qps must be greater than 0", advice="Give calls per second, or None for no limit."
            )
        if not _is_whole(self.max_concurrency) or not 1 <= self.max_concurrency <= MOST_AT_ONCE:
            raise ConfigurationError(
                f"max_concurrency must be 1 to {MOST_AT_ONCE}",
                advice="8 is enough for about 80 calls a second.",
            )
        check_count(name="max_calls", value=self.max_calls)

    def round_time(self, *, messages: int) -> float:
        """Return roughly how many seconds a round takes when the gateway answers promptly."""
        pace = self.max_concurrency / ANSWER_TIME
        return messages / (pace if self.max_qps is None else min(pace, self.max_qps))


class QueryLimiter:
    """
    Lets queries through one by one, evenly spread over each second, and never more than the limits allow.

    Every HTTP query counts: a retry, a second page and a second date too. Safe to share between threads.

    :param limits: the pace and the number of queries in all.
    :param calls: queries made earlier, which count towards ``max_calls``.
    :param recent: how many of them still count towards the pace.
    :param recent_age: seconds since the last of these.
    :param clock: seconds, for the pacing alone.
    :param sleep: waits that many seconds.
    """

    def __init__(
        self,
        *,
        limits: QueryLimits,
        calls: int = 0,
        recent: int = 0,
        recent_age: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits
        self.calls = calls
        self._clock = clock
        self._sleep = sleep
        self._line = threading.Lock()
        self._answered = threading.Condition()
        self._should_stop: Callable[[], bool] = lambda: False
        self._window = RateWindow(max_qps=limits.max_qps, connections=limits.max_concurrency)
        self._window.assume(calls=recent, now=clock() - recent_age)
        self._gap = 0.0 if limits.max_qps is None else SPREAD / max(1, math.floor(limits.max_qps))
        self._turn = -math.inf

    @property
    def used_up(self) -> bool:
        """Whether ``max_calls`` queries were made."""
        return self.limits.max_calls is not None and self.calls >= self.limits.max_calls

    @property
    def recent(self) -> int:
        """How many queries still count towards the pace."""
        with self._answered:
            return self._window.recent(now=self._clock())

    def listen(self, should_stop: Callable[[], bool]) -> None:
        """Close as soon as this says so, and not when the former one does; it is asked by any thread."""
        self._should_stop = should_stop

    @contextmanager
    def query(self) -> Iterator[None]:
        """
        Wait for the next turn, count a query, and let it be made within the context.

        :raises CancelledError: the gate is closed, because of a request to stop or because all allowed queries
            were made.
        """
        started = self._enter()
        try:
            yield
        finally:
            with self._answered:
                self._window.end(started=started, now=self._clock())
                self._answered.notify()

    def _enter(self) -> float:
        with self._line:
            while not (self.used_up or self._should_stop()):
                now = self._clock()
                delay = self._delay(now=now)
                if delay <= 0:
                    self._turn = max(self._turn, now - CATCH_UP) + self._gap
                    self.calls += 1
                    return now
                if delay < math.inf:
                    self._sleep(min(delay, NAP))
        raise CancelledError

    def _delay(self, *, now: float) -> float:
        with self._answered:
            delay = max(self._window.wait_time(now=now), self._turn - now)
            if delay <= 0:
                self._window.start()
            elif delay == math.inf:
                self._answered.wait(NAP)
            return delay


def check_count(*, name: str, value: int | None) -> None:
    """
    Refuse what is neither None nor a whole number from 1.

    :raises ConfigurationError: naming the parameter.
    """
    if value is not None and (not _is_whole(value) or value < 1):
        raise ConfigurationError(
            f"{name} must be a whole number from 1", advice="Leave it out for no such limit."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
