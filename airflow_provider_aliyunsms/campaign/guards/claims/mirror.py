# SPDX-License-Identifier: Apache-2.0
"""Keep what was read of a log of claims in a private temporary file, so that memory stays flat."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.campaign.guards.claims.records import (
    Record,
    after_claim,
    after_settlement,
)
from airflow_provider_aliyunsms.exceptions import ClaimsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_aliyunsms.campaign.guards.claims.entries import Entry

_SCHEMA: Final = """
PRAGMA page_size = 8192;
-- A cache: whoever needs it again reads the log again.
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -32000;
CREATE TABLE part (subject INTEGER NOT NULL, entry INTEGER NOT NULL, amount INTEGER NOT NULL);
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, campaign INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    claimed_ms INTEGER  -- of a settlement: when its try made its claims; NULL: a claim
);
"""
_AT_ONCE: Final = 5000


class Mirror:
    """
    The entries of a log by subject, in a SQLite file whose name is gone as soon as it is open.

    About 40 bytes of disk for each subject of each entry, and two seconds of CPU for a million of them.

    :raises ClaimsError: the temporary directory cannot be written.
    """

    def __init__(self) -> None:
        with _explained(), tempfile.TemporaryDirectory(prefix="aliyunsms-") as folder:
            # isolation_level=None: every BEGIN and COMMIT is in our code.
            # No cache of statements: each of ours holds thousands of hashes.
            self._db = sqlite3.connect(
                Path(folder) / "claims.sqlite", isolation_level=None, cached_statements=0
            )
            self._db.executescript(_SCHEMA)
        self._indexed = False

    def close(self) -> None:
        """Delete the file."""
        self._db.close()

    def add(self, entries: Iterator[Entry]) -> None:
        """Take in the next entries of the log, in their order."""
        with _explained():
            self._db.execute("BEGIN")
            try:
                for entry in entries:
                    self._db.execute(
                        "INSERT INTO entry (number, campaign, at_ms, claimed_ms) VALUES (?, ?, ?, ?)",
                        (entry.number, entry.campaign, entry.at_ms, entry.claimed_ms),
                    )
                    number = (entry.number,) * len(entry.subjects)
                    self._db.executemany(
                        "INSERT INTO part (subject, entry, amount) VALUES (?, ?, ?)",
                        zip(entry.subjects, number, entry.amounts, strict=True),
                    )
            finally:
                # Also after an error of the log: then nobody asks any more, and the file goes.
                self._db.execute("COMMIT")

    def records(self, subjects: Sequence[int]) -> dict[int, list[Record]]:
        """Return all records of some subjects, as they are after the last entry."""
        found: dict[int, dict[int, Record]] = {}
        # Most subjects of an entry have the same amount, and the same history.
        known: dict[tuple[Record | None, int, int], Record | None] = {}
        with _explained():
            self._index()
            for start in range(0, len(subjects), _AT_ONCE):
                some = ",".join(map(str, subjects[start : start + _AT_ONCE]))
                rows = self._db.execute(
                    "SELECT subject, campaign, number, amount, at_ms, claimed_ms "  # noqa: S608 - our own integers
                    "FROM part JOIN entry ON number = entry "
                    f"WHERE subject IN ({some}) ORDER BY subject, number"
                )
                for subject, campaign, number, amount, at_ms, claimed_ms in rows:
                    of = found.setdefault(subject, {})
                    before = of.get(campaign)
                    key = (before, number, amount)
                    if key not in known:
                        known[key] = _after(
                            before, campaign=campaign, amount=amount, at_ms=at_ms, claimed_ms=claimed_ms
                        )
                    after = known[key]
                    if after is not None:
                        of[campaign] = after
        return {subject: [*of.values()] for subject, of in found.items()}

    def _index(self) -> None:
        # After the first entries were taken in: to sort them once costs less than to keep them sorted.
        if not self._indexed:
            self._db.execute("CREATE INDEX part_subject ON part (subject, entry, amount)")
            self._indexed = True


def _after(
    before: Record | None, *, campaign: int, amount: int, at_ms: int, claimed_ms: int | None
) -> Record | None:
    if claimed_ms is None:
        return after_claim(before, campaign=campaign, amount=amount, at_ms=at_ms)
    return after_settlement(before, campaign=campaign, amount=amount, at_ms=at_ms, claimed_ms=claimed_ms)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ClaimsError(
            f"the local copy of the claims cannot be kept ({type(error).__name__})",
            advice="Free space in the worker's temporary directory, or name another one, then clear the task.",
        ) from error
