# SPDX-License-Identifier: Apache-2.0
"""Run calls beside each other, while the main thread alone talks to the ledger."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.jobs import Job
    from airflow_provider_aliyunsms.campaign.outcomes import Outcome


class Pool(Protocol):
    """What the sender needs of its workers."""

    @property
    def busy(self) -> int:
        """Jobs given and not yet taken back."""

    @property
    def free(self) -> bool:
        """Whether a job given now would start at once."""

    def give(self, job: Job) -> None:
        """Hand a job over."""

    def take(self, *, timeout: float) -> tuple[Job, Outcome | Exception] | None:
        """Return the next result, None when there is none within ``timeout`` seconds."""

    def stop(self) -> None:
        """Take no more jobs."""


class Workers:
    """
    A fixed number of threads that take jobs and give results, in any order.

    Daemon threads on purpose: a call that hangs must not keep a killed task's process alive.

    :param work: what to do with a job; whatever it raises becomes the job's result.
    :param count: how many jobs run at once.
    """

    def __init__(self, *, work: Callable[[Job], Outcome], count: int) -> None:
        self._work = work
        self._count = count
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Job, Outcome | Exception]] = queue.SimpleQueue()
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

    def give(self, job: Job) -> None:
        """Hand a job to an idle thread; a new thread is only started when there is work for it."""
        self._busy += 1
        if len(self._threads) < min(self._busy, self._count):
            thread = threading.Thread(target=self._run, name="aliyun-sms-call", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def take(self, *, timeout: float) -> tuple[Job, Outcome | Exception] | None:
        """Return the next result, None when there is none within ``timeout`` seconds."""
        try:
            result = self._results.get(timeout=timeout) if timeout > 0 else self._results.get_nowait()
        except queue.Empty:
            return None
        self._busy -= 1
        return result

    def stop(self) -> None:
        """Let the threads end once they are idle."""
        for _ in self._threads:
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result: Outcome | Exception = self._work(job)
            except Exception as error:  # noqa: BLE001 - the main thread decides what an unforeseen error means
                result = error
            self._results.put((job, result))
