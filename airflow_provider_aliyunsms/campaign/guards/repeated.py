# SPDX-License-Identifier: Apache-2.0
"""Add up the messages of numbers that have several rows, which may stand anywhere in the audience."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_aliyunsms.exceptions import ClaimsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SENT: Final = ("accepted", "unknown")

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16000;
CREATE TABLE line (subject INTEGER NOT NULL, used INTEGER NOT NULL, pending INTEGER NOT NULL);
"""
_SUM: Final = """
CREATE TABLE total (
    subject INTEGER PRIMARY KEY, used INTEGER NOT NULL, pending INTEGER NOT NULL, passed INTEGER NOT NULL
);
INSERT INTO total SELECT subject, SUM(used), SUM(pending), 0 FROM line GROUP BY subject HAVING COUNT(*) > 1;
DROP TABLE line;
"""
_AT_ONCE: Final = 5000


@dataclass(slots=True)
class Total:
    """
    The messages of one subject in the whole campaign.

    :param used: accepted, or may have been.
    :param pending: without an outcome when the counting began.
    :param passed: of these, those that were let through in earlier batches.
    """

    used: int = 0
    pending: int = 0
    passed: int = 0


class Totals:
    """
    The totals of all subjects; a context. Those with several rows are kept in a temporary file, the others nowhere.

    :param batches: the whole audience once, where subjects have several rows; else nothing. Each has the subjects
        and the outcomes of some rows. Costs some bytes of disk for each row, and a second of CPU for half a million.
    :raises ClaimsError: the temporary directory cannot be written.
    """

    def __init__(self, batches: Iterable[tuple[Sequence[int], Sequence[str]]]) -> None:
        self._db: sqlite3.Connection | None = None
        for subjects, outcomes in batches:
            with _explained():
                if self._db is None:
                    self._db = _temporary_database()
                self._db.executemany(
                    "INSERT INTO line (subject, used, pending) VALUES (?, ?, ?)",
                    (
                        (subject, outcome in _SENT, outcome == "pending")
                        for subject, outcome in zip(subjects, outcomes, strict=True)
                    ),
                )
        if self._db is not None:
            with _explained():
                self._db.executescript(_SUM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def of(self, subjects: Sequence[int], outcomes: Sequence[str]) -> dict[int, Total]:
        """
        Return the totals of the subjects of one batch, each subject once.

        :param subjects: one for each row.
        :param outcomes: one for each row.
        """
        found: dict[int, Total] = {}
        for subject, outcome in zip(subjects, outcomes, strict=True):
            total = found.get(subject)
            if total is None:
                total = found[subject] = Total()
            if outcome == "pending":
                total.pending += 1
            elif outcome in _SENT:
                total.used += 1
        if self._db is not None:
            found.update(self._kept(self._db, [*found]))
        return found

    def pass_on(self, subjects: Iterable[int]) -> None:
        """Note that one message of each of these was let through; a subject may come several times."""
        if self._db is None:
            return
        with _explained():
            self._db.executemany(
                "UPDATE total SET passed = passed + ? WHERE subject = ?",
                ((times, subject) for subject, times in Counter(subjects).items()),
            )

    def _kept(self, db: sqlite3.Connection, subjects: Sequence[int]) -> Iterator[tuple[int, Total]]:
        for start in range(0, len(subjects), _AT_ONCE):
            some = ",".join(map(str, subjects[start : start + _AT_ONCE]))
            query = f"SELECT subject, used, pending, passed FROM total WHERE subject IN ({some})"  # noqa: S608
            with _explained():
                rows = db.execute(query).fetchall()
            for subject, used, pending, passed in rows:
                yield subject, Total(used, pending, passed)


def _temporary_database() -> sqlite3.Connection:
    with tempfile.TemporaryDirectory(prefix="aliyunsms-") as folder:
        # The name goes as soon as the file is open: a killed process leaves nothing behind.
        db = sqlite3.connect(Path(folder) / "totals.sqlite", isolation_level=None)
        db.executescript(_SCHEMA)
    db.execute("BEGIN")
    return db


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ClaimsError(
            f"the rows could not be counted on the local disk ({type(error).__name__})",
            advice="Free space in the worker's temporary directory, or name another one, then clear the task.",
        ) from error
