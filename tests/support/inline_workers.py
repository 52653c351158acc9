# SPDX-License-Identifier: Apache-2.0
"""The sender's pool without threads, so that a test says what happens when."""

from __future__ import annotations

from collections import deque


class InlineWorkers:
    """
    The worker pool without threads: calls under way are answered when the sender asks for a result.

    As with threads, ``count`` jobs are under way at once, and others wait for their turn; ``look_ups`` look-ups are
    under way beside them.

    :ivar longest_queue: how many jobs have waited at once.
    :ivar hangs: no call ends any more.
    """

    def __init__(self, *, work, may_begin, count, clock, look_ups=0) -> None:
        self._work = work
        self._may_begin = may_begin
        self._count = count
        self._look_ups = look_ups
        self._clock = clock
        self._waiting = deque()
        self._under_way = deque()
        self._results = deque()
        self.longest_queue = 0
        self.hangs = False

    @property
    def busy(self) -> int:
        return len(self._waiting) + len(self._under_way) + len(self._results)

    @property
    def free(self) -> bool:
        return self.busy - self._looking < self._count

    @property
    def free_to_look(self) -> bool:
        return self._looking < self._look_ups if self._look_ups else self.free

    @property
    def _looking(self) -> int:
        jobs = [*self._waiting, *self._under_way, *(job for job, _ in self._results)]
        return sum(self._is_beside(job) for job in jobs)

    def _is_beside(self, job) -> bool:
        return self._look_ups > 0 and job.is_look_up

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def give(self, job) -> None:
        if self._is_beside(job):
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)
        self._begin_next()
        self.longest_queue = max(self.longest_queue, self.waiting)

    def take(self, *, timeout):
        if not self._results:
            if timeout == 0 and self.free:
                return None
            if not self.go_on(calls=1):
                self._clock.sleep(timeout)
                return None
        return self._results.popleft()

    def go_on(self, *, calls: int) -> bool:
        """Let so many calls end and others begin in their places, whatever the main thread does meanwhile."""
        for _ in range(min(calls, self.busy)):
            if self._under_way and not self.hangs:
                job = self._under_way.popleft()
                self._clock.sleep(0.05)
                try:
                    self._results.append((job, self._work(job)))
                except Exception as error:  # noqa: BLE001 - as the real pool does: the sender decides
                    self._results.append((job, error))
                self._begin_next()
        return bool(self._results)

    def _begin_next(self) -> None:
        while self._waiting and (
            self._is_beside(self._waiting[0])
            or sum(not self._is_beside(job) for job in self._under_way) < self._count
        ):
            job = self._waiting.popleft()
            if self._may_begin(job):
                self._under_way.append(job)
            else:
                self._results.append((job, None))

    def recall(self):
        jobs = list(self._waiting)
        self._waiting.clear()
        return jobs

    def stop(self) -> None:
        assert not self._waiting, "what waits must be taken back before the end"
        self._under_way.clear()
