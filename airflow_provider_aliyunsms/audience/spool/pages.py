# SPDX-License-Identifier: Apache-2.0
"""
Store the keys, numbers and contents of all rows on disk, one block of rows to a page, and find rows by key.

A page is one row of a SQLite table. A table row for each row of the audience would take far longer to write and read.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.recipients import Members

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.rules import PreparedBlock


_SHARDS = 16
_GATHERED = 1 << 16
_KEY_BYTES = 8
MOST_TWINS = 200_000
"""The number of repeated keys after which :meth:`KeyShards.twins` yields a set, so that memory stays bounded."""

# For each shard: which first bytes of a packed key belong to it.
_FIRST_BYTES = [bytes(first % _SHARDS == shard for first in range(256)) for shard in range(_SHARDS)]


class KeyShards:
    """
    Find the keys that were added more than once.

    The keys of a small audience stay in memory. Those of a large one are put into shards on disk by their first
    byte, so that equal keys are in the same shard and one shard at a time fits into memory. This costs less CPU than
    an index over all keys.

    :param connection: the connection to the spool's database.
    :param table: the name of the table that the keys are in meanwhile.
    """

    def __init__(self, connection: sqlite3.Connection, *, table: str = "shard") -> None:
        self._db = connection
        self._table = table
        self._db.execute(f"CREATE TABLE {table} (shard INTEGER NOT NULL, keys BLOB NOT NULL)")
        self._gathered = bytearray()
        self._has_spilled = False

    def add(self, keys: Collection[int]) -> None:
        """Add the keys of some rows, in any order; they are spread over the whole range of 64 bits."""
        self._gathered += pack_keys(keys)
        if len(self._gathered) >= _GATHERED * _KEY_BYTES:
            self._spill()

    def twins(self) -> Iterator[set[int]]:
        """
        Yield the keys that were added more than once, in sets of bounded size, and then delete all keys.

        Call it once, after the last :meth:`add`.
        """
        found: set[int] = set()
        for keys in self._pieces():
            if len({*keys}) < len(keys):
                found.update(key for key, times in Counter(keys).items() if times > 1)
            if len(found) > MOST_TWINS:
                yield found
                found = set()
        if found:
            yield found
        self._db.execute(f"DROP TABLE {self._table}")

    def _pieces(self) -> Iterator[Sequence[int]]:
        """Yield all keys, so that equal ones are in the same piece."""
        if not self._has_spilled:
            yield unpack_keys(self._gathered)
            return
        # Keys that were gathered but not written yet would be missed below.
        self._spill()
        self._db.execute(f"CREATE INDEX {self._table}_number ON {self._table} (shard)")
        query = f"SELECT keys FROM {self._table} WHERE shard = ?"  # noqa: S608 - the name is one of ours
        for shard in range(_SHARDS):
            yield unpack_keys(b"".join(blob for (blob,) in self._db.execute(query, (shard,))))

    def _spill(self) -> None:
        self._has_spilled = True
        packed = bytes(self._gathered)
        self._gathered.clear()
        keys, firsts = unpack_keys(packed), packed[::_KEY_BYTES]
        pieces = (compress(keys, firsts.translate(belongs)) for belongs in _FIRST_BYTES)
        self._db.executemany(
            f"INSERT INTO {self._table} (shard, keys) VALUES (?, ?)",  # noqa: S608 - the name is one of ours
            [(shard, pack_keys([*piece])) for shard, piece in enumerate(pieces)],
        )


class KeyPlaces:
    """
    Find the place of a row by its key, with an index that the first call of :meth:`find` makes.

    A campaign that is not resumed makes no such call, and so does not pay for the index.

    :param connection: the connection to the spool's database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._made = False

    def find(self, key: int, *, places: Callable[[], Iterable[tuple[int, int]]]) -> int | None:
        """
        Return the place of the row with this key, or None when there is no such row.

        :param places: yields key and place of every row that can be sent to; called once, to make the index.
        """
        if not self._made:
            self._make(places())
        found = self._db.execute("SELECT place FROM place WHERE key = ?", (key,)).fetchone()
        return None if found is None else int(found[0])

    def _make(self, places: Iterable[tuple[int, int]]) -> None:
        self._db.execute("CREATE TABLE place (key INTEGER NOT NULL, place INTEGER NOT NULL)")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO place (key, place) VALUES (?, ?)", places)
        self._db.execute("CREATE INDEX place_key ON place (key, place)")
        self._db.execute("COMMIT")
        self._made = True


