# SPDX-License-Identifier: Apache-2.0
"""
Run calls in several threads, so that they go on while the main thread waits for the ledger.

Queues connect the threads: jobs go from the main thread to the workers, results go back. Look-ups have a queue and
threads of their own: they go to another API, and would hold up the calls that send. Everything else in the pool
belongs to the main thread, so there is no lock. While enough jobs wait for the threads, the main thread is not
woken for each result: it has nothing to give them, and to wake a thread costs more than to deal with its result.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
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
        """Whether a job given now would start at once, if it is no look-up."""

    @property
    def free_to_look(self) -> bool:
        """Whether a look-up given now would start at once."""

    @property
    def waiting(self) -> int:
        """Return the number of jobs that were given and wait for a free thread, without look-ups."""

    def give(self, job: Job) -> None:
        """Hand a job over; it waits while no thread is free."""

    def take(self, *, timeout: float) -> Finished | None:
        """Return the next result, None when there is none within ``timeout`` seconds."""

    def recall(self) -> list[Job]:
        """Take back the jobs that still wait for a thread, in the order in which they were given."""

    def stop(self) -> None:
        """Take no more jobs; the calls in flight go on."""


class MakeWorkers(Protocol):
    """
    Make a pool that runs ``work`` on up to ``count`` jobs at once, each only if ``may_begin`` allows it.

    Beside them it runs up to ``look_ups`` look-ups. With 0, look-ups are among the ``count`` jobs.
    """

    def __call__(
        self,
        *,
        work: Callable[[Job], Outcome],
        may_begin: Callable[[Job], bool],
        count: int,
        look_ups: int = 0,
    ) -> Pool:
        """Return a new pool; no job runs yet."""
        ...


class _Lane:
    """
    One queue of jobs and the threads that take from it; the main thread alone uses all but the queue.

    :param count: how many threads there are at most.
    """

    __slots__ = ("busy", "count", "jobs", "threads")

    def __init__(self, *, count: int) -> None:
        self.count = count
        # Shared by all threads. The main thread puts jobs in; a worker thread, or recall(), takes each of them out.
        # What was written to a job before put() is visible to the thread that gets it, so a job needs no lock.
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # Main thread only, both. A worker thread that changed the number would need a lock, and the sender would not
        # see all results: it stops waiting for them when nothing is busy.
        self.threads: list[threading.Thread] = []
        self.busy = 0

    @property
    def free(self) -> bool:
        return self.busy < self.count


class Workers:
    """
    Run jobs in a fixed number of threads; results come back in any order.

    Only the main thread calls its methods and properties; the threads run :meth:`_run` and nothing else of it.

    The threads are daemon threads, because a call that hangs must not keep a killed task's process alive.

    :param work: called by a worker thread with each job; whatever it raises becomes the job's result.
    :param may_begin: called by a worker thread right before ``work``; a job that may not begin comes back undone.
    :param count: how many jobs run at once, and how many threads there are at most.
    :param look_ups: how many look-ups run beside them, in threads of their own; with 0 they are among the others.
    """

    def __init__(
        self,
        *,
        work: Callable[[Job], Outcome],
        may_begin: Callable[[Job], bool],
        count: int,
        look_ups: int = 0,
    ) -> None:
        self._work = work
        self._may_begin = may_begin
        self._calls = _Lane(count=count)
        self._looks = _Lane(count=look_ups) if look_ups else self._calls
        # Shared by all threads: worker threads append results, the main thread takes them out.
        self._results: deque[tuple[_Lane, Finished]] = deque()
        # Shared by all threads: worker threads put something in when there is a result for which the main thread must
        # wake.
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def busy(self) -> int:
        """Return the number of jobs that were given and not yet taken back."""
        looks, calls = self._looks, self._calls
        return calls.busy if looks is calls else calls.busy + looks.busy

    @property
    def free(self) -> bool:
        """Whether a job given now would start at once, if it is no look-up."""
        return self._calls.free

    @property
    def free_to_look(self) -> bool:
        """Whether a look-up given now would start at once."""
        return self._looks.free

    @property
    def waiting(self) -> int:
        """Return the number of jobs that no thread has taken yet; threads may lower it at any moment."""
        # Only the main thread puts jobs in, so the true number is never higher than this one.
        return self._calls.jobs.qsize()

    def give(self, job: Job) -> None:
        """
        Hand a job to the next idle thread; a new thread is only started when there is work for it.

        From here on the worker thread owns the job. The caller writes no field of it until it comes back. Where this
        machine has no more threads to give, the job waits for one of those that run.

        :raises NotSentError: there is none that runs; the job comes back undone from :meth:`take`.
        """
        lane = self._looks if job.is_look_up else self._calls
        # Before the comparison below, because this job needs a thread, too. Counted after it, there would always be
        # one thread too few: with one call at a time none at all, and the first call would wait forever.
        lane.busy += 1
        if len(lane.threads) >= min(lane.busy, lane.count) or self._start_thread(lane, job):
            lane.jobs.put(job)

    def _start_thread(self, lane: _Lane, job: Job) -> bool:
        """Start a thread, and return whether the job may wait in this lane."""
        thread = threading.Thread(target=self._run, args=(lane,), name="aliyun-sms-call", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            say(
                log,
                logging.WARNING,
                "No further thread could be started: calls go on with %d.",
                len(lane.threads),
            )
            if lane is not self._calls and not lane.threads:
                # With the others from now on: they may have threads, and it is counted there again.
                lane.busy -= 1
                self._looks = self._calls
                self.give(job)
                return False
            lane.count = max(1, len(lane.threads))
            if lane.threads:
                return True
            # Back to the sender, which takes its intent back. Lost, it would be an open intent of a call that was
            # never made, and on Globe its recipients could stay unknown.
            self._results.append((lane, (job, None)))
            raise NotSentError(
                "no thread could be started on this machine, so no call was made",
                advice="Give the worker more memory or a higher limit of processes, then let the task retry.",
            ) from error
        lane.threads.append(thread)
        return True

    def take(self, *, timeout: float) -> Finished | None:
        """
        Return the next result, None when there is none within ``timeout`` seconds.

        A clear acceptance may be told only after that time, while enough jobs wait for the threads.
        """
        until = time.monotonic() + timeout
        # Again and again: what woke this thread may be news of a result that it has taken already.
        while timeout > 0 and not self._results and (left := until - time.monotonic()) > 0:
            self._wait_for_news(left)
        # Only here is a finished job no longer busy, so that "not busy" means: no call is in flight and no outcome
        # waits unread. Counted down by the worker thread, an acceptance could stay in the queue when sending ends;
        # on Globe its recipients could end as "unknown", because nothing there can be looked up.
        if not self._results:
            return None
        lane, result = self._results.popleft()
        lane.busy -= 1
        return result

    def _wait_for_news(self, timeout: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=timeout)
            # Before the results are looked at: what is put in afterwards is news of a result that may be missed now.
            while True:
                self._news.get_nowait()

    def recall(self) -> list[Job]:
        """
        Take back the jobs that no thread has taken yet, in the order in which they were given.

        Their calls were certainly not begun. Look-ups in threads of their own go on: they send nothing. Call it
        before :meth:`stop`.
        """
        # The queue hands each job either to this loop or to one thread, never to both. The sender relies on it: it
        # may send a recalled job again, or record it as not sent. If a thread had begun it as well, its recipients
        # would get two messages.
        jobs: list[Job] = []
        with contextlib.suppress(queue.Empty):
            while (job := self._calls.jobs.get_nowait()) is not None:
                self._calls.busy -= 1
                jobs.append(job)
        return jobs

    def stop(self) -> None:
        """
        Let the threads end once they are idle.

        Call it after the last :meth:`give` and :meth:`recall`: a job put in behind these marks would never be
        taken, and a recall would remove a mark, so that its thread would never end.
        """
        for lane in {self._calls, self._looks}:
            for _ in lane.threads:
                lane.jobs.put(None)

    def _run(self, lane: _Lane) -> None:
        while (job := lane.jobs.get()) is not None:
            # Nothing may be put between may_begin and work: what was allowed must begin at once. After a delay it
            # could begin although a reason to stop has come up.
            try:
                result: Outcome | BaseException | None = self._work(job) if self._may_begin(job) else None
            except BaseException as error:  # noqa: BLE001 - the main thread decides what an unforeseen error means
                result = error
            # The last thing done with the job: from here on the main thread owns it, and this thread must not touch
            # it again. A doubt about its outcome has been raised by now (StartPermits.work), so the main thread
            # cannot settle a doubt that is not counted yet.
            self._results.append((lane, (job, result)))
            # After the result is there: the main thread, once woken, looks for it at once, and then sleeps again.
            if self._is_news(lane, result):
                self._news.put(None)

    def _is_news(self, lane: _Lane, result: Outcome | BaseException | None) -> bool:
        """Return whether the main thread must wake: something is wrong, jobs run out, or many results have come."""
        # With one call at a time no job waits, so that every result is news; so is that of a look-up, after which
        # another one may be due.
        few = lane.count // 2
        if lane.jobs.qsize() <= few or len(self._results) > few:
            return True
        return not isinstance(result, Outcome) or not is_clear(result)
