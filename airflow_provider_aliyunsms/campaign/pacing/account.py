# SPDX-License-Identifier: Apache-2.0
"""
Keep one limit together with all other processes that use the same account.

The limit of the account is a number of *places*: calls that the rate window may hold. A process asks a store for
places, and may make as many calls as it holds places for; it keeps that with a rate window of its own. No place is
held by two processes, so all of them together keep the limit, whatever their clocks say.

Places are held for a few seconds and renewed in a thread of their own. One that cannot be renewed is not used any
more: without the store there are no calls, never calls without a limit.
"""

from __future__ import annotations

import logging
import math
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.campaign.pacing.window import MARGIN, WINDOW, RateWindow
from airflow_provider_aliyunsms.exceptions import NotSentError, PaceError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from airflow_provider_aliyunsms.campaign.clock import Clock

log = logging.getLogger(__name__)

LASTS = 5.0
"""Seconds for which places are held without being renewed."""

EARLY = 0.5
"""Seconds before that at which a process stops to use them, for calls that are about to leave."""

RENEW_EVERY = 1.0
"""Seconds between two exchanges with the store while nothing is missing."""

ASK_EVERY = 0.2
"""Seconds between two exchanges while the process waits for places that are due to it."""

GIVE_EVERY = 0.05
"""Seconds between two exchanges while it has to give places back."""

RETRY_EVERY = 0.5
"""Seconds between two exchanges while the store does not respond."""

WANTED_FOR = 2.0
"""Seconds after the last call, or the last wait for one, for which a process keeps its places."""

NAP = 0.05
"""The longest time, in seconds, after which one that waits for a place looks again."""

