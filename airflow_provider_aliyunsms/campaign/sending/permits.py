# SPDX-License-Identifier: Apache-2.0
"""
The last look before a call, taken by the thread that is about to make it.

Jobs are handed out ahead of need, so that calls go on while the main thread waits for the ledger. What was true when
a job was handed over need not be true when its turn comes: sending may have to stop, or the ledger may not have
confirmed for too long that this process still owns the campaign.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Ledger
    from airflow_provider_aliyunsms.campaign.sending.jobs import Job


class StartPermits:
    """
    Lets a job begin only while nothing speaks against it.

    Any outcome but a clear acceptance may be a reason to stop, to wait or to slow down, and only the main thread can
    tell. Until it has told, nothing begins that was handed over before: a job carries the number of doubts that the
    main thread had judged by then, and begins only when no more have been raised. So one that is on its way through
    a queue can never slip past a verdict.

    A job that seeks evidence is not held: it is only given to an idle thread, and the ledger says already that a copy
    of its request may have left. Taking it back would make its recipients wait for another settle time.

    :param work: what to do with a job.
    :param ledger: only the time of its last write is read here, no other thread than the main one may use it.
    :param lease: seconds after that write within which a job may begin.
    :param oldest_intent: seconds after which an intent has to be renewed before its call is made.
    :param clock: the time.
    :param stop_reason: asked before every call, by any thread.
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
    ) -> None:
        self._work = work
        self._ledger = ledger
        self._lease = lease
        self._oldest_intent = oldest_intent
        self._clock = clock
        self._stop_reason = stop_reason
        self._lock = threading.Lock()
        self._raised = 0
        self._settled = 0
        self._closed = False

    @property
    def in_doubt(self) -> bool:
        """Whether an outcome that is not clear waits for the main thread."""
        return self._raised != self._settled

    def issue(self, job: Job) -> None:
        """Let a job that is handed over now begin, unless something comes up before its turn."""
        job.ticket = self._settled

    def may_begin(self, job: Job) -> bool:
        """Whether a call may be made for a job now; asked by a worker thread right before it."""
        now = self._clock.now()
        return job.settling or (
            not self._closed
            and job.ticket == self._raised
            and now - self._ledger.written_at <= self._lease
            and now - job.entry.attempted_at <= self._oldest_intent
            and not self._stop_reason()
        )

    def work(self, job: Job) -> Outcome:
        """Do a job, and raise a doubt before anybody else can know of its outcome unless that is clear."""
        clear = False
        try:
            outcome = self._work(job)
            clear = is_clear(outcome)
        finally:
            if not clear:
                with self._lock:
                    self._raised += 1
        return outcome

    def settled(self) -> None:
        """Note that the main thread has drawn its conclusions from one outcome that was not clear."""
        self._settled += 1

    def close(self) -> None:
        """Let nothing begin any more."""
        self._closed = True


def is_clear(outcome: Outcome) -> bool:
    """Whether an outcome can change nothing but the number of those who were served."""
    return outcome.kind is OutcomeKind.ACCEPTED and not outcome.failed
