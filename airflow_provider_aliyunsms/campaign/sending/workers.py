# SPDX-License-Identifier: Apache-2.0
"""
Run calls in several threads, so that they go on while the main thread waits for the ledger.

Two queues connect the threads: jobs go from the main thread to the workers, results go back. Everything else in the
pool belongs to the main thread, so there is no lock. While enough jobs wait for the threads, the main thread is not
woken for each result: it has nothing to give them, and to wake a thread costs more than to deal with its result.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from airflow_provider_aliyunsms.campaign.outcomes import Outcome
from airflow_provider_aliyunsms.campaign.sending.permits import is_clear
from airflow_provider_aliyunsms.exceptions import NotSentError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.sending.jobs import Job

log = logging.getLogger(__name__)

Finished = tuple["Job", "Outcome | BaseException | None"]
"""A job with its outcome, with the error its call raised, or with None when the job was not begun."""


class Pool(Protocol):
    """Define what the sender needs of its workers; only the main thread uses it."""

    @property
    def busy(self) -> int:
        """Return the number of jobs that were given and not yet taken back."""

    @property
    def free(self) -> bool:
        """Whether a job given now would start at once."""

    @property
    def waiting(self) -> int:
        """Return the number of jobs that were given and wait for a free thread."""

    def give(self, job: Job) -> None:
        """Hand a job over; it waits while no thread is free."""

    def take(self, *, timeout: float) -> Finished | None:
        """Return the next result, None when there is none within ``timeout`` seconds."""

    def recall(self) -> list[Job]:
        """Take back the jobs that still wait for a thread, in the order in which they were given."""

    def stop(self) -> None:
        """Take no more jobs; the calls in flight go on."""


class MakeWorkers(Protocol):
    """Make a pool that runs ``work`` on up to ``count`` jobs at once, each only if ``may_begin`` allows it."""

    def __call__(
        self, *, work: Callable[[Job], Outcome], may_begin: Callable[[Job], bool], count: int
    ) -> Pool:
        """Return a new pool; no job runs yet."""
        ...


class Workers:
    """
    Run jobs in a fixed number of threads; results come back in any order.

    Only the main thread calls its methods and properties; the threads run :meth:`_run` and nothing else of it.

    The threads are daemon threads, because a call that hangs must not keep a killed task's process alive.

    :param work: called by a worker thread with each job; whatever it raises becomes the job's result.
    :param may_begin: called by a worker thread right before ``work``; a job that may not begin comes back undone.
    :param count: how many jobs run at once, and how many threads there are at most.
    """

    def __init__(
        self, *, work: Callable[[Job], Outcome], may_begin: Callable[[Job], bool], count: int
    ) -> None:
        self._work = work
        self._may_begin = may_begin
        self._count = count
        # Shared by all threads. The main thread puts jobs in; a worker thread, or recall(), takes each of them out.
        # What was written to a job before put() is visible to the thread that gets it, so a job needs no lock.
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # Shared by all threads: worker threads append results, the main thread takes them out.
        self._results: deque[Finished] = deque()
        # Shared by all threads: worker threads put something in when there is a result for which the main thread must
        # wake.
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        # Main thread only, both. A worker thread that changed _busy would need a lock, and the sender would not see
        # all results: it stops waiting for them when _busy is 0.
        self._threads: list[threading.Thread] = []
        self._busy = 0

    @property
    def busy(self) -> int:
        """Return the number of jobs that were given and not yet taken back."""
        return self._busy

    @property
    def free(self) -> bool:
        """Whether a job given now would start at once."""
        return self._busy < self._count

    @property
    def waiting(self) -> int:
        """Return the number of jobs that no thread has taken yet; threads may lower it at any moment."""
        # Only the main thread puts jobs in, so the true number is never higher than this one.
        return self._jobs.qsize()

    def give(self, job: Job) -> None:
        """
        Hand a job to the next idle thread; a new thread is only started when there is work for it.

        From here on the worker thread owns the job. The caller writes no field of it until it comes back. Where this
        machine has no more threads to give, the job waits for one of those that run.

        :raises NotSentError: there is none that runs; the job comes back undone from :meth:`take`.
        """
        # Before the comparison below, because this job needs a thread, too. Counted after it, there would always be
        # one thread too few: with one call at a time none at all, and the first call would wait forever.
        self._busy += 1
        if len(self._threads) < min(self._busy, self._count):
            self._start_thread(job)
        self._jobs.put(job)

    def _start_thread(self, job: Job) -> None:
        thread = threading.Thread(target=self._run, name="aliyun-sms-call", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            say(
                log,
                logging.WARNING,
                "No further thread could be started: calls go on with %d.",
                len(self._threads),
            )
            self._count = max(1, len(self._threads))
            if self._threads:
                return
            # Back to the sender, which takes its intent back. Lost, it would be an open intent of a call that was
            # never made, and on Globe its recipients could stay unknown.
            self._results.append((job, None))
            raise NotSentError(
                "no thread could be started on this machine, so no call was made",
                advice="Give the worker more memory or a higher limit of processes, then let the task retry.",
            ) from error
        self._threads.append(thread)

    def take(self, *, timeout: float) -> Finished | None:
        """
        Return the next result, None when there is none within ``timeout`` seconds.

        A clear acceptance may be told only after that time, while enough jobs wait for the threads.
        """
        if timeout > 0 and not self._results:
            self._wait_for_news(timeout)
        # Only here is a finished job no longer busy, so that "not busy" means: no call is in flight and no outcome
        # waits unread. Counted down by the worker thread, an acceptance could stay in the queue when sending ends;
        # on Globe its recipients could end as "unknown", because nothing there can be looked up.
        if not self._results:
            return None
        self._busy -= 1
        return self._results.popleft()

    def _wait_for_news(self, timeout: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=timeout)
            # Before the results are looked at: what is put in afterwards is news of a result that may be missed now.
            while True:
                self._news.get_nowait()

    def recall(self) -> list[Job]:
        """
        Take back the jobs that no thread has taken yet, in the order in which they were given.

        Their calls were certainly not begun. Call it before :meth:`stop`.
        """
        # The queue hands each job either to this loop or to one thread, never to both. The sender relies on it: it
        # may send a recalled job again, or record it as not sent. If a thread had begun it as well, its recipients
        # would get two messages.
        jobs: list[Job] = []
        with contextlib.suppress(queue.Empty):
            while (job := self._jobs.get_nowait()) is not None:
                self._busy -= 1
                jobs.append(job)
        return jobs

    def stop(self) -> None:
        """
        Let the threads end once they are idle.

        Call it after the last :meth:`give` and :meth:`recall`: a job put in behind these marks would never be
        taken, and a recall would remove a mark, so that its thread would never end.
        """
        for _ in self._threads:
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            # Nothing may be put between may_begin and work: what was allowed must begin at once. After a delay it
            # could begin although a reason to stop has come up.
            try:
                result: Outcome | BaseException | None = self._work(job) if self._may_begin(job) else None
            except BaseException as error:  # noqa: BLE001 - the main thread decides what an unforeseen error means
                result = error
            # The last thing done with the job: from here on the main thread owns it, and this thread must not touch
            # it again. A doubt about its outcome has been raised by now (StartPermits.work), so the main thread
            # cannot settle a doubt that is not counted yet.
            self._results.append((job, result))
            # After the result is there: the main thread, once woken, looks for it at once, and then sleeps again.
            if self._is_news(result):
                self._news.put(None)

    def _is_news(self, result: Outcome | BaseException | None) -> bool:
        """Return whether the main thread must wake: something is wrong, jobs run out, or many results have come."""
        # With one call at a time no job waits, so that every result is news.
        few = self._count // 2
        if self._jobs.qsize() <= few or len(self._results) > few:
            return True
        return not isinstance(result, Outcome) or not is_clear(result)