HEADROOM = 1.25
"""Places that are asked for, to those that were used at most of late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """
    What a process asks of the store.

    :param holder: the name of the process, which no other one has.
    :param limit: calls that the rate window of the account may hold.
    :param span: the length of the rate window in seconds.
    :param number: how many-th exchange of this process it is; one that arrives behind a later one is refused.
    :param wanted: how many places the process could use; 0 to hold none.
    :param keeps: how many of its places it goes on to use, so that the others may be taken back; None for all. The
        number of those kept and not of those given back: after a lost response the same may be asked again.
    :param free_in: seconds after which the calls made with the others do not count any more.
    :param grace: seconds after which a call of this process has arrived, once it was about to leave: its timeouts.
    :param urgent: it goes before all that are not, but for one place where there are several.
    """

    holder: str
    limit: int
    span: float
    number: int
    wanted: int
    keeps: int | None = None
    free_in: float = 0.0
    grace: float = 0.0
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """
    What a process holds after an exchange; all of it, so that nothing is missed when a response is lost.

    :param held: its places.
    :param coming: those of them that may not be used yet, each with the seconds until then.
    :param share: how many it should hold; those above it are to be given back.
    :param limit: the lowest limit that any of the processes names.
    :param span: the longest rate window that any of them names.
    :param opens_in: seconds for which the store gives nobody anything, because it may have forgotten who holds what.
    """

    held: int
    share: int
    limit: int
    span: float
    coming: tuple[tuple[int, float], ...] = ()
    opens_in: float = 0.0


class PaceStore(Protocol):
    """
    Decides who holds how many places.

    It must never let two processes hold one place. So it counts a place that is given back, or whose holder did not
    renew it, until the last call made with it does not count any more; and it gives nothing while it may have
    forgotten who holds what.

    :ivar name: where it is, for logs and errors: the id of its connection.
    """

    name: str

    def exchange(self, demand: Demand, *, lasts: float) -> Grant:
        """
        Renew, give back and take places, in one step that no other process can come between.

        :param lasts: seconds for which the places are held from now on.
        :raises Exception: the store cannot be reached, or does not answer in time, or has had a later demand.
        """

    def hang_up(self) -> None:
        """Close idle connections; the next exchange opens another one. Raises nothing."""


@dataclass(slots=True)
class _Holding:
    """The places of this process; guarded by the lock of its :class:`AccountPace`."""

    held: int = 0
    share: int = 0
    # Places that may be used from a moment on, because calls of their last holder still count until then.
    coming: list[tuple[float, int]] = field(default_factory=list)
    until: float = -math.inf
    # Grows whenever places may have become another process's without being given back.
    term: int = 0

    def usable(self, *, now: float) -> int:
        self.coming = [(at, places) for at, places in self.coming if at > now]
        return min(self.share, self.held - sum(places for _, places in self.coming))


class AccountPace:
    """
    The limit of an account, as one process keeps it; a context that holds places while it is open.

    It costs one exchange with the store each second, five a second while it waits for places that others hold, and
    twenty a second for the moment in which it gives some back.

    Threads: any thread may call any method; a thread of its own talks to the store.

    :param store: decides who holds how many places.
    :param limit: calls a second of the account. A fraction above one is cut off; below one the calls are spaced.
    :param most: calls a second that this process makes at most; None for no limit of its own.
    :param connections: how many calls it may have in flight.
    :param call_lasts: seconds that one call takes at most, by its timeouts.
    :param urgent: whether it gets the next free place, before all processes that are not; see :class:`Demand`.
    :param clock: the time.
    :ivar taken_in: the term in which the last place was taken; for the thread that takes them.
    """

    def __init__(
        self,
        *,
        store: PaceStore,
        limit: float,
        clock: Clock,
        most: float | None = None,
        connections: int = 1,
        call_lasts: float = 20.0,
        urgent: bool = False,
    ) -> None:
        self.taken_in = 0
        self._urgent = urgent
        self._call_lasts = call_lasts
        self._exchanges = 0
        self._trouble = ""
        self._store = store
        self._clock = clock
        self._holder = uuid.uuid4().hex
        self._limit = max(1, math.floor(limit))
        self._span = self._own_span = (WINDOW if limit >= 1 else WINDOW / limit) + MARGIN
        self._most = self._limit if most is None else min(self._limit, max(1, math.ceil(most)))
        # Guards all fields below. It is never held during an exchange, which may take long.
        self._lock = threading.Lock()
        self._window = RateWindow(max_qps=limit, connections=connections)
        self._window.allow(0, span=self._span)
        self._holding = _Holding()
        self._used = self._asked = 0
        self._used_at = self._missed_at = -math.inf
        self._reached_at = clock.monotonic()
        self._told: set[str] = set()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._renew_again_and_again, name="account-pace", daemon=True)

    def __enter__(self) -> AccountPace:
        self._reached_at = self._clock.monotonic()
        try:
            self._thread.start()
        except RuntimeError as error:
            raise NotSentError(
                "this machine gives no thread that could renew the account's pace",
                advice="Nothing was sent by this try. Raise the limit of threads of the worker.",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the places back. A store that is out of reach is not waited for: they end by themselves."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=1.0)

    def now(self) -> float:
        """Return the time by which this pace counts, in monotonic seconds."""
        return self._clock.monotonic()

    def wait_time(self, *, now: float, wants: bool = True) -> float:
        """
        Return the seconds until the next call may be made; infinity when that is not known yet.

        To ask means to want a call: the process then gets places, if the others leave any.

        :param wants: False to ask without that, where something else holds the call up.
        """
        with self._lock:
            return self._wait_time(now, wants=wants)

    def take(self, *, now: float) -> float:
        """
        Count a call that is about to leave, and return 0; or return the seconds until one may, and count none.

        A place with such a call stays with this process until the call is ended or cancelled, as long as the store
        is reached. Each call must be ended or cancelled.
        """
        # In one step: between the look and the count the other thread could give the place back.
        with self._lock:
            wait = self._wait_time(now)
            if wait <= 0:
                self._window.start()
                self.taken_in = self._holding.term
            return wait

    def cancel(self) -> None:
        """Take back the count of a call that was not made after all."""
        with self._lock:
            self._window.cancel()

    def end(self, *, started: float, now: float, opened: bool = True) -> None:
        """
        Record that a call has ended, with a response or an error; both times in monotonic seconds.

        :param opened: a connection was opened for it, or may have been; see :class:`.RateWindow`.
        """
        with self._lock:
            self._window.end(started=started, now=now, opened=opened)
            self._used_at = now
            self._used = max(self._used, self._window.recent(now=now))

    @contextmanager
    def call(self, *, patience: float, should_stop: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """
        Wait for a place, and count the call that is made inside the context; at once, without anything before it.

        Blocks the thread until then. Several threads may wait at the same time; none of them has a turn before the
        others.

        :param patience: seconds to wait at most.
        :param should_stop: asked while it waits; True ends the wait.
        :raises PaceError: there was no place in time, or the pace was closed; nothing was counted.
        """
        started = self._wait_for_place(patience=patience, should_stop=should_stop)
        before = departures.opened
        try:
            yield
        finally:
            self.end(started=started, now=self._clock.monotonic(), opened=departures.opened > before)

    def _wait_for_place(self, *, patience: float, should_stop: Callable[[], bool]) -> float:
        began = now = self._clock.monotonic()
        while not (self._closed or should_stop()):
            # Before the place is taken: another thread that takes one later must not make this one look newer.
            term = self._holding.term
            wait = self.take(now=now)
            if wait <= 0:
                # Once more, as late as possible: a process that stood still between the two has lost the place.
                if self.may_begin(term):
                    # Anew: a way that looks longer than it is would make the call count too short.
                    return self._clock.monotonic()
                self.cancel()
            left = began + patience - now
            if left <= 0:
                raise self._late(patience)
            self._clock.sleep(min(wait, left, NAP))
            now = self._clock.monotonic()
        raise PaceError(
            "the call is not made: its task ends", advice="The next try goes on where this one ended."
        )

    def _late(self, patience: float) -> PaceError:
        if self._trouble:
            return self._out_of_reach(self._clock.monotonic() - self._reached_at)
        return PaceError(
            f"the pace that all tasks of the account share left no room for this call within {patience:.0f} s",
            advice="Others make as many calls as the account may make: have its limit raised, or let fewer of them "
            "run at a time.",
        )

    def _out_of_reach(self, silence: float) -> PaceError:
        name = self._store.name
        return PaceError(
            f"the pace that all tasks of the account share cannot be kept: the connection {name!r} has not been "
            f"reached for {silence:.0f} s{self._trouble}",
            advice=f"Check the connection {name!r} (pace_conn_id) and its server. What was not done is done by the "
            "next try.",
        )

    def may_begin(self, term: int) -> bool:
        """
        Return whether a place is still this process's; asked by the thread that makes the call, right before it.

        :param term: the :attr:`taken_in` of the place.
        """
        with self._lock:
            return term == self._holding.term and self._clock.monotonic() < self._holding.until

    def check(self, *, patience: float) -> None:
        """
        Raise an error when the store has been out of reach for too long.

        :param patience: seconds; less than those for which places last count as these.
        :raises PaceError: it has been; no call was made since the places ended.
        """
        silence = self._clock.monotonic() - self._reached_at
        # An exchange a second is usual: a shorter time says nothing.
        if silence > max(patience, LASTS):
            raise self._out_of_reach(silence)

    def _wait_time(self, now: float, *, wants: bool = True) -> float:
        holds = self._refresh(now)
        wait = self._window.wait_time(now=now) if holds else math.inf
        # Not of places that have ended: for those that would come with them no time is known any more, and one that
        # waits a moment again and again would write intents for calls that cannot be made.
        if holds and wait == math.inf and self._holding.coming:
            wait = max(0.001, min(at for at, _ in self._holding.coming) - now)
        if wait > 0 and wants:
            self._missed_at = now
            if self._asked < self._most:
                self._asked = self._most
                self._wake.set()
        return wait

    def _refresh(self, now: float) -> bool:
        """Let the rate window hold as many calls as may be used; return whether places are held at all."""
        if now >= self._holding.until:
            return False
        self._window.allow(max(0, self._holding.usable(now=now)), span=self._span)
        return True

    def _renew_again_and_again(self) -> None:
        while not self._closed:
            self._wake.clear()
            self._wake.wait(self._exchange())
        self._exchange()
        # Here and not in __exit__, which does not wait for the last exchange for long.
        self._store.hang_up()

    def _exchange(self) -> float:
        """Exchange with the store; return the seconds until the next time."""
        before = self._clock.monotonic()
        demand = self._demand(before)
        try:
            grant = self._store.exchange(demand, lasts=LASTS)
        # Whatever a client of a store raises, no place is renewed, and check() ends the try if it stays so.
        except Exception as error:  # noqa: BLE001 - see above
            self._trouble = f" ({type(error).__name__})"
            self._tell("reach", f"cannot be reached{self._trouble}: no call is made until it is")
            return RETRY_EVERY
        with self._lock:
            now = self._clock.monotonic()
            self._reached_at = now
            self._trouble = ""
            holding = self._holding
            kept = holding.held if demand.keeps is None else min(holding.held, demand.keeps)
            if now >= holding.until or grant.held < kept:
                # Calls that were counted and did not leave yet must not leave any more.
                holding.term += 1
            holding.held, holding.share = grant.held, grant.share
            self._span = max(self._span, grant.span)
            # From the response on, which is later than the store's own moment: never too early.
            holding.coming = [(now + wait, places) for places, wait in grant.coming]
            # From the request on, which is earlier than the store's own moment. Counted from the response, a slow one
            # would let this process use places that the store has given to another one.
            holding.until = before + LASTS - EARLY
            self._refresh(now)
            surplus, due = holding.held > holding.share, holding.held < holding.share
        self._say(grant)
        if surplus:
            return GIVE_EVERY
        return ASK_EVERY if due or (demand.wanted and not grant.share) else RENEW_EVERY

    def _demand(self, now: float) -> Demand:
        with self._lock:
            self._refresh(now)
            holding = self._holding
            if self._closed:
                wanted = holding.share = 0
                self._window.allow(0, span=self._span)
            else:
                wanted = self._asked = self._wanted(now)
            keeps, free_in = None, 0.0
            if self._closed or holding.held > holding.share:
                # The rate window allows no more than the share since the last exchange, so that the calls above it
                # only become fewer. While one of them is in flight nobody knows until when it will count.
                free_at = self._window.free_at(calls=holding.share, now=now)
                if free_at < math.inf:
                    # The lead is this process's way to the gateway. Another one may have a shorter way.
                    keeps, free_in = holding.share, max(0.0, free_at - now) + self._window.lead
            self._exchanges += 1
            return Demand(
                holder=self._holder,
                limit=self._limit,
                span=self._own_span,
                number=self._exchanges,
                wanted=wanted,
                keeps=keeps,
                free_in=free_in,
                grace=self._call_lasts,
                urgent=self._urgent,
            )

    def _wanted(self, now: float) -> int:
        if now - self._missed_at < WANTED_FOR:
            self._used = 0
            return self._most
        if now - self._used_at < WANTED_FOR:
            used, self._used = self._used, self._window.recent(now=now)
            return min(self._most, math.ceil(max(1, used) * HEADROOM))
        return 0

    def _say(self, grant: Grant) -> None:
        if grant.opens_in > 0:
            seconds = math.ceil(grant.opens_in)
            self._tell("opens", f"does not know yet who makes calls: the first ones are made in {seconds} s")
        if grant.limit < self._limit:
            self._tell("limit", f"has a lower limit of another task, {grant.limit} instead of {self._limit}")

    def _tell(self, kind: str, what: str) -> None:
        """Log one thing of each kind once."""
        if kind not in self._told:
            self._told.add(kind)
            say(log, logging.WARNING, "Pace of the account: the connection %r %s.", self._store.name, what)
