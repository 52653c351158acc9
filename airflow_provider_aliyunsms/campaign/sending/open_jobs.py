# SPDX-License-Identifier: Apache-2.0
"""
Hold the jobs whose calls ended without a clear outcome, and say which of them is due.

What is done with a job that is due, a look-up or a replay, is decided by ``evidence.py`` and done by ``jobs.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.sending.evidence import REPLAY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy
    from airflow_provider_aliyunsms.campaign.sending.jobs import Job


class OpenJobs:
    """
    The open jobs of one try; every field and method belongs to the main thread.

    :param policy: gives how many calls may be made at once, and how many chunks may be open.
    :param clock: the time.
    """

    def __init__(self, *, policy: SendPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        # Those that no worker thread has.
        self._jobs: list[Job] = []
        # How many the workers have to look up, and to replay.
        self._looking = 0
        self._replaying = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def extend(self, jobs: Iterable[Job]) -> None:
        """Hold the jobs of an earlier try."""
        self._jobs.extend(jobs)

    def add(self, job: Job) -> None:
        """Hold a job that no worker thread has any more."""
        self._jobs.append(job)

    def remove(self, job: Job) -> None:
        """Let go of a job that a worker thread is to get."""
        self._jobs.remove(job)

    def handed_out(self, job: Job) -> None:
        """Count a job that the workers get, if it seeks evidence."""
        self._looking += job.is_look_up
        self._replaying += job.replaying

    def came_back(self, job: Job) -> None:
        """Take back the count of :meth:`handed_out`; once for each, or a place for look-ups is lost for good."""
        self._looking -= job.is_look_up
        self._replaying -= job.replaying

    def due(self, *, replays: bool, all_begun: bool) -> Job | None:
        """
        Return the job to settle next among the calls in flight; None when none is due, or enough are being settled.

        :param replays: whether it may be a replay.
        :param all_begun: no new calls are left to be made; until then half of the threads are kept for these.
        """
        most = self._policy.max_concurrency
        apart = self._policy.most_look_ups > 0
        settling = self._replaying if apart else self._replaying + self._looking
        if settling >= (most if all_begun else max(1, most // 2)):
            return None
        now = self._clock.monotonic()
        due = [job for job in self._jobs if job.due <= now]
        # A replay first: its time in the ledger must not become too old.
        if replays and (job := next((job for job in due if job.wants_replay), None)) is not None:
            return job
        return None if apart else next((job for job in due if not job.wants_replay), None)

    def look_up_due(self) -> Job | None:
        """Return the job to look up next beside the calls in flight; None when none is due, or enough are asked."""
        if self._looking >= self._policy.most_look_ups:
            return None
        now = self._clock.monotonic()
        return next((job for job in self._jobs if job.due <= now and not job.wants_replay), None)

    @property
    def next_due(self) -> float:
        """When the first of them is due, in monotonic seconds; there must be one."""
        return min(job.due for job in self._jobs)

    @property
    def want_replay(self) -> bool:
        """Whether one of them is to be replayed."""
        return any(job.wants_replay for job in self._jobs)

    @property
    def looks_are_due(self) -> bool:
        """Whether one of them was not looked up once, or is to be replayed: that much is waited for."""
        return any(job.wants_replay or job.looked <= int(not job.resumed) for job in self._jobs)

    @property
    def doubtful(self) -> int:
        """Return how many calls of this try ended without a clear response."""
        return sum(1 for job in self._jobs if not job.resumed and not job.is_refused)

    @property
    def hold_back(self) -> bool:
        """
        Whether no new calls are to be made before some of them are settled.

        Chunks of an earlier try do not count: they tell nothing of how the gateway is now, and may have to wait for
        as long as a settle time. Neither do refused chunks, of which there may be more.
        """
        refused = sum(1 for job in self._jobs if job.is_refused)
        return self.doubtful >= self._policy.most_open_chunks or refused >= self._policy.most_refused_chunks

    def drop_old_replays(self, *, every: bool = False) -> None:
        """
        Look up what waited for its replay for too long: another copy would prove nothing any more.

        :param every: what waited for a shorter time as well, because no replay may be made.
        """
        for job in self._jobs:
            if job.wants_replay and (every or self._clock.now() - job.signed_at >= REPLAY_LIMIT):
                # Here, and not only by the thread that would make it: without a place no thread gets it, and the try
                # would wait for ever. Its time in the ledger stays: that of the copy before, or one that is later.
                job.wants_replay = False
