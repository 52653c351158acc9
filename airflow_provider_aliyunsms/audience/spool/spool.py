# SPDX-License-Identifier: Apache-2.0
"""The campaign's local working copy: who is in it, what is still open, and what became of everyone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator
from itertools import compress
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.disk import disk_before_sending, disk_while_sending
from airflow_provider_aliyunsms.audience.recipients import Members
from airflow_provider_aliyunsms.audience.rules import prepare_block
from airflow_provider_aliyunsms.audience.spool.database import SpoolFile
from airflow_provider_aliyunsms.audience.spool.outcomes import SpoolOutcomes
from airflow_provider_aliyunsms.audience.spool.pages import KeyShards, SpoolPages, pack_keys
from airflow_provider_aliyunsms.audience.spool.records import (
    OUTCOMES,
    PENDING,
    REJECTED,
    SKIPPED,
    ReceiptRun,
    Rejection,
    Settlement,
    SpoolCounts,
)
from airflow_provider_aliyunsms.audience.spool.states import RowState, SpoolStates
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from airflow_provider_aliyunsms.audience.recipients import Recipient
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import PreparedBlock, RecipientRules

__all__ = ["ReceiptRun", "Rejection", "Settlement", "Spool", "SpoolCounts"]

_TWIN = RowState(SKIPPED, LocalCode.DUPLICATE.value, local=True)


class Spool:
    """
    All rows of a campaign on local disk: memory stays flat and every count is known before the first send.

    For one thread, the one that made it. It is a cache: the source fills it and the ledger settles it, so
    losing it loses nothing. :meth:`close` deletes it.

    :param directory: where the private directory is made; the system's temporary directory by default.
    :raises AudienceError: when that place cannot be written to.
    """

    def __init__(self, *, directory: Path | None = None) -> None:
        self._file = SpoolFile(directory)
        self._db = self._file.connection
        self._pages = SpoolPages(self._db)
        self._states = SpoolStates(self._db)
        self._outcomes = SpoolOutcomes(self._db, pages=self._pages, states=self._states)
        self._total = 0
        self._ready = 0
        self._digest: str | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete everything. May be called twice."""
        self._file.close()

    def load(
        self,
        blocks: Iterable[Block],
        *,
        rules: RecipientRules,
        keys_of: Callable[[Sequence[str], Sequence[str]], Sequence[int]],
    ) -> None:
        """
        Take in the whole audience, once.

        A row that the rules reject is kept with its reason, a row whose key was there before as skipped. About
        3 microseconds a row. Whatever stops it, the spool is of no use afterwards and must be closed.

        :param keys_of: makes a key of each number with its content.
        :raises AudienceError: when the source cannot be read or the disk is full; nothing was sent.
        """
        if self._digest is not None:
            msg = "a spool is loaded once"
            raise RuntimeError(msg)
        shards = KeyShards(self._db)
        with disk_before_sending():
            self._db.execute("BEGIN")
        source = iter(blocks)
        try:
            for block in source:
                prepared = prepare_block(block, rules=rules)
                good = [*map(bool, prepared.contents)]
                keys = keys_of([*compress(prepared.numbers, good)], [*compress(prepared.contents, good)])
                with disk_before_sending():
                    shards.add(keys)
                    self._take_in(prepared, keys=keys, good=good)
        finally:
            # Left alone, it would keep its file or its database open for as long as the error is handled.
            if isinstance(source, Generator):
                source.close()
        with disk_before_sending():
            for twins in shards.twins():
                self._skip_twins(twins)
            self._db.execute("COMMIT")
            self._ready, self._digest = self._fingerprint()

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self._total

    @property
    def ready(self) -> int:
        """How many of them can be sent to, settled or not."""
        return self._ready

    @property
    def digest(self) -> str:
        """A fingerprint of the sendable recipients in order: equal for equal audiences of one campaign."""
        if self._digest is None:
            msg = "the spool is not loaded"
            raise RuntimeError(msg)
        return self._digest

    def local_errors(self) -> dict[str, int]:
        """How often each local code occurs, duplicates included."""
        return {ending.code: count for ending, count in self._states.tally() if ending.local and ending.code}

    def first_rejections(self, limit: int) -> list[Rejection]:
        """The first rows that were refused here, to show what is wrong; duplicates are not among them."""
        query = "SELECT row, code, field, reason FROM rejection ORDER BY seq LIMIT ?"
        with disk_while_sending():
            return [Rejection(*found) for found in self._db.execute(query, (limit,))]

    def unsettled(self, *, batch: int) -> Iterator[Members]:
        """
        Recipients without an outcome in the order of their rows, ``batch`` at a time with their keys.

        They are read when they are asked for, so :meth:`settle` may run in between. Nobody comes twice in
        one iteration, settled or not.
        """
        if batch < 1:
            msg = "a batch holds at least one"
            raise ValueError(msg)
        self._outcomes.begin_reading()
        waiting = Members()
        for page in range(1, self._pages.count + 1):
            with disk_while_sending():
                waiting = waiting.and_then(self._outcomes.pending(page))
            start = 0
            while len(waiting) - start >= batch:
                yield waiting.part(start, start + batch)
                start += batch
            waiting = waiting.part(start)
        if waiting:
            yield waiting

    def find(self, keys: Sequence[int]) -> dict[int, Recipient]:
        """The recipients with these keys; a key that is not here is left out."""
        with disk_while_sending():
            return dict(self._outcomes.find(keys))

    def settle(self, *, out_id: str, biz_id: str | None, time: str, settlements: Iterable[Settlement]) -> int:
        """
        Record the outcomes of one chunk; a later one overwrites an earlier one, and unknown keys are ignored.

        A tenth of a microsecond a recipient; several the first time that one is not as :meth:`unsettled` gave it.

        :returns: how many recipients were found.
        :raises LedgerError: when the disk fails; the ledger knows what was sent, so a retry resumes.
        """
        with disk_while_sending():
            return self._outcomes.settle(out_id=out_id, biz_id=biz_id, time=time, settlements=settlements)

    def reopen(self, keys: Sequence[int]) -> int:
        """
        Take the outcomes of recipients back, so that they are pending again; unknown keys are ignored.

        :returns: how many recipients were found.
        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        with disk_while_sending():
            return self._outcomes.reopen(keys)

    def counts(self) -> SpoolCounts:
        """How many rows ended how, at this moment; costs nothing."""
        found = Counter[str]()
        for ending, count in self._states.tally():
            found[ending.outcome] += count
        return SpoolCounts(total=self._total, **{name: found[name] for name in (*sorted(OUTCOMES), PENDING)})

    def errors(self) -> dict[str, int]:
        """How often each code occurs among what was not accepted; without a code, the outcome counts."""
        found = Counter[str]()
        for ending, count in self._states.tally():
            if ending.outcome in OUTCOMES and ending.outcome != "accepted":
                found[ending.code or ending.outcome] += count
        return dict(sorted(found.items()))

    def receipts(self) -> Iterator[ReceiptRun]:
        """Receipts for all rows in input order; rows without an outcome are ``pending``."""
        for page in range(1, self._pages.count + 1):
            with disk_while_sending():
                runs = [*self._outcomes.receipts(page)]
            yield from runs

    def _take_in(self, prepared: PreparedBlock, *, keys: Sequence[int], good: Sequence[bool]) -> None:
        if prepared.refusals:
            found = iter(keys)
            keys = [next(found) if one else 0 for one in good]
        page = self._pages.append(prepared, keys=keys)
        self._states.add_page(page, size=len(keys))
        for refusal in prepared.refusals:
            code, place = refusal.reason.code.value, refusal.position
            self._states.change(
                page, start=place, stop=place + 1, ending=RowState(REJECTED, code, local=True)
            )
        self._db.executemany(
            "INSERT INTO rejection (seq, row, code, field, reason) VALUES (?, ?, ?, ?, ?)",
            [
                (
                    self._total + one.position,
                    one.row,
                    one.reason.code.value,
                    one.reason.field,
                    one.reason.reason,
                )
                for one in prepared.refusals
            ],
        )
        self._total += len(keys)

    def _skip_twins(self, twins: set[int]) -> None:
        seen: set[int] = set()
        for page in range(1, self._pages.count + 1):
            keys = self._pages.keys(page)
            here = twins.intersection(keys)
            if not here:
                continue
            endings = self._states.page(page).endings
            for position, key in enumerate(keys):
                if key not in here or endings[position]:
                    continue
                if key in seen:
                    self._states.change(page, start=position, stop=position + 1, ending=_TWIN)
                seen.add(key)

    def _fingerprint(self) -> tuple[int, str]:
        count = 0
        digest = hashlib.blake2b(digest_size=32)
        for page in range(1, self._pages.count + 1):
            endings = self._states.page(page).endings
            if any(endings):
                keys = [
                    key for key, ending in zip(self._pages.keys(page), endings, strict=True) if not ending
                ]
                packed = pack_keys(keys)
            else:
                packed = self._pages.packed_keys(page)
            digest.update(packed)
            count += len(packed) // 8
        return count, digest.hexdigest()
