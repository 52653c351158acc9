# SPDX-License-Identifier: Apache-2.0
"""Rows on disk, a block of the source to a page: a row of its own for each would take ten times as long."""

from __future__ import annotations

import json
from itertools import compress
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.members import Members
from airflow_provider_aliyunsms.audience.spool_keys import pack_keys, unpack_keys

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.audience.rules.base import PreparedBlock

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
