# SPDX-License-Identifier: Apache-2.0
"""What a worker thread does with one chunk: send it once, or find out what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.signature import Envelope
from airflow_provider_aliyunsms.campaign.clock import parse_stamp, utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Channel, Evidence
from airflow_provider_aliyunsms.campaign.sending.evidence import (
    NONCE_USED,
    Findings,
    Step,
    judge_replay,
    next_step,
)
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Entry, Window
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy

REPLAY_SLACK = 5.0
"""Seconds between the moment a replay is journaled and the last one at which it may start."""


@dataclass(slots=True)
class Job:
    """
    One chunk on its way.

    :param window: where its intent stands.
    :param entry: its intent.
    :param chunk: its recipients.
    :param settling: True when its fate is to be found out rather than to be made.
    :param looked: how often evidence was sought.
    :param due: when to seek evidence next, in monotonic seconds.
    :param ticket: what its turn depends on, see :class:`.permits.StartPermits`.
    :param made_at: when it was begun, in monotonic seconds.
    :param ended_at: when it was done.
    :param attempted_before: when the last copy before a replay may have left.
    """

    window: Window
    entry: Entry
    chunk: Chunk
    settling: bool = False
    looked: int = 0
    due: float = 0.0
    ticket: int = 0
    made_at: float = 0.0
    ended_at: float = 0.0
    attempted_before: float = 0.0

    @property
    def envelope(self) -> Envelope:
        """Date and nonce as they were journaled: the same for every copy of this request."""
        return Envelope(date=self.entry.date, nonce=self.entry.nonce)

    @property
    def signed_at(self) -> float:
        """Seconds since the epoch."""
        return parse_stamp(self.entry.date)


class Attempts:
    """
    The two kinds of work; used by many threads at once, and therefore without a state of its own.

    :param channel: the way out.
    :param policy: settle time and whether the unknown may be sent again.
    :param clock: the time.
    """

    def __init__(self, *, channel: Channel, policy: SendPolicy, clock: Clock) -> None:
        self._channel = channel
        self._policy = policy
        self._clock = clock

    def run(self, job: Job) -> Outcome:
        """Do what the job asks for."""
        # Not when it was handed over: what it waited for its turn is no part of the way to the gateway.
        job.made_at = self._clock.monotonic()
        try:
            return self._settle(job) if job.settling else self._send(job)
        finally:
            job.ended_at = self._clock.monotonic()

    def _send(self, job: Job) -> Outcome:
        outcome = self._channel.submit(chunk=job.chunk, envelope=job.envelope)
        return self._split_if_refused(job, outcome)

    def _split_if_refused(self, job: Job, outcome: Outcome) -> Outcome:
        """Refused with company: split it, after one look that nothing of it was accepted."""
        if outcome.kind is not OutcomeKind.REFUSED or len(job.chunk) == 1:
            return outcome
        look_up = self._channel.look_up(chunk=job.chunk, since=job.signed_at)
        if look_up is Evidence.FOUND:
            return replace(outcome, kind=OutcomeKind.ACCEPTED, code=None)
        if look_up is Evidence.INCONCLUSIVE:
            return replace(outcome, kind=OutcomeKind.AMBIGUOUS)
        return replace(outcome, kind=OutcomeKind.SPLIT)

    def _settle(self, job: Job) -> Outcome:
        look_up = self._look_up(job)
        step = self._next_step(job, look_up)
        if step is Step.REPLAY:
            outcome = self._channel.submit(chunk=job.chunk, envelope=job.envelope)
            verdict = judge_replay(outcome)
            if verdict is not None:
                return self._split_if_refused(job, verdict)
            if outcome.code != NONCE_USED:
                return replace(outcome, kind=OutcomeKind.AMBIGUOUS)
            # The gateway turned this copy away, so the last one that can count is the one before it.
            job.entry.seen = True
            job.entry.attempted_at = job.attempted_before
            step = self._next_step(job, look_up)
        return Outcome(kind=_KINDS[step], time=utc_stamp(self._clock.now()), code=_CODES.get(step))

    def _look_up(self, job: Job) -> Evidence:
        if not job.chunk.keys:
            return Evidence.INCONCLUSIVE if self._channel.product.can_look_up else Evidence.IMPOSSIBLE
        return self._channel.look_up(chunk=job.chunk, since=job.signed_at)

    def _next_step(self, job: Job, look_up: Evidence) -> Step:
        now = self._clock.now()
        step = next_step(
            Findings(
                look_up=look_up,
                complete=job.chunk.complete,
                seen=job.entry.seen,
                signed_ago=now - job.signed_at,
                attempted_ago=now - job.attempted_before,
            ),
            settle_time=self._policy.settle_time,
            resend_unknown=self._policy.resend_unknown,
        )
        if step is Step.REPLAY and now - job.entry.attempted_at > REPLAY_SLACK:
            return Step.WAIT
        return step


_KINDS = {
    Step.ACCEPT: OutcomeKind.ACCEPTED,
    Step.RELEASE: OutcomeKind.RELEASED,
    Step.GIVE_UP: OutcomeKind.UNKNOWN,
    Step.WAIT: OutcomeKind.AMBIGUOUS,
}

_CODES = {Step.GIVE_UP: LocalCode.NO_EVIDENCE.value, Step.RELEASE: LocalCode.PROVED_NOT_SENT.value}
