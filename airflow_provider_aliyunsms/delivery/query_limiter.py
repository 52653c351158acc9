# SPDX-License-Identifier: Apache-2.0
"""
Limit the delivery queries of all worker threads: how many a second, how many in all, and whether one may still start.

Every query enters the :class:`QueryLimiter` before it is made, and waits there for its turn. Two kinds of threads use
a limiter: the worker threads of a round, which make the queries, and the asking thread, which runs the rounds (see
:mod:`airflow_provider_aliyunsms.delivery.polling`).
"""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_aliyunsms.campaign.pacing import AccountPace, PaceMember

MOST_AT_ONCE = 64
"""The largest ``max_concurrency``: as many connections as a client keeps."""

NAP = 0.25
"""The longest time, in seconds, to wait for a turn before ``should_stop`` is asked again."""

STORE_PATIENCE = 10.0
"""Seconds without the store of the account's pace after which a query is given up; the next round tries again."""

CATCH_UP = 0.05
"""The longest delay, in seconds, that is made up for; a longer one is not, so that no burst follows a pause."""

SPREAD = 1.019
"""
Seconds over which the queries of one second are spread.

A little more than the rate window, so that a small delay of one query does not hold up the next.
"""

ANSWER_TIME = 0.1
"""Seconds that one query is assumed to take, to estimate the duration of a round."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """
    The limits for delivery queries.

    :param max_qps: queries per second, None for no limit.
    :param max_concurrency: queries in flight at once, 1 to 64; each is a thread.
    :param max_calls: queries in all, None for no limit.
    :raises ConfigurationError: a limit is out of range.
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
        """Return about how many seconds a round for so many messages takes when the gateway responds promptly."""
        pace = self.max_concurrency / ANSWER_TIME
        return messages / (pace if self.max_qps is None else min(pace, self.max_qps))


