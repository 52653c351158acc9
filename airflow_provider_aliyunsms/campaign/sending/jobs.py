# SPDX-License-Identifier: Apache-2.0
"""Do the work of a worker thread on one chunk: make its call, or find out how an earlier call ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.api.signature import Envelope
from airflow_provider_aliyunsms.campaign.clock import parse_stamp, utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Channel, Evidence, LookUp
from airflow_provider_aliyunsms.campaign.sending.evidence import (
    CLOCK_ERROR,
    NONCE_USED,
    REPLAY_LIMIT,
    Findings,
    Step,
    judge_replay,
    next_step,
)
from airflow_provider_aliyunsms.codes import LocalCode, concerns

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Entry, Window
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy

REPLAY_LEAD = 10.0
"""
Seconds ahead that the ledger is told of a replay, so that it may leave until then.

The time in between is for the write itself and for the way to a thread. It is doubled when it was not enough.
"""


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
    :param chunk: the recipients that are known: all of them, unless an earlier try wrote the intent and some have
        left the audience or have another content now.
    :param rows: for each recipient of the entry, the key of its row in the spool.
    :param places: for each recipient of the chunk, its position in the entry.
    :param changed: positions in the entry whose recipients have another content now.
    :param absent: positions whose recipients have left the audience.
    :param skip: positions that were settled before; only the others are open.
    :param resumed: an earlier try wrote its intent.
    :param control: an accepted chunk of the same signer, where this try signs differently; None where there is
        none.
    :param settling: True when the outcome of an earlier call has to be found out, False when the call is to be
        made.
    :param replaying: the ledger holds the time of a replay, which may be made now.
    :param wants_replay: the evidence asks for a replay.
    :param probe: its recipient is tried alone, to find out whether a refusal is common to all.
    :param reason: the code with which its call ended without a clear response.
    :param noted: the ledger gets, or has, what the gateway said of this entry.
    :param lead: seconds ahead that the ledger is told of the next replay.
    :param looked: how often evidence was looked for.
    :param due: when to look for evidence next, in monotonic seconds.
    :param pace_term: in which term its place in the account's pace was taken, see :class:`.AccountPace`.
    :param ticket: the number of doubts that were settled when the job was handed over, see :class:`.StartPermits`.
    :param made_at: when the worker thread began it, in monotonic seconds.
    :param ended_at: when the worker thread was done with it, in monotonic seconds.
    :param opened: a connection was opened for its call, or may have been.
    :param made: its call was made, or something was asked; False when the worker thread found that it must not be.
    :param attempted_before: the latest time at which a copy before the current replay may have left, in seconds
        since the epoch.
    :param look_up: the result of the last look-up.
    """

    window: Window
    entry: Entry
    chunk: Chunk
    rows: tuple[int, ...]
    places: tuple[int, ...]
    changed: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    skip: frozenset[int] = frozenset()
    resumed: bool = False
    control: Chunk | None = None
    # Written by the main thread, read by the worker thread.
    settling: bool = False
    replaying: bool = False
    # Written by the worker thread, read by the main thread once it has the result.
    wants_replay: bool = False
    # Main thread only, all four.
    probe: bool = False
    reason: str | None = None
    noted: bool = False
    lead: float = REPLAY_LEAD
    # Main thread only, both; the worker thread reads the number.
    looked: int = 0
    due: float = 0.0
    # Written by the main thread right before it gives the job to the workers; read by the worker thread.
    ticket: int = 0
    pace_term: int = 0
    # Written by the worker thread; read by the main thread once it has the result.
    made_at: float = 0.0
    ended_at: float = 0.0
    opened: bool = True
    made: bool = True
    # Written by the main thread, read by the worker thread.
    attempted_before: float = 0.0
    # Worker threads only: one after the other.
    look_up: LookUp = field(default_factory=lambda: LookUp(Evidence.INCONCLUSIVE))

    @property
    def envelope(self) -> Envelope:
        """Return date and nonce as they stand in the ledger: the same for every copy of this request."""
        return Envelope(date=self.entry.date, nonce=self.entry.nonce)

    @property
    def signed_at(self) -> float:
        """Return the date in the signature, in seconds since the epoch."""
        return parse_stamp(self.entry.date)

    @property
    def is_look_up(self) -> bool:
        """Whether it asks for records only: calls that send have a limit of the account, and these another one."""
        return self.settling and not self.replaying

    @property
    def is_refused(self) -> bool:
        """Whether the gateway refused the chunk, and look-ups have to show that none of it was accepted."""
        return self.entry.refused is not None


