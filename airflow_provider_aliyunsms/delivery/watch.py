# SPDX-License-Identifier: Apache-2.0
"""
Watch the delivery of campaigns: make a round of queries, judge the counts, and compute the wait.

Sensor and trigger repeat this one step, each with its own way of waiting.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.delivery.campaigns import campaigns_fingerprint, ids_of
from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
from airflow_provider_aliyunsms.delivery.events import DeliveryResult
from airflow_provider_aliyunsms.delivery.polling import DeliveryPoller, RoundReport, next_wait
from airflow_provider_aliyunsms.delivery.sampling import population
from airflow_provider_aliyunsms.delivery.series import DeliverySeries
from airflow_provider_aliyunsms.delivery.verdict import Silence, Verdict, judge
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.group_counts import GroupCounts
    from airflow_provider_aliyunsms.delivery.opt_outs import OptOuts
    from airflow_provider_aliyunsms.delivery.state import Tally

log = logging.getLogger(__name__)

MAX_FAILED_ROUNDS = 10
"""Failed rounds in a row after which the error is raised; about twenty minutes with the default waits."""

LEG = 300.0
"""
Seconds of watching after which a checkpoint is saved.

A worker or triggerer that dies loses no more than that.
"""

OVERTIME = 300.0
"""Seconds past the deadline, beside three times its usual length, after which a round is cut short for good."""


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """
    The rules of one watch: when to stop, and how often to ask.

    :param min_delivered_ratio: 0..1, see :mod:`airflow_provider_aliyunsms.delivery.verdict`; None accepts any result.
    :param stop_when_reached: end with success as soon as the ratio is reached.
    :param finished_at: when sending ended, seconds since the epoch; the waits grow from here.
    :param deadline: when the watch ends at the latest, seconds since the epoch.
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
    Ask for the messages of one or several campaigns until the verdict is final.

    A round that has begun is finished even when the deadline passes meanwhile. The verdict at the deadline therefore
    rests on a query for every pending message, unless queries failed. A round takes ``pending / max_qps`` seconds.
    One that takes three times as long and :data:`OVERTIME` seconds more is cut short, and the watch ends.

    Threads: one thread at a time, without a lock. The sensor uses a watch in the task's thread. The trigger calls
    :meth:`look` in a thread of its own and awaits it; its event loop touches the watch between two looks only. The
    worker threads of a round touch nothing here.

    :param campaigns: the campaigns to watch.
    :param poller: asks for the messages.
    :param rules: when to stop, and how often to ask.
    :param known: what earlier processes learned; its progress must be the one the poller was made with.
    :param hang_up: called after each round, to close the connections that idle until the next one.
    :param opt_outs: gathers the numbers that carriers block, as the poller's ``on_settled``; written after each
        round.
    :param groups: counts the deliveries by group, as the poller's ``on_settled``.
    """

    def __init__(
        self,
        *,
        campaigns: Sequence[WatchedCampaign],
        poller: DeliveryPoller,
        rules: WatchPolicy,
        known: Checkpoint | None = None,
        hang_up: Callable[[], None] = lambda: None,
        opt_outs: OptOuts | None = None,
        groups: GroupCounts | None = None,
    ) -> None:
        # Never changed, so any thread may read them: campaigns, rules, next_at, _poller, _population, _hang_up.
        self.campaigns = tuple(campaigns)
        self.rules = rules
        # Changed by look() in the thread that runs it; read by known() between two looks.
        self.failures = known.failures if known else 0
        # When the first look is due, as the last process computed it; seconds since the epoch.
        self.next_at = known.next_at if known else 0.0
        # Changed by look() in the thread that runs it; read by wait() between two looks.
        self.cut = False
        # Its state changes inside look() only; see DeliveryPoller for its threads.
        self._poller = poller
        # Of the last look; changed by look(), read by ending() between two looks.
        self._silence: Silence | None = None
        # A rehearsal has nothing to deliver; its sensor must not fail for that.
        self._rehearsed = bool(self.campaigns) and all(each.dry_run for each in self.campaigns)
        self._hang_up = hang_up
        # Used by look() in the thread that runs it; the counts are read between two looks.
        self._opt_outs = opt_outs
        self._groups = groups
        self._series = DeliverySeries(known.series if known else ())
        self._population = population(campaigns=self.campaigns, sample_size=rules.sample_size)

    @property
    def tally(self) -> Tally:
        """The sum of the counts of all campaigns; not to be read while :meth:`look` runs."""
        return self._poller.tally

    @property
    def is_counted(self) -> bool:
        """Whether the number of calls is limited, so that the next process must learn how many were made."""
        return self._poller.limiter.limits.max_calls is not None

    def known(self, *, now: float) -> Checkpoint:
        """
        Return a checkpoint from which the next process can go on.

        Only between two looks: counts, cursor and calls belong together then.

        :param now: the wall clock, seconds since the epoch.
        """
        limiter = self._poller.limiter
        return Checkpoint(
            fingerprint=campaigns_fingerprint(self.campaigns, sample_size=self.rules.sample_size),
            progress=tuple(self._poller.progress),
            failures=self.failures,
            calls=limiter.calls,
            cursor=self._poller.cursor,
            next_at=now + self.wait(now=now),
            recent=limiter.recent,
            noted_at=now,
            series=self._series.points,
            groups=None if self._groups is None else self._groups.to_json(),
        )

    def ending(self, verdict: Verdict) -> DeliveryResult:
        """Return the result of the watch: a verdict, with the counts it rests on."""
        return DeliveryResult(
            verdict=verdict,
            campaign_id=ids_of(self.campaigns),
            tally=self.tally,
            calls=self._poller.limiter.calls,
            population=self._population,
            silence=self._silence,
            series=self._series.points,
            groups=None if self._groups is None else self._groups.results(),
            parts=self._parts(),
        )

    def _parts(self) -> tuple[tuple[int, int, int], ...]:
        if len(self.campaigns) < 2:
            return ()
        tallies = iter([each.tally for each in self._poller.progress])
        found = [next(tallies) if each.accepted else None for each in self.campaigns]
        return tuple((t.delivered, t.failed, t.pending) if t is not None else (0, 0, 0) for t in found)

    def look(self, *, now: Callable[[], float], should_stop: Callable[[], bool] = lambda: False) -> Verdict:
        """
        Make one round of queries and return the verdict.

        Makes no query when the verdict is already final.

        :param now: returns the wall clock, seconds since the epoch.
        :param should_stop: ends the round early once it returns True; a round that was cut short is never judged as
            timed out. It is asked by the worker threads, one at a time.
        :raises CampaignDoomedError: the credentials or permissions are wrong.
        :raises AliyunSmsError: the receipts file is missing or damaged.
        :raises Exception: the last error, after too many failed rounds in a row.
        """
        if self._judge(expired=False) is not Verdict.WAIT:
            return self._judge(expired=False)
        latest = self._latest(now=now())
        try:
            # Returns when its worker threads have ended. Nothing below needs a lock because of that.
            report = self._poller.round(should_stop=lambda: should_stop() or now() >= latest)
        finally:
            # A watch may wait for hours, and a triggerer has many of them.
            self._hang_up()
            # Before a checkpoint says that these messages need not be asked for again.
            if self._opt_outs is not None:
                self._opt_outs.write()
        self._series.add(seconds=now() - self.rules.finished_at, tally=self.tally)
        # Both before _count, which may raise: a checkpoint made after the error reads cut, and the log must hold the
        # counts of the last round as well.
        self.cut = report.stopped
        self._silence = _silence(report.error) if report.failed and report.asked else None
        self._log(report)
        self._count(report)
        # Before the deadline is looked at: a round that max_calls cut short is also stopped, and would be repeated
        # for ever without one query.
        if self._poller.limiter.used_up:
            verdict = self._judge(expired=True)
            return Verdict.OUT_OF_CALLS if verdict is Verdict.TIMED_OUT else verdict
        # Nothing is left that can be asked for: no further round can change the counts.
        hopeless = report.whole and not report.asked and report.error is None
        # now() is called after the round, so that a round during which the deadline passed is the last one.
        ended = now()
        expired = not report.stopped and (hopeless or ended >= self.rules.deadline)
        return self._judge(expired=expired or ended >= latest)

    def wait(self, *, now: float) -> float:
        """Return the seconds until the next look is due; zero when the last one was cut short."""
        if self.cut:
            return 0.0
        return next_wait(
            elapsed=now - self.rules.finished_at,
            interval=self.rules.interval,
            longest=self.rules.longest,
            remaining=self.rules.deadline - now,
        )

    def _latest(self, *, now: float) -> float:
        """Return when a round that begins now is cut short for good, whatever the gateway makes of it."""
        usual = self._poller.limiter.limits.round_time(messages=self.tally.pending)
        return max(now, self.rules.deadline) + OVERTIME + 3 * usual

    def _judge(self, *, expired: bool) -> Verdict:
        return judge(
            tally=self.tally,
            ratio=None if self._rehearsed else self.rules.min_delivered_ratio,
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
        say(
            log,
            logging.INFO,
            "Round: %d delivered, %d failed, %d pending; %d asked, %d unanswered, %d calls so far",
            tally.delivered,
            tally.failed,
            tally.pending,
            report.asked,
            report.unanswered,
            self._poller.limiter.calls,
        )


def _silence(error: Exception | None) -> Silence | None:
    if error is None:
        return None
    if isinstance(error, AliyunSmsError):
        return Silence(code=error.code or type(error).__name__, advice=error.advice or "")
    return Silence(code=type(error).__name__, advice="")
