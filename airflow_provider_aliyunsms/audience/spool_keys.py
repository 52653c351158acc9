# SPDX-License-Identifier: Apache-2.0
"""Which keys there are twice, and where a key stands: both without holding all keys in memory."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator

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
