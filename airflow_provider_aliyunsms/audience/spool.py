# SPDX-License-Identifier: Apache-2.0
"""The campaign's local working copy: who is in it, what is still open, and what became of everyone."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Generator
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience import spool_sql as sql
from airflow_provider_aliyunsms.audience.local_codes import LocalCode, RowRejected
from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.spool_file import (
    SpoolFile,
    disk_before_sending,
    disk_while_sending,
)
from airflow_provider_aliyunsms.audience.spool_outcomes import Settlement, SpoolOutcomes
from airflow_provider_aliyunsms.audience.spool_records import (
    OUTCOMES,
    PENDING,
    REJECTED,
    SKIPPED,
    ReceiptRow,
    ReceiptRun,
    Rejection,
    SpoolCounts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from airflow_provider_aliyunsms.audience.rows import Row

__all__ = ["ReceiptRow", "ReceiptRun", "Rejection", "Settlement", "Spool", "SpoolCounts"]

_BATCH = 2000


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
        self._total = 0
        self._ready = 0
        self._digest: str | None = None
        self._outcomes = SpoolOutcomes(self._db)

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
        rows: Iterable[Row],
        *,
        prepare: Callable[[Row], Recipient],
        key_of: Callable[[Recipient], int],
    ) -> None:
        """
        Take in the whole audience, once.

        A row that ``prepare`` rejects is kept with its reason, a row whose key was there before as skipped.
        About 20 microseconds a row. Whatever stops it, the spool is of no use afterwards and must be closed.

        :raises AudienceError: when the source cannot be read or the disk is full; nothing was sent.
        """
        if self._digest is not None:
            msg = "a spool is loaded once"
            raise RuntimeError(msg)
        with disk_before_sending():
            self._db.execute("BEGIN")
        source = iter(rows)
        try:
            while batch := list(islice(source, _BATCH)):
                self._load_batch(batch, prepare=prepare, key_of=key_of)
        finally:
            # Left alone, it would keep its file or its database open for as long as the error is handled.
            if isinstance(source, Generator):
                source.close()
        with disk_before_sending():
            self._db.execute(sql.INDEX)
            self._db.execute(sql.SKIP_DUPLICATES, (SKIPPED, LocalCode.DUPLICATE.value))
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
        return dict(self._read(sql.LOCAL_ERRORS))

    def first_rejections(self, limit: int) -> list[Rejection]:
        """The first rows that were refused here, to show what is wrong; duplicates are not among them."""
        return [Rejection(*found) for found in self._read(sql.REJECTIONS, limit)]

    def unsettled(self, *, batch: int) -> Iterator[list[tuple[int, Recipient]]]:
        """
        Recipients without an outcome in the order of their rows, ``batch`` at a time with their keys.

        Each batch is read when it is asked for, so :meth:`settle` may run in between. Nobody comes twice in
        one iteration, settled or not.
        """
        self._outcomes.begin_reading()
        for page in self._pages(sql.UNSETTLED, batch=batch):
            self._outcomes.note_places(page)
            yield [
                (key, Recipient.from_content(number=number, content=content))
                for _, key, number, content in page
            ]

    def find(self, keys: Sequence[int]) -> dict[int, Recipient]:
        """The recipients with these keys; a key that is not here is left out."""
        found = {}
        for key in keys:
            for number, content in self._read(sql.FIND, key):
                found[key] = Recipient.from_content(number=number, content=content)
        return found

    def settle(self, *, out_id: str, biz_id: str | None, time: str, settlements: Iterable[Settlement]) -> int:
        """
        Record the outcomes of one chunk; a later one overwrites an earlier one, and unknown keys are ignored.

        About 4 microseconds a recipient, a tenth of it for neighbours that end alike.

        :param settlements: key, outcome, code and message id of each recipient.
        :returns: how many recipients were found.
        :raises LedgerError: when the disk fails; the ledger knows what was sent, so a retry resumes.
        """
        return self._outcomes.settle(out_id=out_id, biz_id=biz_id, time=time, settlements=settlements)

    def reopen(self, keys: Sequence[int]) -> int:
        """
        Take the outcomes of recipients back, so that they are pending again; unknown keys are ignored.

        :returns: how many recipients were found.
        :raises LedgerError: when the disk fails, as in :meth:`settle`.
        """
        return self._outcomes.reopen(keys)

    def counts(self) -> SpoolCounts:
        """How many rows ended how, at this moment. May have to read every row: 0.2 seconds for a million."""
        found = self._outcomes.tally()
        return SpoolCounts(
            total=self._total, **{name: found.get(name, 0) for name in (*sorted(OUTCOMES), PENDING)}
        )

    def errors(self) -> dict[str, int]:
        """How often each code occurs among what was not accepted; without a code, the outcome counts."""
        return dict(self._read(sql.ERRORS))

    def receipts(self) -> Iterator[ReceiptRun]:
        """
        Every row in input order, in runs of at most some thousand; a row without an outcome is ``pending``.

        However alike they are, memory stays flat; neighbouring runs may therefore be alike too.
        """
        for page in self._pages(sql.RECEIPTS, PENDING, batch=_BATCH):
            for (outcome, code, biz_id, out_id, time), rows in groupby(page, key=itemgetter(2, 3, 4, 6, 7)):
                numbers, message_ids = zip(*map(itemgetter(1, 5), rows), strict=True)
                some_ids = None if set(message_ids) == {None} else message_ids
                yield ReceiptRun(numbers, outcome, code, biz_id, out_id, time, some_ids)

    def _read(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        self._outcomes.flush()
        with disk_while_sending():
            return self._db.execute(query, parameters).fetchall()

    def _pages(self, query: str, *parameters: Any, batch: int) -> Iterator[list[tuple[Any, ...]]]:
        if batch < 1:
            msg = "a batch holds at least one"
            raise ValueError(msg)
        last = 0
        while page := self._read(query, *parameters, last, batch):
            last = page[-1][0]
            yield page

    def _load_batch(
        self, batch: list[Row], *, prepare: Callable[[Row], Recipient], key_of: Callable[[Recipient], int]
    ) -> None:
        spooled: list[tuple[Any, ...]] = []
        rejected: list[tuple[Any, ...]] = []
        rejections: list[tuple[Any, ...]] = []
        for row in batch:
            self._total += 1
            given = _storable(row.given_number)
            try:
                recipient = prepare(row)
            except RowRejected as error:
                code = error.code.value
                rejected.append((self._total, REJECTED, code, given))
                rejections.append((self._total, row.number, code, error.field, error.reason))
                continue
            number = recipient.number
            spelling = given if given != number else None
            spooled.append((self._total, key_of(recipient), number, spelling, recipient.content))
        with disk_before_sending():
            self._db.executemany(sql.INSERT, spooled)
            self._db.executemany(sql.INSERT_REJECTED, rejected)
            self._db.executemany(sql.INSERT_REJECTION, rejections)

    def _fingerprint(self) -> tuple[int, str]:
        count = 0
        digest = hashlib.blake2b(digest_size=32)
        cursor = self._db.execute(sql.KEYS)
        while keys := cursor.fetchmany(_BATCH):
            count += len(keys)
            digest.update(struct.pack(f">{len(keys)}q", *(key for (key,) in keys)))
        return count, digest.hexdigest()


def _storable(text: str) -> str:
    # SQLite takes no lone surrogates, and Python's error about them would hold the text.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
