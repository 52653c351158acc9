# SPDX-License-Identifier: Apache-2.0
"""
Send a campaign: intents first, calls beside each other, outcomes written, doubts settled.

The main thread alone talks to the ledger and the spool. It stops before the next call whenever it cannot keep the
promises: told to stop, ledger gone, campaign doomed, too many refused, gateway not well. While all is well it hands
jobs out ahead of need, so that calls go on while it waits for the ledger; the gate holds these to the same promises.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.chunks import Chunk, cut, halves, make_chunk
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.pacing import AdaptivePace
from airflow_provider_aliyunsms.campaign.policy import look_again_after, window_chunks
from airflow_provider_aliyunsms.campaign.sending.bookkeeping import Bookkeeper
from airflow_provider_aliyunsms.campaign.sending.jobs import Attempts, Job
from airflow_provider_aliyunsms.campaign.sending.permits import StartPermits, is_clear
from airflow_provider_aliyunsms.campaign.sending.stop_conditions import StopConditions
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Ledger
    from airflow_provider_aliyunsms.campaign.plan import Plan
    from airflow_provider_aliyunsms.campaign.sending.workers import MakeWorkers

log = logging.getLogger(__name__)

NAP = 0.2
"""Seconds after which the stop flag is looked at again while nothing happens."""

WIND_DOWN = 3.0
"""Seconds to wait for calls in flight when sending stops early."""


class Sender:
    """
    Serve everybody who is still pending, once.

    :param plan: channel, policy and what stops the sending.
    :param ledger: the durable record, already opened.
    :param spool: the audience, already loaded.
    :param clock: the time.
    :param on_progress: called after each step of the main thread.
    :param make_workers: makes the pool of threads that do the calls.
    :param resumed: whether an earlier try may have made calls within the last second.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        ledger: Ledger,
        spool: Spool,
        clock: Clock,
        on_progress: Callable[[], None],
        make_workers: MakeWorkers,
        resumed: bool,
    ) -> None:
        policy = plan.policy
        self._plan = plan
        self._policy = policy
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._on_progress = on_progress
        self._pace = AdaptivePace(
            max_qps=policy.max_qps,
            connections=policy.max_concurrency,
            starts_full=resumed,
            now=clock.monotonic(),
        )
        attempts = Attempts(channel=plan.channel, policy=policy, clock=clock)
        self._permits = StartPermits(
            work=attempts.run,
            ledger=ledger,
            lease=policy.lease,
            oldest_intent=policy.intent_lasts + policy.lease,
            clock=clock,
            stop_reason=plan.stop_reason,
        )
        self._workers = make_workers(
            work=self._permits.work, may_begin=self._permits.may_begin, count=policy.max_concurrency
        )
        self._books = Bookkeeper(
            ledger=ledger, spool=spool, clock=clock, policy=policy, signer=plan.channel.signer
        )
        self._stops = StopConditions(policy=policy, clock=clock, stop_reason=plan.stop_reason)
        self._window_chunks = window_chunks(policy, with_message_ids=plan.channel.product.has_message_ids)
        self._fresh = self._fresh_chunks()
        self._again: deque[Chunk] = deque()
        self._ready: deque[Job] = deque()
        self._open: list[Job] = []

    @property
    def idle(self) -> bool:
        """Whether no call is in flight any more."""
        return not self._workers.busy

    @property
    def still_open(self) -> int:
        """How many chunks are of unknown fate, but may still be settled by a later try."""
        return len(self._open)

    def run(self) -> None:
        """
        Send to everybody who is pending, and settle what can be settled.

        Whoever is still unsettled afterwards stands in the spool as ``unknown``; the ledger keeps their intents
        open, so that the next try goes on looking.

        :raises SendInterruptedError: told to stop.
        :raises LedgerError: the ledger does not take a write any more.
        :raises CampaignDoomedError: no further call would be accepted.
        :raises TooManyRefusedError: the error threshold was reached.
        :raises NotSentError: the gateway could not be reached for too long.
        :raises OutcomeUnknownError: too many calls without a clear answer; the rest was not begun.
        """
        self._open = self._books.restore(resend_unknown=self._policy.resend_unknown)
        if self._books.strangers and self._plan.positional:
            raise LedgerError(
                "the ledger of this mapped task is about entirely different people",
                advice="The order of the mapped inputs has changed: whoever stands at this place now may have been "
                "sent to from another one. Nothing was sent. Give the mapped tasks a campaign_id that follows the "
                "input instead of its place, and a ledger_path.",
            )
        self._stops.begin()
        try:
            while self._step():
                self._on_progress()
        finally:
            self._wind_down()

    def _step(self) -> bool:
        """Do one thing; return False when everybody is served and every doubt settled or given up."""
        self._stops.check(open_chunks=len(self._open))
        if self._books.is_due:
            self._hand_out_ahead()
            self._books.write_due()
        if not self._workers.free or not self._prepare_work():
            return self._wait_for_result()
        wait = self._pace.wait_time(now=self._clock.monotonic())
        if wait > 0:
            self._collect(timeout=min(wait, NAP))
            return True
        self._books.confirm_if_due()
        job = self._next_job()
        if job is None:
            return self._wait_for_result()
        self._hand_out(job)
        self._collect(timeout=0)
        return True

    def _hand_out(self, job: Job) -> None:
        self._permits.issue(job)
        self._pace.start()
        self._workers.give(job)

    def _hand_out_ahead(self) -> None:
        """Hand out what the threads can go on with while the ledger is written."""
        while self._ready and self._workers.waiting < self._policy.most_waiting and self._all_is_well():
            self._books.confirm_if_due()
            self._hand_out(self._next_ready())

    def _all_is_well(self) -> bool:
        """Whether jobs may wait for their turn: not with a pace to keep, or anything else to do or judge first."""
        return (
            self._pace.wait_time(now=self._clock.monotonic()) <= 0
            and self._pace.pace is None
            and self._stops.calm
            and not self._permits.in_doubt
            and not self._held_back()
            and self._due_job() is None
        )

    def _wait_for_result(self) -> bool:
        if self._workers.busy:
            self._collect(timeout=NAP)
            return True
        if not self._open:
            return False
        if self._stops.patience_is_over(waiting_alone=not self._held_back()):
            return False
        self._clock.sleep(min(NAP, max(0.0, min(job.due for job in self._open) - self._clock.monotonic())))
        return True

    def _held_back(self) -> bool:
        return len(self._open) >= self._policy.most_open_chunks

    def _prepare_work(self) -> bool:
        """Whether something may start now; fills the ready jobs with a new window of intents if need be."""
        if self._due_job() is not None:
            return True
        if self._held_back():
            return False
        # What is left of the last window is for the threads while the next one is cut and then written.
        few = 2 * self._policy.most_waiting if self._all_is_well() else 0
        if len(self._ready) <= few and self._books.windows_under_way < self._policy.open_windows:
            self._open_window()
        # What was handed out ahead of the write may have taken the last idle thread.
        return bool(self._ready) and self._workers.free

    def _next_job(self) -> Job | None:
        job = self._due_job()
        if job is not None:
            self._open.remove(job)
            self._books.journal_replay(job)
            return job
        return self._next_ready() if self._ready else None

    def _next_ready(self) -> Job:
        self._books.renew_intents(self._ready)
        return self._ready.popleft()

    def _due_job(self) -> Job | None:
        now = self._clock.monotonic()
        return next((job for job in self._open if job.due <= now), None)

    def _open_window(self) -> None:
        chunks: list[Chunk] = []
        self._hand_out_ahead()
        while len(chunks) < self._window_chunks:
            chunk = self._again.popleft() if self._again else next(self._fresh, None)
            if chunk is None:
                break
            chunks.append(chunk)
        if chunks:
            self._hand_out_ahead()
            self._ready.extend(self._books.open_window(chunks))

    def _fresh_chunks(self) -> Iterator[Chunk]:
        yield from cut(
            campaign=self._ledger.campaign,
            batches=self._spool.unsettled(batch=self._policy.chunk_size * 8),
            size=self._policy.chunk_size,
        )

    def _collect(self, *, timeout: float) -> None:
        result = self._workers.take(timeout=timeout)
        while result is not None:
            job, outcome = result
            if isinstance(outcome, BaseException):
                self._stops.fault = outcome
                outcome = Outcome(kind=OutcomeKind.AMBIGUOUS, time="", code=type(outcome).__name__)
            if outcome is None:
                self._not_begun([job])
            elif is_clear(outcome):
                self._apply(job, outcome)
            else:
                # What waits is not to begin before the conclusions are drawn, and does not count for the pace.
                self._not_begun(self._workers.recall())
                self._apply(job, outcome)
                self._permits.settled()
            result = self._workers.take(timeout=0)

    def _not_begun(self, jobs: list[Job]) -> None:
        """Take jobs back that were handed out and not begun: their turn comes again, unless sending stops."""
        for job in reversed(jobs):
            if job.settling:
                # Its thread was idle and about to take it.
                self._workers.give(job)
            else:
                self._pace.cancel()
                self._ready.appendleft(job)

    def _apply(self, job: Job, outcome: Outcome) -> None:
        self._stops.count(outcome, recipients=len(job.chunk), settling=job.settling)
        self._pace.end(started=job.made_at, now=job.ended_at)
        self._slow_down(job, outcome)
        if outcome.kind is OutcomeKind.AMBIGUOUS:
            self._keep_open(job, outcome)
            return
        self._books.settle(job, outcome)
        if outcome.kind is OutcomeKind.SPLIT:
            self._again.extend(halves(campaign=self._ledger.campaign, chunk=job.chunk))
        elif outcome.kind is OutcomeKind.RELEASED:
            self._again.append(make_chunk(campaign=self._ledger.campaign, members=job.chunk.members))

    def _slow_down(self, job: Job, outcome: Outcome) -> None:
        if outcome.throttled:
            self._pace.throttled(now=self._clock.monotonic())
        if outcome.throttled or (
            outcome.kind is OutcomeKind.RELEASED and outcome.error is None and not job.settling
        ):
            self._pace.pause(until=self._stops.pause_until(outcome))

    def _keep_open(self, job: Job, outcome: Outcome) -> None:
        if job.looked == 0 and not job.settling:
            log.warning(
                "No clear answer for chunk %s (%s): looking for evidence before anything else is done with it.",
                job.entry.out_id,
                outcome.code,
            )
        self._books.keep_open(job, code=outcome.code)
        job.settling = True
        job.due = self._clock.monotonic() + look_again_after(job.looked)
        job.looked += 1
        self._open.append(job)

    def _wind_down(self) -> None:
        """Record what calls in flight still bring, within bounds; what they do not bring stays an open intent."""
        self._permits.close()
        self._not_begun(self._workers.recall())
        deadline = self._clock.monotonic() + WIND_DOWN
        while self._workers.busy and (left := deadline - self._clock.monotonic()) > 0:
            self._collect(timeout=min(left, NAP))
        self._workers.stop()
        for chunk in self._again:
            self._books.give_back(chunk)
        try:
            while self._ready:
                self._books.take_back(self._ready.popleft())
            self._books.write_all()
        except AliyunSmsError as error:
            # The error that ended the sending is the one to report; the open intents are settled by the next try.
            log.warning("The last outcomes could not be written to the ledger: %s", error)
