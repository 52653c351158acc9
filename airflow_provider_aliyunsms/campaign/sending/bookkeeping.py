# SPDX-License-Identifier: Apache-2.0
"""
Apply every intent and outcome of a try to both the ledger (durable) and the spool (local).

Only the main thread uses this module. The order of the writes is what keeps a recipient from getting two messages:

* an intent is in the ledger before its job exists, and so before its call;
* an outcome that releases recipients is in the ledger before the intent that sends to them again;
* the time of a replay, or of a call that was held back, is in the ledger before that call.

All other outcomes may be written later, in groups. If a crash loses them, their chunks are open for the next try,
which looks for evidence before it does anything else with them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.spool import Settlement
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.sending.jobs import Job
from airflow_provider_aliyunsms.campaign.sending.restoring import divide
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Ledger, Window
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy

WRITE_EVERY = 2.0
"""Seconds after which outcomes are written although some calls of their window have no response yet."""


class Bookkeeper:
    """
    Write the intents and outcomes of one try; every field and method belongs to the main thread.

    :param ledger: the durable record.
    :param spool: the local copy of the audience, with the outcomes known so far.
    :param clock: the time.
    :param policy: gives the lease, and for how long the time in an intent may stand for the time of its call.
    :param signer: returns a hash that stands for the AccessKey in use.
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
        # By number of the window: calls of this try that have not ended. A call without a clear response has ended,
        # too; a window in which all have ended is left out.
        self._outstanding: dict[int, int] = {}
        # By number: windows that have changed since they were last written.
        self._unwritten: dict[int, Window] = {}
        # Numbers of windows in which every call has ended; they are written first.
        self._through: deque[int] = deque()
        # Whether a released or split chunk is among the unwritten: it must be written before the next intents.
        self._released = False
        self._written_at = clock.monotonic()

    @property
    def windows_under_way(self) -> int:
        """Return the number of windows with calls of this try that were not made or have not ended yet."""
        return len(self._outstanding)

    def take_back(self, job: Job) -> None:
        """
        Record that the call of an intent was never made, so that no later try has to look for evidence of it.

        Only for a job that no worker thread has begun. For any other job this record would be false, and the next
        try would send a second message to its recipients. Nothing is written to the ledger before
        :meth:`write_all`.
        """
        self.withdraw(job)
        self.give_back(job.chunk)

    def withdraw(self, job: Job) -> None:
        """Do as :meth:`take_back`, for a job whose recipients go into another chunk of this try at once."""
        self._ledger.calls -= 1
        self.settle(
            job, Outcome(kind=OutcomeKind.RELEASED, time=job.entry.date, code=LocalCode.NOT_STARTED.value)
        )

    def give_back(self, chunk: Chunk) -> None:
        """Mark the recipients of a chunk that was certainly not sent as pending in the spool."""
        self._spool.reopen(chunk.keys)

    def set_aside(self, chunk: Chunk, *, time: str) -> None:
        """
        Let the recipients of a chunk that was certainly not sent get nothing in this try; the next one finds them.

        Not pending: they may stand in a part of the audience that is not cut yet, and would be sent to with it.
        """
        self._spool.settle(
            out_id="",
            biz_id=None,
            time=time,
            settlements=[Settlement(chunk.keys, "skipped", LocalCode.NOT_STARTED.value)],
        )

    def open_window(self, chunks: Sequence[Chunk]) -> list[Job]:
        """
        Write the intents of chunks to the ledger and return one job for each, which may be started now.

        It costs two writes of the ledger: the intents, and a value that counts them. Where the outcomes of a window
        whose calls have all ended are due, that window counts them, and the second write is none too many. It costs
        more when released chunks have to be written first.

        :raises LedgerError: the ledger takes no write any more; none of the chunks may be sent.
        """
        # Before the new intents. Some of these recipients may come from a released or split chunk. If a crash came
        # between a new intent and the record of that release, the ledger would hold two open intents for one
        # recipient; each would be settled by itself, and both could end in a message.
        if self._released:
            self.write_all()
        # Before a job exists. A call whose intent is not durable would be forgotten in a crash, and the next try
        # would send to its recipients again.
        due = self._unwritten.get(self._through[0]) if self._through else None
        window = self._ledger.write_intents(chunks, signer=self._signer(), counted_in=due)
        if due is not None and due.counted == window.number:
            # Only now: had the write failed, write_all() would try once more.
            del self._unwritten[self._through.popleft()]
        self._outstanding[window.number] = len(window.entries)
        return [
            Job(
                window=window,
                entry=entry,
                chunk=chunk,
                rows=chunk.keys,
                places=tuple(range(len(chunk))),
                attempted_before=entry.attempted_at,
            )
            for entry, chunk in zip(window.entries, chunks, strict=True)
        ]

    def settle(self, job: Job, outcome: Outcome) -> list[int]:
        """
        Record a final outcome in the job's entry and in the spool; the ledger gets it with the next write.

        :returns: for *accepted*, *refused* and *unknown*: positions in the entry that are to be sent to again.
        :raises LedgerError: the spool's disk fails; the outcome is written to the ledger all the same.
        """
        self._ledger.settle(job.window, job.entry, outcome)
        # Before the spool, whose disk may be full: an outcome that is known must reach the ledger. And before
        # _ended(), which marks a window as due only if it finds it here. The other way round the outcome of a window
        # of one chunk, as with one call at a time, would wait for WRITE_EVERY, and a crash could leave several calls
        # open instead of one.
        self._unwritten[job.window.number] = job.window
        self._ended(job)
        if outcome.kind in (OutcomeKind.SPLIT, OutcomeKind.RELEASED):
            # Not to the spool: the sender puts these recipients into a new chunk at once. If the chunk is one of an
            # earlier try, the sender may not have read them from the spool yet. Marked as pending there, they would
            # be read and cut into a second chunk, and get two messages.
            self._released = True
            return []
        settlements, again = divide(outcome, rows=job.rows, changed=job.changed, skip=job.skip)
        if again:
            self._released = True
        self._spool.settle(
            out_id=job.entry.out_id, biz_id=outcome.biz_id, time=outcome.time, settlements=settlements
        )
        return again

    def keep_open(self, job: Job, *, code: str | None) -> None:
        """
        Mark the recipients of an open chunk as unknown in the spool, until evidence settles them.

        :param code: why the outcome is unknown; without one, the reason of the job, else ``local.NO_ANSWER``.
        :raises LedgerError: the spool's disk fails.
        """
        if (job.entry.seen or job.entry.refused) and not job.noted:
            # The worker thread has changed the entry: a replay was turned away, or the chunk was refused (jobs.py).
            # Without this write the next try would count the replay as a copy that may have arrived, and retries that
            # follow each other sooner than the settle time would begin to wait anew each time. Once is enough: with
            # a slow ledger a write after each look-up would leave no time for anything else.
            job.noted = True
            self._unwritten[job.window.number] = job.window
        self._ended(job)
        self.leave_open(job, code=code)

    def leave_open(self, job: Job, *, code: str | None = None) -> None:
        """
        Mark the recipients of a chunk as unknown in the spool; nothing changes in the ledger.

        :raises LedgerError: the spool's disk fails.
        """
        rows = [row for position, row in enumerate(job.rows) if position not in job.skip]
        self._spool.settle(
            out_id=job.entry.out_id,
            biz_id=None,
            time=job.entry.date,
            settlements=[Settlement(rows, "unknown", code or job.reason or LocalCode.NO_ANSWER.value)],
        )

    def journal_replay(self, job: Job) -> None:
        """
        Write to the ledger that a replay of the request may leave from now on.

        The main thread calls it right before it gives the job to a worker thread. It costs one write.

        :raises LedgerError: the ledger takes no write any more; the replay must not be made.
        """
        if not job.replaying:
            # Kept apart: if the gateway turns the replay away, the earlier copy is the last one that counts.
            job.attempted_before = job.entry.attempted_at
        # Durable before the replay can leave. Written after it, a crash in between would leave the older time: the
        # next try would take empty look-ups for proof too soon, release the chunk and send again to recipients whose
        # replay was accepted.
        job.entry.attempted_at = round(self._clock.now() + job.lead, 3)
        job.lead *= 2
        self._ledger.save(job.window)
        job.replaying = True
        job.wants_replay = False

    def withdraw_replay(self, job: Job) -> None:
        """
        Note that a replay in the ledger was not made, and is to be made later; it costs no write.

        The ledger goes on to hold the later time, with which the next try only waits longer.
        """
        job.entry.attempted_at = job.attempted_before
        # As much as before: it was enough, and what took longer was not the way to a thread.
        job.lead /= 2
        job.replaying = False
        job.wants_replay = True

    @property
    def is_due(self) -> bool:
        """Whether outcomes must be written now: all calls of a window have ended, or some outcome waits too long."""
        return bool(self._through or (self._unwritten and self._is_long_ago))

    @property
    def can_wait(self) -> bool:
        """Whether nothing but windows whose calls have all ended is due: the next new window may go first."""
        return bool(self._through) and not self._is_long_ago

    @property
    def _is_long_ago(self) -> bool:
        return self._clock.monotonic() - self._written_at > WRITE_EVERY

    def renew_intents(self, ready: Sequence[Job]) -> None:
        """
        Write a later time to the ledger for calls that were held back, before the first of them is made.

        It costs one write if the intent of the first job is older than ``SendPolicy.intent_lasts``, otherwise
        nothing.

        :param ready: jobs whose calls were not made and that no worker thread has; the first of them is made next.
        :raises LedgerError: the ledger takes no write any more; the calls must not be made.
        """
        first, now = ready[0], self._clock.now()
        if now - first.entry.attempted_at <= self._intent_lasts:
            return
        # Durable before the call leaves. Look-ups prove nothing before the settle time has passed since then; after
        # a crash the next try would count from the old time, release the chunk too soon, and send a second message.
        for job in ready:
            if job.window is first.window:
                job.entry.attempted_at = job.attempted_before = round(now, 3)
        self._ledger.save(first.window)

    def write_due(self) -> None:
        """
        Write the windows in which all calls have ended, and the others if an outcome waits too long.

        So a crash leaves few chunks to be settled by evidence. It costs one write for each window.

        :raises LedgerError: the ledger takes no write any more.
        """
        while self._through:
            self._write(self._through.popleft())
        if self.is_due:
            self.write_all()

    def write_all(self) -> None:
        """
        Write every outcome that is not in the ledger yet; costs one write for each changed window.

        :raises LedgerError: the ledger takes no write any more.
        """
        self._through.clear()
        while self._unwritten:
            self._write(next(iter(self._unwritten)))
        # Only when all are written: until then a release may be missing in the ledger, and the next intents must
        # wait.
        self._released = False
        self._written_at = self._clock.monotonic()

    def confirm_if_due(self) -> None:
        """
        Check that this process still owns the campaign, if the last write is more than a lease ago.

        :raises LedgerError: another try owns the campaign, or the store cannot be reached; no call may be made.
        """
        if self._clock.monotonic() - self._ledger.written_at > self._lease:
            self._ledger.confirm()

    def _ended(self, job: Job) -> None:
        """Count a call of a window as ended, once; after the last one the window is due to be written."""
        number = job.window.number
        # A settling job was counted when its chunk was first kept open, or belongs to a window of an earlier try.
        if number not in self._outstanding or job.settling:
            return
        self._outstanding[number] -= 1
        if self._outstanding[number] == 0:
            del self._outstanding[number]
            if number in self._unwritten:
                self._through.append(number)

    def _write(self, number: int) -> None:
        if number in self._unwritten:
            # Removed only after the write. If the write fails, the sender tries once more when it ends (write_all).
            # An outcome removed before would be lost; on Globe, where nothing can be looked up, its recipients
            # could end as "unknown" although the outcome was known.
            self._ledger.save(self._unwritten[number])
            del self._unwritten[number]
