# SPDX-License-Identifier: Apache-2.0
"""Adapt the pace of one campaign to throttling, within its own limit and the one of its account."""

from __future__ import annotations

import math
from typing import Protocol

from airflow_provider_aliyunsms.campaign.pacing.window import RateWindow

DECREASE = 0.5
"""Factor by which throttling changes the pace."""

INCREASE = 0.05
"""Share of the pace before the last throttling that is added for every second without another one."""

CALM = 1.0
"""Seconds within which several throttled calls count as one event: they were all made at the same pace."""


class SharedLimit(Protocol):
    """A limit that this campaign shares with other processes; see :class:`.AccountPace`."""

    def take(self, *, now: float) -> float:
        """Count a call that is about to leave, and return 0; or return the seconds until one may, and count none."""

    def wait_time(self, *, now: float) -> float:
        """Return the seconds until the next call may be made; infinity when that is not known yet."""

    def cancel(self) -> None:
        """Take back the count of a call that was not made after all."""

    def end(self, *, started: float, now: float, opened: bool = True) -> None:
        """Record that a call has ended; see :meth:`.RateWindow.end`."""


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
    :param shared: a further limit, kept together with other processes; None for none.
    """

    def __init__(
        self,
        *,
        max_qps: float | None,
        connections: int = 1,
        starts_full: bool = False,
        now: float = 0.0,
        shared: SharedLimit | None = None,
    ) -> None:
        self._shared = shared
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
        own = self.own_wait_time(now=now)
        # Asked only when nothing else is in the way: to be asked means that a call is wanted, and a process that
        # wants none leaves its places to the others.
        return own if own > 0 or self._shared is None else self._shared.wait_time(now=now)

    def own_wait_time(self, *, now: float) -> float:
        """Return the seconds until this campaign's own pace lets it call; the shared limit is not asked."""
        self._recover(now=now)
        return max(0.0, self._paused_until - now, self._window.wait_time(now=now))

    def take(self, *, now: float, alone: bool = False) -> float:
        """
        Count a call that leaves now, and return 0; or return the seconds until one may leave, and count none.

        Every call that was counted must be ended or cancelled, in the same way.

        :param alone: the shared limit has nothing to do with this call, which goes to another API.
        """
        wait = self.own_wait_time(now=now)
        if wait > 0:
            return wait
        # In one step with the count: places that no call is counted for are given to others at any moment.
        if self._shared is not None and not alone and (wait := self._shared.take(now=now)) > 0:
            return wait
        self._window.start()
        return 0.0

    @property
    def is_free(self) -> bool:
        """Whether there is no limit at the moment."""
        return self.pace is None and self._shared is None

    def cancel(self, *, alone: bool = False) -> None:
        """Take back the count of a call that was not made after all."""
        self._window.cancel()
        if self._shared is not None and not alone:
            self._shared.cancel()

    def end(self, *, started: float, now: float, alone: bool = False, opened: bool = True) -> None:
        """
        Record that a call has ended, with a response or an error; both times in monotonic seconds.

        :param alone: as in :meth:`take`.
        :param opened: a connection was opened for it, or may have been.
        """
        # What is made alone may be several calls, and may have waited for a place of its own: it is no measure of the
        # way to the gateway.
        self._window.end(started=started, now=now, opened=opened or alone)
        if self._shared is not None and not alone:
            self._shared.end(started=started, now=now, opened=opened)

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