class QueryLimiter:
    """
    Let queries start one by one, evenly spread over each second and never more than the limits allow.

    Every HTTP query counts: a retry, a second page and a second date too. Safe to share between threads.

    Two locks, always taken in this order: ``_line`` is held by the one thread whose turn it is, also while it waits
    for that turn; ``_answered`` is held for moments only. A thread whose query has ended takes ``_answered`` alone.

    :param limits: the rate and the number of queries in all.
    :param calls: queries made earlier in this try, which count towards ``max_calls``.
    :param recent: how many of them still count towards ``max_qps``.
    :param recent_age: seconds since the last of these.
    :param clock: returns seconds; used for the rate alone. Called by any thread.
    :param sleep: waits that many seconds; called by the thread whose turn it is.
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
        # Imported here, because a DAG file that imports the sensor makes no query.
        from airflow_provider_aliyunsms.campaign.pacing import RateWindow

        # Never changed after this constructor, so any thread may read them: limits, _clock, _sleep, _gap.
        self.limits = limits
        # Changed only by a worker thread that holds _line. The asking thread reads it without a lock, which is safe
        # because it does so only between two rounds, when no worker thread is left.
        self.calls = calls
        self._clock = clock
        self._sleep = sleep
        # Taken by worker threads only. Guards calls and _turn.
        self._line = threading.Lock()
        # Taken by worker threads, and by the asking thread in recent. Guards _window, which is not thread-safe.
        self._answered = threading.Condition()
        # Set by the asking thread between two rounds; called by the worker thread that holds _line.
        self._should_stop: Callable[[], bool] = lambda: False
        # Any thread, but only under _answered; the next two lines run before any other thread knows this object.
        self._window = RateWindow(max_qps=limits.max_qps, connections=limits.max_concurrency)
        self._window.assume(calls=recent, now=clock() - recent_age)
        self._gap = 0.0 if limits.max_qps is None else SPREAD / max(1, math.floor(limits.max_qps))
        # When the next query may start, on the scale of _clock. Changed and read only under _line.
        self._turn = -math.inf

    @property
    def used_up(self) -> bool:
        """Whether ``max_calls`` queries were made; exact under ``_line``, and between two rounds."""
        return self.limits.max_calls is not None and self.calls >= self.limits.max_calls

    @property
    def recent(self) -> int:
        """The number of queries that still count towards ``max_qps``; may be read by any thread."""
        with self._answered:
            return self._window.recent(now=self._clock())

    def listen(self, should_stop: Callable[[], bool]) -> None:
        """
        Replace the callback that says whether to stop; only the asking thread calls this, between two rounds.

        :param should_stop: asked before each query and while one waits for its turn, by worker threads, one thread at
            a time. While it returns True no query starts.
        """
        self._should_stop = should_stop

    @contextmanager
    def query(self, account: PaceMember | None = None) -> Iterator[None]:
        """
        Wait for the next turn and count one query, which the caller makes inside the context.

        The query counts even if it fails.

        :param account: a further limit, which all queries with the same account share; None for none.
        :raises PaceError: whether the account has room is not known, for :data:`STORE_PATIENCE` seconds; nothing was
            counted.
        :raises CancelledError: no query may start any more, because ``should_stop`` returned True or ``max_calls``
            queries were made. Nothing was counted.
        """
        # Before the try block: a query that was not let through is not in the rate window and must not leave it.
        pace = account.joined() if account is not None else None
        started = self._enter(pace)
        began = pace.now() if pace is not None else 0.0
        before = departures.opened
        try:
            yield
        finally:
            opened = departures.opened > before
            if pace is not None:
                pace.end(started=began, now=pace.now(), opened=opened)
            # Also after an error: a query that never ends in the rate window would hold its place in it for ever.
            # Without _line: its holder may be waiting for the very end that is noted here.
            with self._answered:
                self._window.end(started=started, now=self._clock(), opened=opened)
                # One is enough: only the holder of _line waits for it.
                self._answered.notify()

    def _enter(self, pace: AccountPace | None) -> float:
        # Held while waiting as well: the other threads queue up here, so that queries start one by one.
        with self._line:
            # Checked under the same hold of _line as calls grows: in between, another thread could use up max_calls.
            while not (self.used_up or self._should_stop()):
                if pace is not None:
                    # Before each wait, so that those who queue up behind one that gave up do not wait as well.
                    pace.check(patience=STORE_PATIENCE)
                now = self._clock()
                delay = self._delay(now=now, pace=pace)
                if delay <= 0:
                    # _delay has put the query into the rate window. From here to the try block in query() nothing
                    # may raise or wait: the query would stay in the window for ever.
                    self._turn = max(self._turn, now - CATCH_UP) + self._gap
                    # Counted before it is made, not after: queries that are under way count towards max_calls.
                    self.calls += 1
                    return now
                if delay < math.inf:
                    # Without _answered, so that other threads can note the end of their queries meanwhile.
                    self._sleep(min(delay, NAP))
        raise CancelledError

    def _delay(self, *, now: float, pace: AccountPace | None) -> float:
        with self._answered:
            delay = max(self._window.wait_time(now=now), self._turn - now)
            if delay <= 0 and pace is not None:
                # Last of all: a place of the account is taken only for a query that nothing else holds up.
                delay = pace.take(now=pace.now())
            if delay <= 0:
                # Under the same hold of _answered as wait_time, so that what was decided still holds.
                self._window.start()
            elif delay == math.inf:
                # Every place is taken by a query in flight, or by others with the same account. Waiting releases
                # _answered, so that one of the queries can end; it is bounded, so that a request to stop is noticed.
                self._answered.wait(NAP)
            return delay


def check_count(*, name: str, value: int | None) -> None:
    """
    Raise an error unless a parameter is None or a whole number from 1.

    :param name: the parameter's name, for the error text.
    :raises ConfigurationError: it is anything else.
    """
    if value is not None and (not _is_whole(value) or value < 1):
        raise ConfigurationError(
            f"{name} must be a whole number from 1", advice="Leave it out for no such limit."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
