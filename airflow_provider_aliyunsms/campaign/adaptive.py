# SPDX-License-Identifier: Apache-2.0
"""
Slow down when the gateway says so, and find back: additive increase, multiplicative decrease.

The limit it was told is never exceeded; between that and a crawl the pace follows the gateway, whose real limit
may be lower (other senders share the account).
"""

from __future__ import annotations

import math

from airflow_provider_aliyunsms.campaign.pacing import ArrivalWindow

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
        self._window = ArrivalWindow(max_qps=max_qps, connections=connections)
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
