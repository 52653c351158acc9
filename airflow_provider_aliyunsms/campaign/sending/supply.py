# SPDX-License-Identifier: Apache-2.0
"""
Hold what is still to be sent: recipients not cut yet, chunks without an intent, and jobs whose call was not made.

All code here runs in the main thread. The sender asks it for the next job and gives it chunks that have to be sent
anew; it makes no calls.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.spool import Settlement
from airflow_provider_aliyunsms.campaign.chunks import Chunk, cut, make_chunk, probes
from airflow_provider_aliyunsms.campaign.policy import window_chunks
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_aliyunsms.audience.recipients import Members
    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.campaign.groups import Groups
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy
    from airflow_provider_aliyunsms.campaign.sending.bookkeeping import Bookkeeper
    from airflow_provider_aliyunsms.campaign.sending.common_refusal import CommonRefusal
    from airflow_provider_aliyunsms.campaign.sending.jobs import Job


class Supply:
    """
    Cut recipients into chunks, write their intents, and keep the jobs until they are started.

    A chunk is in one place only: not cut yet, ``_again`` or ``_ready``. In two places it would be sent twice.

    :param campaign: the campaign id, with the generation after a resend; part of each chunk's label.
    :param spool: the audience, already loaded.
    :param books: writes the intents.
    :param policy: sizes of chunks and windows.
    :param common: says whether single recipients are to be tried first.
    :param with_message_ids: whether outcomes hold an id for each recipient, which makes windows smaller.
    :param groups: the groups of a split; no chunk holds recipients of two of them, or of one that gets nothing.
    """

    def __init__(
        self,
        *,
        campaign: str,
        spool: Spool,
        books: Bookkeeper,
        policy: SendPolicy,
        common: CommonRefusal,
        with_message_ids: bool,
        groups: Groups | None = None,
    ) -> None:
        self._campaign = campaign
        self._spool = spool
        self._books = books
        self._policy = policy
        self._common = common
        self._groups = groups
        self._with_message_ids = with_message_ids
        self._window_chunks = window_chunks(policy, with_message_ids=with_message_ids)
        # Seconds that the quickest call has taken.
        self._quickest = math.inf
        # A generator that reads nothing yet: its first chunk is cut after the ledger was applied to the spool.
        # Before that, the spool shows recipients of earlier tries as pending, and each of them would get a second
        # message.
        self._fresh: Iterator[Chunk] = self._fresh_chunks()
        self._fresh_left = True
        # Chunks of recipients whose last chunk was split or released; they have no intent yet.
        self._again: deque[Chunk] = deque()
        # Jobs whose intents are in the ledger and whose calls were certainly not begun.
        self._ready: deque[Job] = deque()
        self._on_hold = False

    def hold(self) -> None:
        """
        Let nothing more be sent in this try: whoever is here, or comes back, stays pending for the next one.

        Take back the jobs that wait for a thread before.

        :raises LedgerError: the spool's disk fails.
        """
        self._on_hold = True
        self._fresh, self._fresh_left = iter(()), False
        self.give_back()

    def begin(self) -> None:
        """Look whether anybody is pending, now that the ledger is applied to the spool."""
        self._fresh_left = not self._on_hold and self._spool.counts().pending > 0

    @property
    def ready(self) -> int:
        """How many jobs have their intent in the ledger and may be started."""
        return len(self._ready)

    @property
    def is_used_up(self) -> bool:
        """Whether nobody is left to send to."""
        return not (self._ready or self._again or self._fresh_left)

    @property
    def may_start(self) -> bool:
        """Whether a ready job may be started: while a refusal may be common to all, single recipients only."""
        return bool(self._ready) and (not self._common.is_probing or self._ready[0].probe)

    @property
    def may_cut(self) -> bool:
        """Whether new chunks may be cut and written to the ledger, and there are recipients for them."""
        left = bool(self._again or self._fresh_left)
        if self._common.is_probing:
            # True without anybody to try, it would be the turn of nothing for ever, and no chunk be looked up.
            return self._common.wanted > 0 and (left or self._has_ready_to_withdraw)
        return left and self.may_open_window

    def look_ahead(self) -> bool:
        """Return whether there is a chunk for the next window; only reading the spool shows that it ends."""
        # Kept with those that are sent anew: they stand in no intent yet, as it does. It is behind the cursor of the
        # spool, so nobody cuts its recipients a second time.
        if not self._again and (chunk := self._next_chunk()) is not None:
            self._again.append(chunk)
        return bool(self._again)

    def call_took(self, seconds: float) -> None:
        """Note how long a call that sends has taken; where all of them take long, windows become smaller."""
        if seconds < self._quickest:
            self._quickest = seconds
            self._window_chunks = window_chunks(
                self._policy, with_message_ids=self._with_message_ids, quickest=seconds
            )

    @property
    def has_measured(self) -> bool:
        """Whether a call has ended; until then nothing says how large a second window may be."""
        return self._quickest < math.inf

    @property
    def may_open_window(self) -> bool:
        """Whether fewer windows are in progress than may be."""
        return self._books.windows_under_way < self._policy.open_windows

    def wants_window(self, *, in_reserve: int) -> bool:
        """Return whether a new window is to be opened, because no more than so many jobs are ready."""
        return len(self._ready) <= in_reserve and self.may_open_window

    def next_chunks(self) -> list[Chunk]:
        """Take the chunks of the next window: first those that are sent anew, then recipients not cut yet."""
        chunks: list[Chunk] = []
        while len(chunks) < self._window_chunks:
            chunk = self._next_chunk()
            if chunk is None:
                break
            chunks.append(chunk)
        return chunks

    def open_window(self, chunks: Sequence[Chunk]) -> None:
        """
        Write the intents of chunks to the ledger; their jobs are ready then.

        :raises LedgerError: the ledger takes no write any more. These chunks are dropped and the try has to end; the
            next one finds their recipients pending, or under an earlier intent in the ledger.
        """
        # Jobs exist only when their intents are durable.
        self._ready.extend(self._books.open_window(chunks))

    def open_probes(self) -> None:
        """
        Write the intents of the single recipients that are to be tried, and put their jobs first.

        :raises LedgerError: as :meth:`open_window`.
        """
        chunks: list[Chunk] = []
        while len(chunks) < self._common.wanted and (chunk := self._next_to_probe()) is not None:
            singles, rest = probes(
                campaign=self._campaign, chunk=chunk, count=self._common.wanted - len(chunks)
            )
            chunks += singles
            self.put_first(rest)
        if chunks:
            jobs = self._books.open_window(chunks)
            # After the write: if it fails, no probe is under way, and the try ends.
            self._common.begun(len(jobs))
            for job in reversed(jobs):
                job.probe = True
                self._ready.appendleft(job)

    def next_ready(self) -> Job:
        """
        Take the next ready job; the ledger gets a later time for its call, if its intent is old.

        :raises LedgerError: the ledger takes no write any more; the job stays here.
        """
        # While the job is still in _ready. If the write fails, give_back() finds the job there and records that its
        # call was never made. Taken out before, its intent would stay open, and on Globe, where nothing can be looked
        # up, its recipients could end as "unknown" although nothing was sent to them.
        self._books.renew_intents(self._ready)
        return self._ready.popleft()

    def put_back(self, job: Job) -> None:
        """Put a job first that was handed out and whose call was not begun."""
        if self._on_hold:
            self._books.take_back(job)
            return
        self._ready.appendleft(job)

    def put_first(self, chunks: Sequence[Chunk]) -> None:
        """Send chunks of recipients that were released before anything new: they show soonest what is wrong."""
        if self._on_hold:
            for chunk in chunks:
                self._books.give_back(chunk)
            return
        of_one_group = [part for chunk in chunks if len(chunk) for part in self._by_group(chunk)]
        self._again.extendleft(reversed(of_one_group))

    def give_back(self) -> None:
        """
        Record of everybody left here that no call was made, in spool and ledger; the ledger has to be written yet.

        :raises LedgerError: the spool's disk fails.
        """
        while self._again:
            self._books.give_back(self._again.popleft())
        # Only jobs that were never handed out, were recalled, or came back undone are in _ready: no call of these
        # was begun, so it is safe to record that.
        while self._ready:
            self._books.take_back(self._ready.popleft())

    @property
    def _has_ready_to_withdraw(self) -> bool:
        """Whether some ready job is no probe; probes stand in front of all others."""
        return bool(self._ready) and not self._ready[-1].probe

    def _next_chunk(self) -> Chunk | None:
        if self._again:
            return self._again.popleft()
        chunk = next(self._fresh, None)
        self._fresh_left = self._fresh_left and chunk is not None
        return chunk

    def _next_to_probe(self) -> Chunk | None:
        chunk = self._next_chunk()
        if chunk is None and self._has_ready_to_withdraw:
            # Its call was not made: the ready jobs are those that no worker thread has.
            job = self._ready.pop()
            self._books.withdraw(job)
            chunk = job.chunk
        return chunk

    def _by_group(self, chunk: Chunk) -> list[Chunk]:
        """Cut a chunk by group: those of an earlier try may hold several, if the split has changed since."""
        if self._groups is None:
            return [chunk]
        parts = self._groups.divided(chunk.members)
        found: list[Chunk] = []
        for name, members in parts:
            if not self._gets_something(name, members):
                continue
            whole = len(parts) == 1
            made = chunk if whole else make_chunk(campaign=self._campaign, members=members)
            found.append(made if whole else replace(made, mixed=chunk.mixed))
        return found

    def _gets_something(self, name: str, members: Members) -> bool:
        """Return whether a group gets a message; if not, record that its members are skipped."""
        if self._groups is None or name in self._groups.texts:
            return True
        skipped = Settlement(members.keys, "skipped", LocalCode.HOLDOUT.value)
        self._spool.settle(out_id="", biz_id=None, time="", settlements=[skipped])
        return False

    def _fresh_chunks(self) -> Iterator[Chunk]:
        size = self._policy.chunk_size
        batches = self._spool.unsettled(batch=size * 8)
        if self._groups is None:
            yield from cut(campaign=self._campaign, batches=batches, size=size)
            return
        for name, members in self._groups.batches(batches, size=size):
            if self._gets_something(name, members):
                yield from cut(campaign=self._campaign, batches=[members], size=size)
