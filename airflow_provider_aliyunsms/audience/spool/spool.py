# SPDX-License-Identifier: Apache-2.0
"""Keep all rows of a campaign with their outcomes in a private file on local disk, for one try."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator
from itertools import compress
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.disk import disk_before_sending, disk_while_sending
from airflow_provider_aliyunsms.audience.recipients import Members
from airflow_provider_aliyunsms.audience.rules import PreparedBlock, prepare_block
from airflow_provider_aliyunsms.audience.spool.database import SpoolFile
from airflow_provider_aliyunsms.audience.spool.number_index import NumberedRow, NumberIndex, UnmatchedRecords
from airflow_provider_aliyunsms.audience.spool.outcomes import SpoolOutcomes
from airflow_provider_aliyunsms.audience.spool.pages import KeyShards, SpoolPages, pack_keys
from airflow_provider_aliyunsms.audience.spool.records import (
    OUTCOMES,
    PENDING,
    REJECTED,
    SKIPPED,
    ReceiptRun,
    Rejection,
    RejectionGroup,
    Settlement,
    SpoolCounts,
    SpoolRows,
)
from airflow_provider_aliyunsms.audience.spool.states import RowState, SpoolStates
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from airflow_provider_aliyunsms.audience.recipients import LedgerKeys, Recipient
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.audience.shards import ShardCut

__all__ = ["ReceiptRun", "Rejection", "Settlement", "Spool", "SpoolCounts"]

_TWIN = RowState(SKIPPED, LocalCode.DUPLICATE.value, local=True)


class Spool:
    """
    All rows of a campaign on local disk, with the outcome of each.

    Memory use does not grow with the audience, and every count is known before the first send. Only the thread that
    made it may use it. It is a cache: it is filled from the source and its outcomes come from the ledger, so that
    nothing is lost with it. Use it as a context manager; :meth:`close` deletes it.

    :param directory: the parent of the private directory; the system's temporary directory by default.
    :raises AudienceError: when that directory cannot be written to.
    """

    def __init__(self, *, directory: Path | None = None) -> None:
        self._file = SpoolFile(directory)
        self._db = self._file.connection
        self._pages = SpoolPages(self._db)
        self._states = SpoolStates(self._db)
        self._outcomes = SpoolOutcomes(self._db, pages=self._pages, states=self._states)
        self._numbers = NumberIndex(self._db)
        self.unmatched = UnmatchedRecords(self._db)
        self._total = 0
        self._ready = 0
        self._repeated_numbers = 0
        self._repeated_rows = 0
        self._digest: str | None = None
        self._begun = False

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the file and its directory. A second call does nothing."""
        self._file.close()

    def load(
        self,
        blocks: Iterable[Block],
        *,
        rules: RecipientRules,
        keys_of: Callable[[Sequence[str], Sequence[str]], Sequence[int]],
        by_content: bool = True,
        shard: ShardCut | None = None,
    ) -> None:
        """
        Read, check and store the whole audience, or one shard of it; call this once, before any other method.

        A row that the rules reject is kept with its reason. A row whose key an earlier row has is kept as skipped.
        After any error the spool cannot be used and must be closed.

        :param blocks: the rows; a generator is closed at the end.
        :param rules: the rules of the product.
        :param keys_of: makes the recipient keys from numbers and their contents.
        :param by_content: the keys cover the content, so that one number may have several rows. They are counted.
        :param shard: keeps the rows of one shard; the others are checked, too, and take no disk.
        :raises AudienceError: when the source cannot be read, a row shows a mistake in the whole audience, or the
            disk is full; nothing was sent.
        :raises RuntimeError: when the spool was loaded before, or loading it has failed.
        """
        if self._begun:
            msg = "a spool is loaded once"
            raise RuntimeError(msg)
        self._begun = True
        shards = KeyShards(self._db)
        numbers = KeyShards(self._db, table="number_shard") if by_content else None
        # One transaction from here to the COMMIT below: without it SQLite would commit after each statement.
        with disk_before_sending():
            self._db.execute("BEGIN")
        source = iter(blocks)
        try:
            # The source is read outside disk_before_sending: its errors must not be reported as a full disk.
            for block in source:
                prepared = prepare_block(block, rules=rules)
                if shard is not None:
                    prepared = shard.part_of(prepared)
                    if not prepared.numbers:
                        continue
                good_numbers, good_contents = prepared.good()
                keys = keys_of(good_numbers, good_contents)
                with disk_before_sending():
                    shards.add(keys)
                    if numbers is not None:
                        # Python's own hashes of the texts: they do not leave this process.
                        numbers.add([*map(hash, good_numbers)])
                    self._take_in(prepared, keys=keys)
            rules.check_all()
        finally:
            # Otherwise the generator's file or database cursor would stay open for as long as the error is handled.
            if isinstance(source, Generator):
                source.close()
        with disk_before_sending():
            # This order must stay. Twins are marked first, because the digest covers only rows that can be sent to.
            # Both run before any outcome is recorded: they take a row with an outcome for one that cannot be sent to.
            for twins in shards.twins():
                self._skip_twins(twins)
            if numbers is not None:
                for repeated in numbers.twins():
                    self._count_repeated(repeated)
            self._db.execute("COMMIT")
            self._ready, self._digest = self._fingerprint()

    @property
    def total(self) -> int:
        """The number of rows."""
        return self._total

    @property
    def repeated_numbers(self) -> int:
        """The number of phone numbers that have several rows with different contents."""
        return self._repeated_numbers

    @property
    def repeated_rows(self) -> int:
        """The number of rows that send to a number to which an earlier row sends another content."""
        return self._repeated_rows

    @property
    def ready(self) -> int:
        """The number of rows that can be sent to, with or without an outcome so far."""
        return self._ready

    @property
    def digest(self) -> str:
        """A hash of the keys of all recipients that can be sent to, in order; equal for the same audience."""
        if self._digest is None:
            msg = "the spool is not loaded"
            raise RuntimeError(msg)
        return self._digest

    def local_errors(self) -> dict[str, int]:
        """Return how often each code of rows rejected or skipped before sending occurs; duplicates included."""
        return {ending.code: count for ending, count in self._states.tally() if ending.local and ending.code}

    def first_rejections(self, limit: int) -> list[Rejection]:
        """Return the first rows that the rules rejected, at most ``limit``; duplicates are not among them."""
        query = "SELECT row, code, field, reason, line FROM rejection ORDER BY seq LIMIT ?"
        with disk_while_sending():
            return [Rejection(*found) for found in self._db.execute(query, (limit,))]

    def rejection_groups(self, *, groups: int, rows: int) -> list[RejectionGroup]:
        """
        Return the rejected rows by code, column and reason, the largest groups first.

        :param groups: how many groups to return at most.
        :param rows: how many rows to name of each group at most.
        """
        sums = (
            "SELECT code, field, reason, COUNT(*) FROM rejection "
            "GROUP BY code, field, reason ORDER BY 4 DESC, MIN(seq) LIMIT ?"
        )
        query = (
            "SELECT row, code, field, reason, line FROM rejection "
            "WHERE code = ? AND field = ? AND reason = ? ORDER BY seq LIMIT ?"
        )
        with disk_while_sending():
            found = self._db.execute(sums, (groups,)).fetchall()
            return [
                RejectionGroup(
                    code=code,
                    field=field,
                    count=count,
                    first=[Rejection(*row) for row in self._db.execute(query, (code, field, reason, rows))],
                )
                for code, field, reason, count in found
            ]

    def members(self) -> Iterator[Members]:
        """Yield all recipients that can be sent to, in the order of their rows, one page at a time."""
        for page in range(1, self._pages.count + 1):
            with disk_while_sending():
                wanted = [not ending for ending in self._states.page(page).endings]
                yield self._pages.members(page, wanted=wanted)

    def unsettled(self, *, batch: int) -> Iterator[Members]:
        """
        Yield the recipients without an outcome with their keys, in the order of their rows, ``batch`` at a time.

        Each page is read only when it is needed, so :meth:`settle` may be called in between. No recipient comes twice
        in one iteration, with an outcome or without.

        :param batch: recipients in each item but the last, which may hold fewer; at least 1.
        :raises LedgerError: when the disk fails; the ledger holds what was sent, so a retry resumes.
        """
        if batch < 1:
            msg = "a batch holds at least one"
            raise ValueError(msg)
        self._outcomes.begin_reading()
        waiting = Members()
        # Each page is read once and never again: a recipient that is pending again must not come a second time here.
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

    def rows(self, *, pending: bool = False) -> Iterator[SpoolRows]:
        """
        Yield the rows that can be sent to, page by page, with their outcomes; remembers nothing of them.

        :meth:`skip` may be called in between, with rows just yielded.

        :param pending: only those without an outcome.
        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        for page in range(1, self._pages.count + 1):
            with disk_while_sending():
                rows = self._outcomes.rows(page, pending=pending)
            if rows.places:
                yield rows

    def skip(self, places: Sequence[int], *, code: str) -> int:
        """
        Record that rows get nothing, for a reason that was found before any call for them.

        A row that has an outcome keeps it.

        :param places: of rows that :meth:`rows` yielded, in that order.
        :returns: how many rows changed.
        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        with disk_while_sending():
            return self._outcomes.skip(places, code=code)

    def find(self, keys: Sequence[int]) -> dict[int, Recipient]:
        """
        Return the recipients with these keys, by key; a key that is not here is left out.

        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        with disk_while_sending():
            return dict(self._outcomes.find(keys))

    def index_numbers(self, keys: LedgerKeys) -> None:
        """
        Make the rows known by the hashes of a ledger, for :meth:`rows_of`; call this once.

        It costs a pass over the audience, and some bytes of disk for each row.
        """
        with disk_while_sending():
            self._numbers.make(self._outcomes.numbered(keys))

    def rows_of(self, number_keys: Sequence[int]) -> dict[int, list[NumberedRow]]:
        """Return the rows that can be sent to, by number key; a key that is not here is left out."""
        found: dict[int, list[NumberedRow]] = {}
        with disk_while_sending():
            for row in self._numbers.find(number_keys):
                found.setdefault(row.number_key, []).append(row)
            self._outcomes.remember(row for rows in found.values() for row in rows)
        return found

    def is_pending(self, row: NumberedRow) -> bool:
        """Return whether a row has no outcome yet."""
        return self._outcomes.is_pending(row.place)

    def add_absent(self, keys: Sequence[int]) -> None:
        """
        Add rows for recipients that an earlier try had and the audience does not have any more.

        Their numbers are not known. Give each of them an outcome before anything is read: a pending one would be sent
        to.

        :param keys: one for each, unlike every other key.
        """
        size = len(keys)
        empty = PreparedBlock(numbers=[""] * size, contents=[""] * size, given=None, refusals=[])
        with disk_while_sending():
            page = self._pages.append(empty, keys=keys)
            self._states.add_page(page, size=size)
            self._outcomes.remember_page(page, keys)
        self._total += size

    def settle(self, *, out_id: str, biz_id: str | None, time: str, settlements: Iterable[Settlement]) -> int:
        """
        Record the outcomes of one chunk; a later outcome of a recipient replaces an earlier one.

        Keys that are not in the spool are ignored. The call costs least when the recipients are in the order in which
        :meth:`unsettled` yielded them. The first recipient that :meth:`unsettled` did not yield costs one pass over
        all keys, to make an index.

        :param out_id: the label that was sent with the call.
        :param biz_id: the id that the response named for the call; None when there is none.
        :param time: the time of the call as text, for the receipts.
        :param settlements: the recipients of the chunk, grouped by outcome.
        :returns: the number of recipients that were found.
        :raises LedgerError: when the disk fails; the ledger holds what was sent, so a retry resumes.
        :raises ValueError: for an outcome that is none of the four of :class:`Settlement`.
        """
        with disk_while_sending():
            return self._outcomes.settle(out_id=out_id, biz_id=biz_id, time=time, settlements=settlements)

    def reopen(self, keys: Sequence[int]) -> int:
        """
        Take the outcomes of recipients back, so that they are pending again; keys not in the spool are ignored.

        :returns: the number of recipients that were found.
        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        with disk_while_sending():
            return self._outcomes.reopen(keys)

    def counts(self) -> SpoolCounts:
        """Return the number of rows with each outcome at this moment. Reads nothing from disk."""
        found = Counter[str]()
        for ending, count in self._states.tally():
            found[ending.outcome] += count
        return SpoolCounts(total=self._total, **{name: found[name] for name in (*sorted(OUTCOMES), PENDING)})

    def errors(self) -> dict[str, int]:
        """
        Return how often each code occurs among rejected, skipped and unknown rows, in the order of the codes.

        A row without a code is counted under its outcome.
        """
        found = Counter[str]()
        for ending, count in self._states.tally():
            if ending.outcome in OUTCOMES and ending.outcome != "accepted":
                found[ending.code or ending.outcome] += count
        return dict(sorted(found.items()))

    def receipts(self) -> Iterator[ReceiptRun]:
        """
        Yield the receipts of all rows in input order; rows without an outcome are ``pending``.

        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        for page in range(1, self._pages.count + 1):
            with disk_while_sending():
                # Collected here, because only inside this block a disk error becomes a LedgerError.
                runs = [*self._outcomes.receipts(page)]
            yield from runs

    def _take_in(self, prepared: PreparedBlock, *, keys: Sequence[int]) -> None:
        if prepared.refusals:
            found = iter(keys)
            keys = [next(found) if content else 0 for content in prepared.contents]
        # The page is stored before its states: these are written later as an UPDATE of its row in the database.
        page = self._pages.append(prepared, keys=keys)
        self._states.add_page(page, size=len(keys))
        for refusal in prepared.refusals:
            code, place = refusal.reason.code.value, refusal.position
            self._states.change(
                page, start=place, stop=place + 1, ending=RowState(REJECTED, code, local=True)
            )
        self._db.executemany(
            "INSERT INTO rejection (seq, row, line, code, field, reason) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    self._total + one.position,
                    one.row,
                    one.line,
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

    def _count_repeated(self, repeated: set[int]) -> None:
        """Count the numbers with these hashes, of which some may have one row: two numbers may share a hash."""
        rows = Counter[str]()
        for page in range(1, self._pages.count + 1):
            endings = self._states.page(page).endings
            numbers = compress(self._pages.numbers(page)[0], [not ending for ending in endings])
            rows.update(one for one in numbers if hash(one) in repeated)
        several = [count for count in rows.values() if count > 1]
        self._repeated_numbers += len(several)
        self._repeated_rows += sum(several) - len(several)

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