def pack_keys(keys: Collection[int]) -> bytes:
    """Return the keys as bytes, eight for each, in the same order."""
    return struct.pack(f">{len(keys)}q", *keys)


def unpack_keys(blob: bytes | bytearray) -> tuple[int, ...]:
    """Return the keys from the bytes that :func:`pack_keys` returned."""
    return struct.unpack(f">{len(blob) // 8}q", blob)


MOST_ROWS = 1 << 16
"""The largest number of rows in a page; a place could not tell more rows of a page apart."""

_BETWEEN = "\n"
"""Separates texts in a page. It occurs in none: numbers are digits, and contents are JSON without line ends."""


class SpoolPages:
    """
    The keys, numbers and contents of all rows, on disk; their outcomes are in :class:`.SpoolStates`.

    :param connection: the connection to the spool's database.
    :ivar count: the number of pages; they are numbered from 1.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.count = 0

    def append(self, prepared: PreparedBlock, *, keys: Sequence[int]) -> int:
        """
        Write a block of rows as a new page and return its number, counted from 1.

        :param prepared: the rows.
        :param keys: one key for each row; any number for a rejected row.
        """
        if len(keys) > MOST_ROWS:
            msg = f"a page holds at most {MOST_ROWS} rows"
            raise RuntimeError(msg)
        self.count += 1
        given = None if prepared.given is None else json.dumps(prepared.given)
        self._db.execute(
            "INSERT INTO page (number, size, keys, numbers, contents, given) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self.count,
                len(keys),
                pack_keys(keys),
                _BETWEEN.join(prepared.numbers),
                _BETWEEN.join(prepared.contents),
                given,
            ),
        )
        return self.count

    def packed_keys(self, page: int) -> bytes:
        """Return the keys of all rows of a page as packed bytes, see :func:`pack_keys`."""
        (blob,) = self._db.execute("SELECT keys FROM page WHERE number = ?", (page,)).fetchone()
        return bytes(blob)

    def keys(self, page: int) -> tuple[int, ...]:
        """Return the keys of all rows of a page, in order."""
        return unpack_keys(self.packed_keys(page))

    def members(self, page: int, *, wanted: Sequence[bool] | None) -> Members:
        """
        Return the recipients of a page in order.

        :param wanted: for each row whether to return it; None for all rows.
        """
        query = "SELECT keys, numbers, contents FROM page WHERE number = ?"
        blob, numbers, contents = self._db.execute(query, (page,)).fetchone()
        columns = (unpack_keys(blob), tuple(numbers.split(_BETWEEN)), tuple(contents.split(_BETWEEN)))
        if wanted is None:
            return Members(*columns)
        keys, some_numbers, some_contents = columns
        return Members(
            tuple(compress(keys, wanted)),
            tuple(compress(some_numbers, wanted)),
            tuple(compress(some_contents, wanted)),
        )

    def numbers(self, page: int) -> tuple[list[str], list[str]]:
        """Return the numbers of all rows of a page twice: canonical, and as the source wrote them."""
        query = "SELECT numbers, given FROM page WHERE number = ?"
        numbers, given = self._db.execute(query, (page,)).fetchone()
        canonical: list[str] = numbers.split(_BETWEEN)
        return canonical, canonical if given is None else json.loads(given)
