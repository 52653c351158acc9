# SPDX-License-Identifier: Apache-2.0
"""Look, judge, and say how long to wait: the one step that sensor and trigger repeat, each in its own way."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.delivery.campaigns import campaigns_fingerprint, ids_of
from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
from airflow_provider_aliyunsms.delivery.events import DeliveryResult
from airflow_provider_aliyunsms.delivery.polling import DeliveryPoller, RoundReport, next_wait
from airflow_provider_aliyunsms.delivery.sampling import population
from airflow_provider_aliyunsms.delivery.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.state import Tally

log = logging.getLogger(__name__)

MAX_FAILED_ROUNDS = 10
"""Rounds in a row in which nothing works before it is said; about twenty minutes with the default waits."""

LEG = 300.0
"""Seconds of watching that may be lost with a worker or triggerer: then a checkpoint is saved."""


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """
    When to stop, and how often to look.

    :param min_delivered_ratio: see :mod:`airflow_provider_aliyunsms.delivery.verdict`.
    :param stop_when_reached: the same.
    :param finished_at: when sending ended, seconds since the epoch; the waits grow from here.
    :param deadline: seconds since the epoch.
    :param interval: the shortest wait between two rounds, seconds.
    :param longest: the longest wait, seconds.
    :param max_failed_rounds: rounds in a row in which nothing works, before the last error is raised.
    :param sample_size: messages asked for instead of all, None for all.
    """

    min_delivered_ratio: float | None
    stop_when_reached: bool
    finished_at: float
    deadline: float
    interval: float
    longest: float
    max_failed_rounds: int = MAX_FAILED_ROUNDS
    sample_size: int | None = None


class Watch:
    """
    Looks at one or several campaigns until the verdict is final.

    A round that has begun is finished even when the deadline passes meanwhile: the verdict at the deadline
    always rests on an answer, or the lack of one, for every message. A round takes ``pending / max_qps``
    seconds.

    :param campaigns: what is looked at.
    :param poller: asks for the messages.
    :param rules: when to stop.
    :param known: what earlier processes learned; its progress is that of the poller.
    """

    def __init__(
        self,
        *,
        campaigns: Sequence[WatchedCampaign],
        poller: DeliveryPoller,
        rules: WatchPolicy,
        known: Checkpoint | None = None,
    ) -> None:
        self.campaigns = tuple(campaigns)
        self.rules = rules
        self.failures = known.failures if known else 0
        self.next_at = known.next_at if known else 0.0
        self.cut = False
        self._poller = poller
        self._population = population(campaigns=self.campaigns, sample_size=rules.sample_size)

    @property
    def tally(self) -> Tally:
        """The counts as they are now."""
        return self._poller.tally

    @property
    def is_counted(self) -> bool:
        """Whether the calls are limited, so that their number must not be lost."""
        return self._poller.gate.limits.max_calls is not None

    def known(self, *, now: float) -> Checkpoint:
        """
        Return what the next process needs to go on.

        :param now: the wall clock, seconds since the epoch.
        """
        gate = self._poller.gate
        return Checkpoint(
            fingerprint=campaigns_fingerprint(self.campaigns, sample_size=self.rules.sample_size),
            progress=tuple(self._poller.progress),
            failures=self.failures,
            calls=gate.calls,
            cursor=self._poller.cursor,
            next_at=now + self.wait(now=now),
            recent=gate.recent,
            noted_at=now,
        )

    def ending(self, verdict: Verdict) -> DeliveryResult:
        """Return the counts together with what they mean."""
        return DeliveryResult(
            verdict=verdict,
            campaign_id=ids_of(self.campaigns),
            tally=self.tally,
            calls=self._poller.gate.calls,
            population=self._population,
        )

    def look(self, *, now: Callable[[], float], should_stop: Callable[[], bool] = lambda: False) -> Verdict:
        """
        Make one round and judge.

        :param now: the wall clock, seconds since the epoch.
        :param should_stop: ends the round early; an unfinished round never ends in "timed out".
        :raises CampaignDoomedError: the credentials or permissions are wrong.
        :raises Exception: the last error, after too many failed rounds in a row.
        """
        if self._judge(expired=False) is not Verdict.WAIT:
            return self._judge(expired=False)
        report = self._poller.round(should_stop=should_stop)
        self.cut = report.stopped
        self._log(report)
        self._count(report)
        if self._poller.gate.used_up:
            verdict = self._judge(expired=True)
            return Verdict.OUT_OF_CALLS if verdict is Verdict.TIMED_OUT else verdict
        hopeless = report.whole and not report.asked and report.error is None
        return self._judge(expired=not report.stopped and (hopeless or now() >= self.rules.deadline))

    def wait(self, *, now: float) -> float:
        """Return the seconds until the next look, none when the last one was cut short."""
        if self.cut:
            return 0.0
        return next_wait(
            elapsed=now - self.rules.finished_at,
            interval=self.rules.interval,
            longest=self.rules.longest,
            remaining=self.rules.deadline - now,
        )

    def _judge(self, *, expired: bool) -> Verdict:
        return judge(
            tally=self.tally,
            ratio=self.rules.min_delivered_ratio,
            expired=expired,
            stop_when_reached=self.rules.stop_when_reached,
            estimated=self._population is not None,
        )

    def _count(self, report: RoundReport) -> None:
        if not report.failed:
            self.failures = 0
            return
        self.failures += 1
        if report.error is not None and self.failures >= self.rules.max_failed_rounds:
            raise report.error

    def _log(self, report: RoundReport) -> None:
        tally = self.tally
        log.info(
            "Delivery: %d delivered, %d failed, %d pending (%d asked, %d without an answer, %d calls so far)",
            tally.delivered,
            tally.failed,
            tally.pending,
            report.asked,
            report.unanswered,
            self._poller.gate.calls,
        )
