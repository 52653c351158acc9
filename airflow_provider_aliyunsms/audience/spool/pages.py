# SPDX-License-Identifier: Apache-2.0
"""Rows on disk, a block of the source to a page: a row of its own for each would take ten times as long."""

from __future__ import annotations

import json
import struct
from bisect import bisect_left
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.recipients import Members

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.rules import PreparedBlock


_SHARDS = 64
_GATHERED = 20_000
MOST_TWINS = 200_000
"""Keys looked for in one pass over the audience."""

_BITS = 64 - _SHARDS.bit_length() + 1
_BOUNDS = [(shard << _BITS) - (1 << 63) for shard in range(1, _SHARDS)]


class KeyShards:
    """
    Finds the keys that were added twice: sorted into shards on disk, so that equal ones meet in one of them.

    A fifth of a microsecond a key, where an index would take one and a half.

    :param connection: the spool's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._gathered: list[int] = []

    def add(self, keys: Iterable[int]) -> None:
        """Take keys in."""
        self._gathered.extend(keys)
        if len(self._gathered) >= _GATHERED:
            self._spill()

    def twins(self) -> Iterator[set[int]]:
        """Yield the keys that are there more than once, in sets of bounded size; then forget all."""
        self._spill()
        self._db.execute("CREATE INDEX shard_number ON shard (shard)")
        found: set[int] = set()
        for shard in range(_SHARDS):
            found |= self._twins_in(shard)
            if len(found) > MOST_TWINS:
                yield found
                found = set()
        if found:
            yield found
        self._db.execute("DROP TABLE shard")

    def _twins_in(self, shard: int) -> set[int]:
        keys: list[int] = []
        for (blob,) in self._db.execute("SELECT keys FROM shard WHERE shard = ?", (shard,)):
            keys.extend(unpack_keys(blob))
        if len({*keys}) == len(keys):
            return set()
        return {key for key, times in Counter(keys).items() if times > 1}

    def _spill(self) -> None:
        keys = sorted(self._gathered)
        self._gathered = []
        cuts = [0, *(bisect_left(keys, bound) for bound in _BOUNDS), len(keys)]
        pieces = ((shard, keys[cuts[shard] : cuts[shard + 1]]) for shard in range(_SHARDS))
        self._db.executemany(
            "INSERT INTO shard (shard, keys) VALUES (?, ?)",
            [(shard, pack_keys(piece)) for shard, piece in pieces if piece],
        )


class KeyPlaces:
    """
    Finds the row of a key; made when first asked, which a campaign that is not resumed never does.

    :param connection: the spool's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._made = False

    def find(self, key: int, *, places: Callable[[], Iterable[tuple[int, int]]]) -> int | None:
        """
        Return the place of a key, None when nobody has it.

        :param places: key and place of every row that can be sent to; asked once, two microseconds each.
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
    """Write keys as bytes, eight each."""
    return struct.pack(f">{len(keys)}q", *keys)


def unpack_keys(blob: bytes) -> tuple[int, ...]:
    """Read what :func:`pack_keys` wrote."""
    return struct.unpack(f">{len(blob) // 8}q", blob)


MOST_ROWS = 1 << 16
"""Rows of one page: what tells a row's place has room for no more."""

_BETWEEN = "\n"
"""Between two texts: a canonical number is made of digits, and JSON has no line end within a text."""


class SpoolPages:
    """
    What the rows of a campaign say; what became of them is in ``SpoolStates``.

    :param connection: the spool's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.count = 0

    def append(self, prepared: PreparedBlock, *, keys: Sequence[int]) -> int:
        """
        Write a page and return its number; they are counted from 1.

        :param keys: one for each row, any number for a refused one.
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
        """Return the keys as they were packed."""
        (blob,) = self._db.execute("SELECT keys FROM page WHERE number = ?", (page,)).fetchone()
        return bytes(blob)

    def keys(self, page: int) -> tuple[int, ...]:
        """Return the keys of all rows."""
        return unpack_keys(self.packed_keys(page))

    def members(self, page: int, *, wanted: Sequence[bool] | None) -> Members:
        """
        Return the recipients of a page.

        :param wanted: which of its rows, None for all.
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
        """Return the numbers of all rows, canonical and as they were written."""
        query = "SELECT numbers, given FROM page WHERE number = ?"
        numbers, given = self._db.execute(query, (page,)).fetchone()
        canonical: list[str] = numbers.split(_BETWEEN)
        return canonical, canonical if given is None else json.loads(given)