class Attempts:
    """
    Do the kinds of work on a job: send its chunk, look for evidence, or make the replay.

    One object serves all worker threads at once. What is learned goes into the job.

    :param channel: makes the API calls; any thread may use it.
    :param policy: gives the settle time, and whether chunks with an unknown outcome may be sent again.
    :param clock: the time.
    :ivar accepted: the gateway has accepted a call of this campaign. The main thread sets it, once; worker threads
        read it.
    :ivar may_replay: False where nothing more may be sent, and so no replay made. The main thread sets it, once;
        worker threads read it, and one that has just read it asks for a replay in vain.
    """

    def __init__(self, *, channel: Channel, policy: SendPolicy, clock: Clock) -> None:
        self._channel = channel
        self._policy = policy
        self._clock = clock
        self.accepted = False
        self.may_replay = True

    def run(self, job: Job) -> Outcome:
        """
        Do what a job asks for, and return the outcome.

        A worker thread calls it. It costs one send call at most, and for China some free look-ups.

        :raises Exception: an error that no outcome describes; the outcome of the chunk is unknown then.
        """
        # Here and not when the job was handed over: the pace counts the way to the gateway, and the time in the
        # queue is no part of it.
        job.made_at = self._clock.monotonic()
        job.made = True
        before = departures.opened
        try:
            if job.replaying:
                return self._replay(job)
            return self._settle(job) if job.settling else self._send(job)
        finally:
            job.ended_at = self._clock.monotonic()
            job.opened = departures.opened > before

    def _send(self, job: Job) -> Outcome:
        # In memory only: should the call end without a clear response, evidence counts from here. The ledger says
        # an earlier time, by what an intent may wait for its call; see SendPolicy.intent_lasts.
        job.entry.attempted_at = job.attempted_before = round(self._clock.now(), 3)
        outcome = self._channel.submit(chunk=job.chunk, envelope=job.envelope)
        return self._doubt_refusal(job, self._own_fault(job, outcome))

    def _own_fault(self, job: Job, outcome: Outcome) -> Outcome:
        """
        Turn the doom of a campaign into the refusal of one chunk, where it is the fault of some of its rows.

        A signature or extension code that not all rows share is a row's own. So is any such trouble, also with a
        template, once this campaign was accepted with it before.
        """
        if outcome.error is None or not (subject := concerns(outcome.code)):
            return outcome
        is_own = subject != "template" and (job.chunk.mixed or job.chunk.has_several_origins)
        if not is_own and not self.accepted:
            return outcome
        return replace(outcome, kind=OutcomeKind.REFUSED, lasting=True, error=None)

    def _doubt_refusal(self, job: Job, outcome: Outcome) -> Outcome:
        """Keep a refused chunk of several recipients open, until look-ups have shown that none was accepted."""
        if outcome.kind is not OutcomeKind.REFUSED or len(job.entry) == 1:
            return outcome
        if not self._channel.product.can_look_up:
            return replace(outcome, kind=OutcomeKind.SPLIT)
        # Not split at once. The smaller chunks are new requests with new nonces; if the gateway accepted some of
        # these recipients in spite of the refusal, they would get a second message.
        job.entry.refused = outcome.code or LocalCode.NO_ANSWER.value
        job.entry.attempted_at = round(self._clock.now(), 3)
        return replace(outcome, kind=OutcomeKind.AMBIGUOUS)

    def _settle(self, job: Job) -> Outcome:
        # The look-up comes before the replay: a chunk that is found needs no second call.
        job.look_up = self._look_up(job, thorough=False)
        step = self._next_step(job, thorough=False)
        if step is Step.ASK_ALL:
            job.look_up = self._look_up(job, thorough=True)
            step = self._next_step(job, thorough=True)
        # Not made here: the ledger must hold the time of a replay before it leaves, and only the main thread
        # writes.
        job.wants_replay = (
            step is Step.REPLAY
            and self.may_replay
            and self._channel.can_replay(nonce=job.entry.nonce, signer=job.window.signer)
        )
        return self._outcome(job, step)

    def _replay(self, job: Job) -> Outcome:
        if self._clock.now() - job.signed_at >= REPLAY_LIMIT:
            # It waited for its place in the account's pace. Another copy would prove nothing any more, and the
            # gateway may have forgotten the nonce of the first.
            job.entry.attempted_at = job.attempted_before
            job.made = False
            return self._outcome(job, Step.WAIT)
        if self._clock.now() > job.entry.attempted_at:
            # The time in the ledger is over: after a crash the next try would release the chunk too soon, and
            # recipients whose replay was accepted would get a second message. It is written anew, and at once.
            job.wants_replay = True
            job.made = False
            return self._outcome(job, Step.WAIT)
        outcome = self._channel.submit(chunk=job.chunk, envelope=job.envelope)
        verdict = judge_replay(outcome)
        if verdict is not None:
            return self._doubt_refusal(job, verdict)
        if outcome.code != NONCE_USED:
            # This copy may have been accepted, so evidence counts from here.
            job.entry.attempted_at = job.attempted_before = round(self._clock.now(), 3)
            return replace(outcome, kind=OutcomeKind.AMBIGUOUS)
        # The gateway turned this copy away, so the last one that counts is the one before it. The main thread may
        # write the window between these two lines; either state is true, and with the later time the next try only
        # waits longer.
        job.entry.seen = True
        job.entry.attempted_at = job.attempted_before
        step = self._next_step(job, thorough=False)
        return self._outcome(job, Step.WAIT if step is Step.ASK_ALL else step)

    def _look_up(self, job: Job, *, thorough: bool) -> LookUp:
        if not self._channel.product.can_look_up:
            return LookUp(Evidence.IMPOSSIBLE)
        found = self._ask(job, job.chunk, thorough=thorough)
        if found.evidence is Evidence.EMPTY and not self._could_have_seen(job):
            return LookUp(Evidence.INCONCLUSIVE, code=found.code)
        return found

    def _ask(self, job: Job, chunk: Chunk, *, thorough: bool) -> LookUp:
        # The gateway dates its records by its own clock: with times of another one, a record could lie outside.
        error = self._clock_error(job)
        return self._channel.look_up(
            chunk=chunk,
            since=job.signed_at - error,
            until=max(job.entry.attempted_at, job.attempted_before) + error,
            turn=job.looked,
            thorough=thorough,
        )

    def _could_have_seen(self, job: Job) -> bool:
        """Return whether this AccessKey and endpoint show what the signer of the chunk has sent."""
        if job.window.signer == self._channel.signer():
            return True
        return (
            job.control is not None and self._ask(job, job.control, thorough=False).evidence is Evidence.FOUND
        )

    def _next_step(self, job: Job, *, thorough: bool) -> Step:
        now = self._clock.now()
        return next_step(
            Findings(
                look_up=self._evidence(job),
                thorough=thorough,
                complete=job.chunk.complete,
                seen=job.entry.seen,
                refused=job.is_refused,
                clock_error=self._clock_error(job),
                signed_ago=now - job.signed_at,
                attempted_ago=now
                - max(job.attempted_before, job.entry.attempted_at if job.is_refused else 0.0),
            ),
            settle_time=self._policy.settle_time,
            refusal_wait=self._policy.refusal_wait,
            resend_unknown=self._policy.resend_unknown,
        )

    def _clock_error(self, job: Job) -> float:
        """Return by how much a moment in the ledger and this machine's time can be apart for want of one clock."""
        return CLOCK_ERROR * ((not job.window.by_gateway) + (not self._clock.by_gateway))

    def _evidence(self, job: Job) -> Evidence:
        """Return what the last look-up says; of a refused chunk every recipient must have been told without doubt."""
        return Evidence.INCONCLUSIVE if job.is_refused and job.look_up.doubtful else job.look_up.evidence

    def _outcome(self, job: Job, step: Step) -> Outcome:
        if job.is_refused and step in (Step.ACCEPT, Step.RELEASE):
            return self._refused_outcome(job, step)
        if step is Step.RELEASE and (job.absent or job.skip):
            return self._in_part(job, LocalCode.NO_EVIDENCE.value)
        # An acceptance keeps the date of its intent: the gateway's records are filed under it.
        time = job.entry.date if step is Step.ACCEPT else utc_stamp(self._clock.now())
        code = _CODES.get(step, job.look_up.code if step in (Step.WAIT, Step.REPLAY) else None)
        return Outcome(kind=_KINDS[step], time=time, code=code)

    def _refused_outcome(self, job: Job, step: Step) -> Outcome:
        code = job.entry.refused
        if step is Step.RELEASE:
            if job.absent or job.skip:
                return self._in_part(job, code)
            return Outcome(kind=OutcomeKind.SPLIT, time=utc_stamp(self._clock.now()), code=code)
        found = {job.places[position] for position in job.look_up.found}
        again = (frozenset(job.places) - found) | job.skip
        return Outcome(
            kind=OutcomeKind.ACCEPTED, time=job.entry.date, code=code, again=again, failed=job.absent
        )

    def _in_part(self, job: Job, code: str | None) -> Outcome:
        """Release the recipients who were asked for; nothing can be found out about those who are not here."""
        return Outcome(
            kind=OutcomeKind.UNKNOWN,
            time=utc_stamp(self._clock.now()),
            code=code,
            again=frozenset(job.places) | job.skip,
        )


_KINDS = {
    Step.ACCEPT: OutcomeKind.ACCEPTED,
    Step.RELEASE: OutcomeKind.RELEASED,
    Step.GIVE_UP: OutcomeKind.UNKNOWN,
    Step.WAIT: OutcomeKind.AMBIGUOUS,
    Step.REPLAY: OutcomeKind.AMBIGUOUS,
}

_CODES = {Step.GIVE_UP: LocalCode.NO_EVIDENCE.value, Step.RELEASE: LocalCode.PROVED_NOT_SENT.value}
