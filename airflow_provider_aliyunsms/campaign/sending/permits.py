# SPDX-License-Identifier: Apache-2.0
"""
Decide, in the worker thread, whether a queued job may still start.

Jobs are handed out before a thread is free for them, so that calls go on while the main thread waits for the
ledger. What was true when a job was handed over may be false when a thread takes it: sending may have to stop, or
the ledger may not have confirmed for too long that this process still owns the campaign.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Ledger
    from airflow_provider_aliyunsms.campaign.pacing import AccountPace
    from airflow_provider_aliyunsms.campaign.sending.jobs import Job


class StartPermits:
    """
    Allow a queued job to start only while nothing speaks against it.

    An outcome that is not a clear acceptance is called a *doubt* here: it may be a reason to stop, to wait or to
    slow down, and only the main thread can decide that. Until it has decided, no job starts that was handed over
    earlier. For this, two numbers are counted: doubts that worker threads have raised, and doubts that the main
    thread has settled. A job carries a ticket, the number settled when it was handed over, and starts only if
    exactly as many doubts have been raised by then. So a job that waits in the queue while a doubt comes up is
    never started; it comes back undone and is handed over again with a new ticket, or not at all.

    A job that seeks evidence is not held back. It is only given to an idle thread, and the ledger says already that
    a copy of its request may have left. If it were taken back, its recipients would have to wait for another settle
    time. A replay that has lost its place in the account's pace is: it comes back undone and is journaled anew.

    Threads: worker threads call :meth:`may_begin` and :meth:`work`; the main thread calls all other methods.

    :param work: called with a job to do it, see :meth:`.jobs.Attempts.run`.
    :param ledger: only :attr:`.Ledger.written_at` is read here; all else of a ledger belongs to the main thread.
    :param lease: seconds after the last write of the ledger within which a job may start.
    :param oldest_intent: seconds after which an intent must be renewed in the ledger before its call is made.
    :param clock: the time.
    :param stop_reason: called before every call, by any thread; a text means that sending must stop.
    :param account_pace: asked before every call whether its place in the account's pace is still this process's.
    """

    def __init__(
        self,
        *,
        work: Callable[[Job], Outcome],
        ledger: Ledger,
        lease: float,
        oldest_intent: float,
        clock: Clock,
        stop_reason: Callable[[], str | None],
        account_pace: AccountPace | None = None,
    ) -> None:
        self._work = work
        self._ledger = ledger
        self._lease = lease
        self._oldest_intent = oldest_intent
        self._clock = clock
        self._stop_reason = stop_reason
        self._account_pace = account_pace
        # Guards the increment of _raised alone.
        self._lock = threading.Lock()
        # Written by worker threads under the lock, read by all threads without it. Without the lock, two threads
        # could count two doubts as one. After the first was settled, jobs would start although the second may be a
        # reason to stop; after the second, the two numbers would never be equal again, and no further job could
        # start.
        self._raised = 0
        # Main thread only.
        self._settled = 0
        # Written by the main thread, once; read by worker threads.
        self._closed = False

    @property
    def in_doubt(self) -> bool:
        """Whether an outcome that is not clear still waits for the main thread's decision; main thread only."""
        return self._raised != self._settled

    def issue(self, job: Job) -> None:
        """
        Allow a job that is handed over now to start, unless a doubt comes up before a thread takes it.

        The main thread calls it right before it gives the job to the workers.
        """
        # The number settled, not the number raised. With the latter, a doubt that was raised but not yet judged
        # would not stop this job: its call would be made although the sending may have to stop.
        job.ticket = self._settled
        job.pace_term = self._account_pace.taken_in if self._account_pace is not None else 0

    def may_begin(self, job: Job) -> bool:
        """Return whether a job may start now; called by a worker thread right before the call is made."""
        # A doubt that another thread raises right after this look is like one about a call beside this one: both
        # calls were in flight together. All that is read here are single numbers and flags, so it needs no lock.
        now = self._clock.now()
        if job.settling:
            # A look-up takes no place. A replay is a call like the first one; without its place it would be one too
            # many within some second.
            return job.is_look_up or self._has_place(job)
        return (
            not self._closed
            and job.ticket == self._raised
            # After a lease without a write another try may own the campaign and send to the same recipients. With a
            # fenced ledger that try waits for longer than a lease (takeover_wait) before its first call.
            and self._clock.monotonic() - self._ledger.written_at <= self._lease
            # An intent that says a much earlier time than the call lets a later try count empty look-ups as proof
            # too soon; it would send again what was accepted.
            and now - job.entry.attempted_at <= self._oldest_intent
            and self._has_place(job)
            and not self._stop_reason()
        )

    def _has_place(self, job: Job) -> bool:
        return self._account_pace is None or self._account_pace.may_begin(job.pace_term)

    def work(self, job: Job) -> Outcome:
        """
        Do a job in a worker thread, and raise a doubt unless its outcome is clear.

        :raises BaseException: whatever the job raises; that is a doubt, too.
        """
        # False from the start, so that an error of any kind counts as a doubt.
        clear = False
        try:
            outcome = self._work(job)
            clear = is_clear(outcome)
        finally:
            if not clear:
                # Before this method returns, and so before the main thread can see the outcome. Raised later, the
                # doubt would be settled before it is raised; until then jobs handed over earlier could still start,
                # and be charged for, although the campaign is doomed or refused too often.
                with self._lock:
                    self._raised += 1
        return outcome

    def settled(self) -> None:
        """
        Note that the main thread has drawn its conclusions from one outcome that was not clear.

        Call it exactly once for each outcome for which :func:`is_clear` is False, after the conclusions are in
        effect.
        """
        self._settled += 1

    def close(self) -> None:
        """Forbid every start from now on, except of jobs that seek evidence."""
        self._closed = True


def is_clear(outcome: Outcome) -> bool:
    """
    Return whether an outcome can change nothing but the number of recipients that were sent to.

    Worker threads (:meth:`StartPermits.work`) and the main thread (``Sender._collect``) must both decide by this
    function: one raises a doubt, the other settles it, and the two counts must agree.
    """
    return outcome.kind is OutcomeKind.ACCEPTED and not outcome.failed
