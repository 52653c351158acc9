# SPDX-License-Identifier: Apache-2.0
"""Run calls beside each other, and on while the main thread, which alone talks to the ledger, waits for it."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.outcomes import Outcome
    from airflow_provider_aliyunsms.campaign.sending.jobs import Job

Finished = tuple["Job", "Outcome | BaseException | None"]
"""A job and what came of it; None when it was not begun."""


class Pool(Protocol):
    """What the sender needs of its workers."""

    @property
    def busy(self) -> int:
        """Jobs given and not yet taken back."""

    @property
    def free(self) -> bool:
        """Whether a job given now would start at once."""

    @property
    def waiting(self) -> int:
        """Jobs given whose turn has not come."""

    def give(self, job: Job) -> None:
        """Hand a job over; while none is free it waits for its turn."""

    def take(self, *, timeout: float) -> Finished | None:
        """Return the next result, None when there is none within ``timeout`` seconds."""

    def recall(self) -> list[Job]:
        """Take back the jobs whose turn has not come, in the order in which they were given."""

    def stop(self) -> None:
        """Take no more jobs."""


class MakeWorkers(Protocol):
    """Make a pool that does ``work`` on ``count`` jobs at once, each only if it ``may_begin`` when its turn comes."""

    def __call__(
        self, *, work: Callable[[Job], Outcome], may_begin: Callable[[Job], bool], count: int
    ) -> Pool:
        """Make one."""
        ...


class Workers:
    """
    A fixed number of threads that take jobs and give results, in any order.

    Daemon threads on purpose: a call that hangs must not keep a killed task's process alive.

    :param work: what to do with a job; whatever it raises becomes the job's result.
    :param may_begin: asked right before; a job that may not begin comes back undone.
    :param count: how many jobs run at once.
    """

    def __init__(
        self, *, work: Callable[[Job], Outcome], may_begin: Callable[[Job], bool], count: int
    ) -> None:
        self._work = work
        self._may_begin = may_begin
        self._count = count
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    @property
    def busy(self) -> int:
        """Jobs given and not yet taken back."""
        return self._busy

    @property
    def free(self) -> bool:
        """Whether a job given now would start at once."""
        return self._busy < self._count

    @property
    def waiting(self) -> int:
        """Jobs given that no thread has taken yet."""
        return self._jobs.qsize()

    def give(self, job: Job) -> None:
        """Hand a job to the next idle thread; a new thread is only started when there is work for it."""
        self._busy += 1
        if len(self._threads) < min(self._busy, self._count):
            thread = threading.Thread(target=self._run, name="aliyun-sms-call", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def take(self, *, timeout: float) -> Finished | None:
        """Return the next result, None when there is none within ``timeout`` seconds."""
        try:
            result = self._results.get(timeout=timeout) if timeout > 0 else self._results.get_nowait()
        except queue.Empty:
            return None
        self._busy -= 1
        return result

    def recall(self) -> list[Job]:
        """Take back the jobs that no thread has taken yet."""
        jobs: list[Job] = []
        with contextlib.suppress(queue.Empty):
            while (job := self._jobs.get_nowait()) is not None:
                self._busy -= 1
                jobs.append(job)
        return jobs

    def stop(self) -> None:
        """Let the threads end once they are idle."""
        for _ in self._threads:
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result: Outcome | BaseException | None = self._work(job) if self._may_begin(job) else None
            except BaseException as error:  # noqa: BLE001 - the main thread decides what an unforeseen error means
                result = error
            self._results.put((job, result))
