# SPDX-License-Identifier: Apache-2.0
"""
Find rows by the number keys that a ledger holds, and keep the ledger's records that no row matches.

Only a resumed campaign needs this. Both tables are on disk, so that memory does not grow with the audience.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

_AT_ONCE = 500
"""Values of one query; SQLite takes at least 999."""


class NumberedRow(NamedTuple):
    """
    One row that can be sent to, as a ledger may know it.

    :param number_key: the hash of its number.
    :param tag: what stands for its content; 0 where the number alone is the identity.
    :param key: its recipient key.
    :param place: where it stands in the spool.
    """

    number_key: int
    tag: int
    key: int
    place: int


@dataclass(frozen=True, slots=True, repr=False)
class UnmatchedRecord:
    """
    What a ledger says of a recipient under a content that no row has.

    :param outcome: ``accepted``, ``rejected`` or ``unknown``; None while its chunk is open.
    :param chunk: with an open chunk: a number that its reader gave it.
    :param position: the place of the recipient in its chunk.
    """

    number_key: int
    tag: int
    outcome: str | None
    code: str | None
    out_id: str
    biz_id: str | None
    time: str
    message_id: str | None
    chunk: int | None
    position: int


class NumberIndex:
    """
    Find rows by number key.

    :param connection: the connection to the spool's database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def make(self, rows: Iterable[NumberedRow]) -> None:
        """Store all rows that can be sent to, in order; call this once."""
        self._db.execute(
            "CREATE TABLE numbered (number_key INTEGER, tag INTEGER, key INTEGER, place INTEGER)"
        )
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO numbered (number_key, tag, key, place) VALUES (?, ?, ?, ?)",
            rows,
        )
        self._db.execute("CREATE INDEX numbered_key ON numbered (number_key, place, tag, key)")
        self._db.execute("COMMIT")

    def find(self, number_keys: Sequence[int]) -> Iterator[NumberedRow]:
        """Yield the rows with these number keys, those of one number in the order of the audience."""
        for start in range(0, len(number_keys), _AT_ONCE):
            some = number_keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = (
                "SELECT number_key, tag, key, place FROM numbered "  # noqa: S608 - question marks only
                f"WHERE number_key IN ({marks}) ORDER BY number_key, place"
            )
            yield from map(NumberedRow._make, self._db.execute(query, tuple(some)))


class UnmatchedRecords:
    """
    Keep the latest record of each recipient that no row matches.

    :param connection: the connection to the spool's database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._made = False

    def put(self, records: Iterable[UnmatchedRecord]) -> None:
        """Add records; a later one replaces an earlier one of the same number and content."""
        self._make()
        self._db.executemany(
            "INSERT OR REPLACE INTO unmatched VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.number_key, one.tag, one.outcome, one.code, one.out_id, one.biz_id, one.time,
                    one.message_id, one.chunk, one.position,
                )
                for one in records
            ],
        )  # fmt: skip

    def drop(self, keys: Iterable[tuple[int, int]]) -> None:
        """Forget the records with these number keys and tags: they were certainly not sent to."""
        if self._made:
            self._db.executemany("DELETE FROM unmatched WHERE number_key = ? AND tag = ?", list(keys))

    def batches(self) -> Iterator[list[UnmatchedRecord]]:
        """Yield all records, some hundreds at a time, in the order of their number keys."""
        last = (-(1 << 63), -1)
        while self._made:
            query = (
                "SELECT * FROM unmatched WHERE (number_key, tag) > (?, ?) ORDER BY number_key, tag LIMIT ?"
            )
            found = [UnmatchedRecord(*one) for one in self._db.execute(query, (*last, _AT_ONCE))]
            if not found:
                return
            last = (found[-1].number_key, found[-1].tag)
            yield found

    def _make(self) -> None:
        if not self._made:
            self._db.execute(
                "CREATE TABLE unmatched (number_key INTEGER, tag INTEGER, outcome TEXT, code TEXT, out_id TEXT, "
                "biz_id TEXT, time TEXT, message_id TEXT, chunk INTEGER, position INTEGER, "
                "PRIMARY KEY (number_key, tag)) WITHOUT ROWID"
            )
            self._made = True
