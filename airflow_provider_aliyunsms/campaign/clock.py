# SPDX-License-Identifier: Apache-2.0
"""
Read the clock, and write and read the time stamps of the ledger and the receipts.

All of the campaign takes the time from here, so that a test can replace the clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.api.gateway_clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

# Ledgers of unfinished campaigns hold stamps of this form: if it changes, their retries cannot read them.
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


class Clock:
    """The machine's clock."""

    by_gateway = False
    """Whether :meth:`now` is the gateway's time."""

    def now(self) -> float:
        """Return seconds since the epoch: what other processes and the gateway also know."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds for durations within this process; they go on while the machine is suspended."""
        return monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        time.sleep(seconds)


class CampaignClock(Clock):
    """
    The time of one try: the gateway's as soon as a response has told it.

    Until then it is this machine's time at the beginning of the try, which goes on by the monotonic clock: setting
    the machine's clock while a campaign runs changes nothing. Threads may share it.

    :param clock: the machine's clock.
    :param gateway_time: returns the gateway's time at a monotonic moment, or None.
    """

    def __init__(self, *, clock: Clock, gateway_time: Callable[..., float | None]) -> None:
        self._clock = clock
        self._gateway_time = gateway_time
        self._began = clock.now() - clock.monotonic()

    @property
    def by_gateway(self) -> bool:  # type: ignore[override]  # a constant there
        """Whether :meth:`now` is the gateway's time."""
        return self._gateway_time(monotonic=self._clock.monotonic()) is not None

    @property
    def skew(self) -> float:
        """How far this machine's clock is ahead of the gateway's, in seconds; 0 while that is not known."""
        theirs = self._gateway_time(monotonic=self._clock.monotonic())
        return 0.0 if theirs is None else self._clock.now() - theirs

    def now(self) -> float:
        """Return seconds since the epoch."""
        moment = self._clock.monotonic()
        theirs = self._gateway_time(monotonic=moment)
        return self._began + moment if theirs is None else theirs

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        self._clock.sleep(seconds)


def utc_stamp(at: float) -> str:
    """Return seconds since the epoch as a UTC time stamp, such as ``2026-01-02T03:04:05Z``; fractions are cut off."""
    return datetime.fromtimestamp(at, UTC).strftime(_STAMP)


def parse_stamp(stamp: str) -> float:
    """
    Return the seconds since the epoch of a time stamp that :func:`utc_stamp` wrote.

    :raises ValueError: the text has another form.
    """
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()
