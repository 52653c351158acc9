# SPDX-License-Identifier: Apache-2.0
"""Keep the ledger, which lasts, and the spool, which is fast, in step."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.recipients import Members
from airflow_provider_aliyunsms.audience.spool import Settlement
from airflow_provider_aliyunsms.campaign.chunks import Chunk
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.sending.evidence import REPLAY_LIMIT
from airflow_provider_aliyunsms.campaign.sending.jobs import Job
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Entry, Ledger, Window
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy

WRITE_EVERY = 2.0
"""Seconds after which outcomes are written even though their window is not through yet."""


class Bookkeeper:
    """
    Intents and outcomes of one try.

    :param ledger: the durable record.
    :param spool: the local copy of the audience, with the outcomes known so far.
    :param clock: the time.
    :param policy: its lease, and how long an intent says when its call leaves.
    :param signer: what stands for the AccessKey in use.
    :ivar strangers: the ledger knows people, but not one of this audience.
    """

    def __init__(
        self, *, ledger: Ledger, spool: Spool, clock: Clock, policy: SendPolicy, signer: Callable[[], str]
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._lease = policy.lease
        self._intent_lasts = policy.intent_lasts
        self._signer = signer
        self._outstanding: dict[int, int] = {}
        self._unwritten: dict[int, Window] = {}
        self._through: deque[int] = deque()
        self._released = False
        self._written_at = clock.monotonic()
        self.strangers = False

    @property
    def windows_under_way(self) -> int:
        """Windows with chunks that were not answered yet."""
        return len(self._outstanding)

    def restore(self, *, resend_unknown: bool) -> list[Job]:
        """
        Bring the spool up to what the ledger knows and return the chunks whose fate is open.

        :param resend_unknown: treat what was given up before as open again.
        """
        self.strangers = False
        recorded = matched = 0
        open_jobs: list[Job] = []
        for window in self._ledger.windows():
            for entry in window.entries:
                recorded += len(entry.keys)
                if resend_unknown and _given_up(entry.outcome):
                    entry.outcome = None
                if entry.outcome is None:
                    open_jobs.append(job := self._reopen(window, entry))
                    matched += len(job.chunk)
                elif entry.outcome.kind in (OutcomeKind.SPLIT, OutcomeKind.RELEASED):
                    matched += self._spool.reopen(entry.keys)
                else:
                    matched += self._to_spool(entry, entry.outcome)
        self.strangers = recorded > 0 and matched == 0
        # Nothing can be said to, or about, people who are no longer in the audience.
        return [job for job in open_jobs if job.chunk.keys]

    def take_back(self, job: Job) -> None:
        """Take an intent back whose call was never made, so that no later try has to look for evidence."""
        self._ledger.calls -= 1
        self.settle(
            job, Outcome(kind=OutcomeKind.RELEASED, time=job.entry.date, code=LocalCode.NOT_STARTED.value)
        )
        self.give_back(job.chunk)

    def give_back(self, chunk: Chunk) -> None:
        """Show the recipients of a chunk that was certainly not sent as pending again."""
        self._spool.reopen(chunk.keys)

    def open_window(self, chunks: Sequence[Chunk]) -> list[Job]:
        """
        Make the intents durable and return the jobs that may now be done.

        What released some of these recipients is made durable first: two open intents for one person would be
        settled one by one, and both could end in a message.
        """
        if self._released:
            self.write_all()
        window = self._ledger.write_intents(chunks, signer=self._signer())
        self._outstanding[window.number] = len(window.entries)
        return [
            Job(window=window, entry=entry, chunk=chunk, attempted_before=entry.attempted_at)
            for entry, chunk in zip(window.entries, chunks, strict=True)
        ]

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Take a final outcome down."""
        job.entry.outcome = outcome
        if outcome.kind in (OutcomeKind.SPLIT, OutcomeKind.RELEASED):
            self._released = True
        else:
            # The recipients of those two wait in a new chunk: still pending in the spool they could be cut twice.
            self._to_spool(job.entry, outcome)
        self._unwritten[job.window.number] = job.window
        self._answered(job)

    def keep_open(self, job: Job, *, code: str | None) -> None:
        """Show the recipients of an open chunk as unknown until evidence says more."""
        self._spool.settle(
            out_id=job.entry.out_id,
            biz_id=None,
            time=job.entry.date,
            settlements=[Settlement(job.entry.keys, "unknown", code or LocalCode.NO_ANSWER.value)],
        )
        if job.entry.seen:
            # Without this the next try would take the replay for a copy that may have arrived, and its retries,
            # made sooner than the settle time, would each begin to wait anew.
            self._unwritten[job.window.number] = job.window
        self._answered(job)

    def journal_replay(self, job: Job) -> None:
        """Write down that a copy of the request may leave from now on, before it can."""
        job.attempted_before = job.entry.attempted_at
        now = self._clock.now()
        if job.chunk.complete and not job.entry.seen and now - job.signed_at < REPLAY_LIMIT:
            job.entry.attempted_at = round(now, 3)
            self._ledger.save(job.window)

    @property
    def is_due(self) -> bool:
        """Whether outcomes are to be written: a window is through, or they have waited long enough."""
        long_enough = self._clock.monotonic() - self._written_at > WRITE_EVERY
        return bool(self._through or (self._unwritten and long_enough))

    def renew_intents(self, ready: Sequence[Job]) -> None:
        """
        Write down that calls which were held back leave later than their window says, before the first of them does.

        After a crash, look-ups prove nothing before the settle time has passed since the call left.

        :param ready: jobs whose calls were not made; the first of them is made next.
        """
        first, now = ready[0], self._clock.now()
        if now - first.entry.attempted_at <= self._intent_lasts:
            return
        for job in ready:
            if job.window is first.window:
                job.entry.attempted_at = round(now, 3)
        self._ledger.save(first.window)

    def write_due(self) -> None:
        """Write what :attr:`is_due`, so that a crash leaves little to settle."""
        while self._through:
            self._write(self._through.popleft())
        if self.is_due:
            self.write_all()

    def write_all(self) -> None:
        """Write every outcome that the ledger does not know yet."""
        self._through.clear()
        while self._unwritten:
            self._write(next(iter(self._unwritten)))
        self._released = False
        self._written_at = self._clock.monotonic()

    def confirm_if_due(self) -> None:
        """Prove that this process still owns the campaign when it has not written for a while."""
        if self._clock.now() - self._ledger.written_at > self._lease:
            self._ledger.confirm()

    def _reopen(self, window: Window, entry: Entry) -> Job:
        found = self._spool.find(entry.keys)
        members = Members.of([(key, found[key]) for key in entry.keys if key in found])
        chunk = Chunk(
            out_id=entry.out_id,
            members=members,
            # Under another AccessKey the gateway may not know the nonce: a replay would prove nothing, and send.
            complete=len(members) == len(entry.keys) and window.signer == self._signer(),
        )
        job = Job(window=window, entry=entry, chunk=chunk, settling=True, attempted_before=entry.attempted_at)
        self.keep_open(job, code=LocalCode.NO_ANSWER.value)
        return job

    def _answered(self, job: Job) -> None:
        """Count a chunk of a window as answered, once; the window is to be written when it was the last one."""
        number = job.window.number
        if number not in self._outstanding or job.settling:
            return
        self._outstanding[number] -= 1
        if self._outstanding[number] == 0:
            del self._outstanding[number]
            if number in self._unwritten:
                self._through.append(number)

    def _write(self, number: int) -> None:
        if number in self._unwritten:
            self._ledger.save(self._unwritten[number])
            del self._unwritten[number]

    def _to_spool(self, entry: Entry, outcome: Outcome) -> int:
        return self._spool.settle(
            out_id=entry.out_id,
            biz_id=outcome.biz_id,
            time=outcome.time,
            settlements=_settlements(entry, outcome),
        )


def _settlements(entry: Entry, outcome: Outcome) -> Iterable[Settlement]:
    if outcome.kind is not OutcomeKind.ACCEPTED:
        word = "rejected" if outcome.kind is OutcomeKind.REFUSED else "unknown"
        yield Settlement(entry.keys, word, outcome.code)
    elif not outcome.failed:
        yield Settlement(entry.keys, "accepted", None, outcome.message_ids or None)
    else:
        ids = outcome.message_ids or (None,) * len(entry.keys)
        taken = [position for position in range(len(entry.keys)) if position not in outcome.failed]
        yield Settlement(
            [entry.keys[position] for position in sorted(outcome.failed)], "rejected", outcome.code
        )
        yield Settlement(
            [entry.keys[position] for position in taken],
            "accepted",
            None,
            [ids[position] for position in taken],
        )


def _given_up(outcome: Outcome | None) -> bool:
    """Whether an outcome was given up for want of evidence; a contradictory list was accepted all the same."""
    return (
        outcome is not None
        and outcome.kind is OutcomeKind.UNKNOWN
        and outcome.code != LocalCode.MAPPING_UNKNOWN
    )
