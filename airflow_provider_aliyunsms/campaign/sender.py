# SPDX-License-Identifier: Apache-2.0
"""
Send a campaign: intents first, calls beside each other, outcomes written, doubts settled.

The main thread alone talks to the ledger and the spool. It stops before the next call whenever it cannot keep the
promises: told to stop, ledger gone, campaign doomed, too many refused, gateway not well.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_aliyunsms.campaign.adaptive import AdaptivePace
from airflow_provider_aliyunsms.campaign.book import Book
from airflow_provider_aliyunsms.campaign.chunks import Chunk, cut, halves, make_chunk
from airflow_provider_aliyunsms.campaign.guards import Guards
from airflow_provider_aliyunsms.campaign.jobs import Attempts, Job
from airflow_provider_aliyunsms.campaign.outcomes import Kind, Outcome
from airflow_provider_aliyunsms.campaign.policy import SendPolicy, look_again_after, window_chunks
from airflow_provider_aliyunsms.campaign.workers import Pool, Workers
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Ledger
    from airflow_provider_aliyunsms.campaign.ports import Channel

log = logging.getLogger(__name__)

NAP = 0.2
"""Seconds after which the stop flag is looked at again while nothing happens."""


class MakeWorkers(Protocol):
    """Make a pool that does ``work`` on ``count`` jobs at once."""

    def __call__(self, *, work: Callable[[Job], Outcome], count: int) -> Pool:
        """Make one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    What a sender works with.

    :param channel: the way out.
    :param ledger: the durable record, already opened.
    :param spool: the audience, already loaded.
    :param policy: how to send.
    :param clock: the time.
    :param stop_reason: asked between calls; a text stops the sending.
    :param on_progress: called every few seconds with the number of recipients settled so far.
    :param positional: the campaign's identity is a place in a list of mapped inputs.
    :param make_workers: makes the pool of threads that do the calls.
    :param wind_down: seconds to wait for calls in flight when sending stops early.
    """

    channel: Channel
    ledger: Ledger
    spool: Spool
    policy: SendPolicy
    clock: Clock
    stop_reason: Callable[[], str | None]
    on_progress: Callable[[], None]
    positional: bool = False
    make_workers: MakeWorkers = Workers
    wind_down: float = 3.0


class Sender:
    """
    Serve everybody who is still pending, once.

    :param parts: see :class:`Parts`.
    :param resumed: whether an earlier try may have made calls within the last second.
    """

    def __init__(self, *, parts: Parts, resumed: bool) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._clock = parts.clock
        self._pace = AdaptivePace(
            max_qps=parts.policy.max_qps,
            connections=parts.policy.max_concurrency,
            starts_full=resumed,
            now=parts.clock.monotonic(),
        )
        attempts = Attempts(channel=parts.channel, policy=parts.policy, clock=parts.clock)
        self._workers = parts.make_workers(work=attempts.run, count=parts.policy.max_concurrency)
        self._book = Book(
            ledger=parts.ledger,
            spool=parts.spool,
            clock=parts.clock,
            lease=parts.policy.lease,
            signer=parts.channel.signer,
        )
        self._guards = Guards(policy=parts.policy, clock=parts.clock, stop_reason=parts.stop_reason)
        self._window_chunks = window_chunks(parts.policy, with_message_ids=parts.channel.has_message_ids)
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
        self._open = self._book.restore(resend_unknown=self._policy.resend_unknown)
        if self._book.strangers and self._parts.positional:
            raise LedgerError(
                "the ledger of this mapped task is about entirely different people",
                advice="The order of the mapped inputs has changed: whoever stands at this place now may have been "
                "sent to from another one. Nothing was sent. Give the mapped tasks a campaign_id that follows the "
                "input instead of its place, and a ledger_path.",
            )
        self._guards.begin()
        try:
            while self._step():
                self._parts.on_progress()
        finally:
            self._wind_down()

    def _step(self) -> bool:
        """Do one thing; return False when everybody is served and every doubt settled or given up."""
        self._guards.check(open_chunks=len(self._open))
        self._book.write_if_due()
        if not self._workers.free or not self._prepare_work():
            return self._wait_for_result()
        wait = self._pace.wait_time(now=self._clock.monotonic())
        if wait > 0:
            self._collect(timeout=min(wait, NAP))
            return True
        job = self._next_job()
        if job is None:
            return self._wait_for_result()
        self._book.confirm_if_due()
        job.made_at = self._clock.monotonic()
        self._pace.start()
        self._workers.give(job)
        self._collect(timeout=0)
        return True

    def _wait_for_result(self) -> bool:
        if self._workers.busy:
            self._collect(timeout=NAP)
            return True
        if not self._open:
            return False
        if self._guards.patience_is_over(waiting_alone=not self._held_back()):
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
        if not self._ready and self._book.windows_under_way < self._policy.open_windows:
            self._open_window()
        return bool(self._ready)

    def _next_job(self) -> Job | None:
        job = self._due_job()
        if job is not None:
            self._open.remove(job)
            self._book.journal_replay(job)
            return job
        return self._ready.popleft() if self._ready else None

    def _due_job(self) -> Job | None:
        now = self._clock.monotonic()
        return next((job for job in self._open if job.due <= now), None)

    def _open_window(self) -> None:
        chunks: list[Chunk] = []
        while len(chunks) < self._window_chunks:
            chunk = self._again.popleft() if self._again else next(self._fresh, None)
            if chunk is None:
                break
            chunks.append(chunk)
        if chunks:
            self._ready.extend(self._book.open_window(chunks))

    def _fresh_chunks(self) -> Iterator[Chunk]:
        yield from cut(
            campaign=self._parts.ledger.campaign,
            batches=self._parts.spool.unsettled(batch=self._policy.chunk_size * 8),
            size=self._policy.chunk_size,
        )

    def _collect(self, *, timeout: float) -> None:
        result = self._workers.take(timeout=timeout)
        while result is not None:
            job, outcome = result
            if isinstance(outcome, Exception):
                self._guards.fault = outcome
                outcome = Outcome(kind=Kind.AMBIGUOUS, time="", code=type(outcome).__name__)
            self._apply(job, outcome)
            result = self._workers.take(timeout=0)

    def _apply(self, job: Job, outcome: Outcome) -> None:
        self._guards.count(outcome, recipients=len(job.chunk), settling=job.settling)
        self._pace.end(started=job.made_at, now=job.ended_at)
        self._slow_down(job, outcome)
        if outcome.kind is Kind.AMBIGUOUS:
            self._keep_open(job, outcome)
            return
        self._book.settle(job, outcome)
        if outcome.kind is Kind.SPLIT:
            self._again.extend(halves(campaign=self._parts.ledger.campaign, chunk=job.chunk))
        elif outcome.kind is Kind.RELEASED:
            self._again.append(make_chunk(campaign=self._parts.ledger.campaign, members=job.chunk.members))

    def _slow_down(self, job: Job, outcome: Outcome) -> None:
        if outcome.throttled:
            self._pace.throttled(now=self._clock.monotonic())
        if outcome.throttled or (
            outcome.kind is Kind.RELEASED and outcome.error is None and not job.settling
        ):
            self._pace.pause(until=self._guards.pause_until(outcome))

    def _keep_open(self, job: Job, outcome: Outcome) -> None:
        if job.looked == 0 and not job.settling:
            log.warning(
                "No clear answer for chunk %s (%s): looking for evidence before anything else is done with it.",
                job.entry.out_id,
                outcome.code,
            )
        self._book.keep_open(job, code=outcome.code)
        job.settling = True
        job.due = self._clock.monotonic() + look_again_after(job.looked)
        job.looked += 1
        self._open.append(job)

    def _wind_down(self) -> None:
        """Record what calls in flight still bring, within bounds; what they do not bring stays an open intent."""
        deadline = self._clock.monotonic() + self._parts.wind_down
        while self._workers.busy and (left := deadline - self._clock.monotonic()) > 0:
            self._collect(timeout=min(left, NAP))
        self._workers.stop()
        for chunk in self._again:
            self._book.give_back(chunk)
        try:
            while self._ready:
                self._book.take_back(self._ready.popleft())
            self._book.write_all()
        except AliyunSmsError as error:
            # The error that ended the sending is the one to report; the open intents are settled by the next try.
            log.warning("The last outcomes could not be written to the ledger: %s", error)
