# SPDX-License-Identifier: Apache-2.0
"""
Sort the rows of an audience by what is counted of them, in a temporary file.

Two reasons: the rows of one number may stand anywhere in the audience and are counted together; and a store that is
asked in the order of its own index reads and writes each of its pages once, and not once for each batch.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_aliyunsms.exceptions import ClaimsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCHEMA: Final = """
PRAGMA page_size = 8192;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16000;
CREATE TABLE line (subject INTEGER NOT NULL, place INTEGER NOT NULL, state INTEGER NOT NULL);
CREATE TABLE left_out (place INTEGER PRIMARY KEY);
BEGIN;
"""
_PENDING, _USED, _OTHER = 0, 1, 2
_STATES: Final = {"pending": _PENDING, "accepted": _USED, "unknown": _USED}


@dataclass(slots=True)
class SubjectRows:
    """
    All rows of one subject.

    :param subject: a hash.
    :param used: how many were accepted, or may have been.
    :param pending: the places of those without an outcome, in the order of the audience.
    """

    subject: int
    used: int = 0
    pending: list[int] = field(default_factory=list)


class SortedRows:
    """
    The rows of an audience in the order of their subjects; a context that deletes its file.

    Memory does not grow with the rows; each takes about 60 bytes of disk.

    :raises ClaimsError: the temporary directory cannot be written.
    """

    def __init__(self) -> None:
        with _explained(), tempfile.TemporaryDirectory(prefix="aliyunsms-") as folder:
            # The name goes as soon as the file is open: a killed process leaves nothing behind.
            self._db = sqlite3.connect(Path(folder) / "rows.sqlite", isolation_level=None)
            self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, *, subjects: Sequence[int], outcomes: Sequence[str], places: Sequence[int]) -> None:
        """Take in some rows."""
        states = [_STATES.get(outcome, _OTHER) for outcome in outcomes]
        with _explained():
            self._db.executemany(
                "INSERT INTO line (subject, place, state) VALUES (?, ?, ?)",
                zip(subjects, places, states, strict=True),
            )

    def batches(self, size: int) -> Iterator[list[SubjectRows]]:
        """Yield all subjects, in their order, so many at a time; call it once, after the last :meth:`add`."""
        batch: list[SubjectRows] = []
        with _explained():
            rows = self._db.execute("SELECT subject, place, state FROM line ORDER BY subject, place")
            for subject, place, state in rows:
                if not batch or batch[-1].subject != subject:
                    if len(batch) >= size:
                        yield batch
                        batch = []
                    batch.append(SubjectRows(subject))
                if state == _PENDING:
                    batch[-1].pending.append(place)
                elif state == _USED:
                    batch[-1].used += 1
        if batch:
            yield batch

    def leave_out(self, places: Sequence[int]) -> None:
        """Note rows for :meth:`left_out`."""
        with _explained():
            self._db.executemany("INSERT INTO left_out (place) VALUES (?)", ((place,) for place in places))

    def left_out(self, size: int) -> Iterator[list[int]]:
        """Yield the places that were noted, in the order of the audience, so many at a time."""
        with _explained():
            rows = self._db.execute("SELECT place FROM left_out ORDER BY place")
            while found := [place for (place,) in rows.fetchmany(size)]:
                yield found


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ClaimsError(
            f"the rows could not be sorted on the local disk ({type(error).__name__})",
            advice="Free space in the worker's temporary directory, or name another one, then clear the task.",
        ) from error
