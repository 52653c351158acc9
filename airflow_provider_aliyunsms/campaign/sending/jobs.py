# SPDX-License-Identifier: Apache-2.0
"""
Send one chunk once, or look for evidence of how its earlier call ended; all of it in a worker thread.

Nothing here uses the ledger or the spool. A worker thread changes only the job that it holds.
"""

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
"""Seconds after a replay was written to the ledger within which it may start; later it has to be written again."""


@dataclass(slots=True)
class Job:
    """
    One chunk on its way to an outcome.

    One thread holds a job at a time: the main thread until it gives the job to the workers, then the worker thread
    that takes it, then the main thread again when it has taken the result. The queues of ``workers.py`` pass it on.
    Only the thread that holds a job writes its fields and those of its entry. There is one exception: the main
    thread may read the entry at any time, because it writes whole windows to the ledger.

    :param window: the window of the ledger in which its intent stands.
    :param entry: its intent in that window.
    :param chunk: its recipients.
    :param settling: True when the outcome of an earlier call has to be found out, False when the call is to be
        made.
    :param looked: how often the sender has put it aside to look for evidence later.
    :param due: when to look for evidence next, in monotonic seconds.
    :param ticket: the number of doubts that were settled when the job was handed over, see :class:`.StartPermits`.
    :param made_at: when the worker thread began it, in monotonic seconds.
    :param ended_at: when the worker thread was done with it, in monotonic seconds.
    :param attempted_before: the latest time at which a copy before the current replay may have left, in seconds
        since the epoch.
    """

    window: Window
    entry: Entry
    chunk: Chunk
    # Written by the main thread, read by the worker thread.
    settling: bool = False
    # Main thread only, both.
    looked: int = 0
    due: float = 0.0
    # Written by the main thread right before it gives the job to the workers; read by the worker thread.
    ticket: int = 0
    # Written by the worker thread; read by the main thread once it has the result.
    made_at: float = 0.0
    ended_at: float = 0.0
    # Written by the main thread, read by the worker thread.
    attempted_before: float = 0.0

    @property
    def envelope(self) -> Envelope:
        """Return date and nonce as they stand in the ledger: the same for every copy of this request."""
        return Envelope(date=self.entry.date, nonce=self.entry.nonce)

    @property
    def signed_at(self) -> float:
        """Return the date in the signature, in seconds since the epoch."""
        return parse_stamp(self.entry.date)


class Attempts:
    """
    Do the two kinds of work on a job: send its chunk, or look for evidence.

    One object serves all worker threads at once. So its fields are never written after the constructor, and what is
    learned goes into the job.

    :param channel: makes the API calls; any thread may use it.
    :param policy: gives the settle time, and whether chunks with an unknown outcome may be sent again.
    :param clock: the time.
    """

    def __init__(self, *, channel: Channel, policy: SendPolicy, clock: Clock) -> None:
        self._channel = channel
        self._policy = policy
        self._clock = clock

    def run(self, job: Job) -> Outcome:
        """
        Make the call of a job, or look for evidence if it is settling, and return the outcome.

        A worker thread calls it. It costs one send call at most, and for China some free look-ups.

        :raises Exception: an error that no outcome describes; the outcome of the chunk is unknown then.
        """
        # Here and not when the job was handed over: the pace counts the way to the gateway, and the time in the
        # queue is no part of it.
        job.made_at = self._clock.monotonic()
        try:
            return self._settle(job) if job.settling else self._send(job)
        finally:
            job.ended_at = self._clock.monotonic()

    def _send(self, job: Job) -> Outcome:
        outcome = self._channel.submit(chunk=job.chunk, envelope=job.envelope)
        return self._split_if_refused(job, outcome)

    def _split_if_refused(self, job: Job, outcome: Outcome) -> Outcome:
        """Turn the refusal of a chunk of several recipients into a split, if none of it was accepted."""
        if outcome.kind is not OutcomeKind.REFUSED or len(job.chunk) == 1:
            return outcome
        # Before the split. The halves are sent as new requests with new nonces; if the gateway had accepted the
        # chunk in spite of the refusal, all its recipients would get a second message.
        look_up = self._channel.look_up(chunk=job.chunk, since=job.signed_at)
        if look_up is Evidence.FOUND:
            return replace(outcome, kind=OutcomeKind.ACCEPTED, code=None)
        if look_up is Evidence.INCONCLUSIVE:
            return replace(outcome, kind=OutcomeKind.AMBIGUOUS)
        return replace(outcome, kind=OutcomeKind.SPLIT)

    def _settle(self, job: Job) -> Outcome:
        # The look-up comes before the replay: a chunk that is found needs no second call.
        look_up = self._look_up(job)
        step = self._next_step(job, look_up)
        if step is Step.REPLAY:
            outcome = self._channel.submit(chunk=job.chunk, envelope=job.envelope)
            verdict = judge_replay(outcome)
            if verdict is not None:
                return self._split_if_refused(job, verdict)
            if outcome.code != NONCE_USED:
                return replace(outcome, kind=OutcomeKind.AMBIGUOUS)
            # The gateway turned this copy away, so the last one that counts is the one before it. The main thread
            # may write the window between these two lines; either state is true, and with the later time the next
            # try only waits longer.
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
        # The ledger must hold the time of a replay before it leaves. If journal_replay() wrote none, or the look-up
        # took long, the time there is too old: after a crash the next try would release the chunk too soon, and
        # recipients whose replay was accepted would get a second message. The main thread hands the job out again
        # later.
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
