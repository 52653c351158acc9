# SPDX-License-Identifier: Apache-2.0
"""
Outcomes on their way into the spool.

The first outcome of recipients who were just read, which is nearly every one, is written for whole ranges of
neighbours and for several calls in one stroke. Everything else is looked up by its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience import spool_sql as sql
from airflow_provider_aliyunsms.audience.spool_file import disk_while_sending
from airflow_provider_aliyunsms.audience.spool_records import OUTCOMES, PENDING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

Settlement = tuple[int, str, str | None, str | None]

MOST_WAITING = 1000
"""Recipients whose outcomes are held back at most: ten calls."""


class SpoolOutcomes:
    """
    Writes outcomes; whoever reads the spool calls :meth:`flush` before.

    :param connection: the spool's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        # Where those stand who are pending and were read: as many as are under way.
        self._places: dict[int, int] = {}
        self._answers = 0
        self._waiting_answers: list[tuple[Any, ...]] = []
        self._waiting_ranges: list[list[Any]] = []
        self._waiting = 0
        self._tally: dict[str, int] | None = None

    def begin_reading(self) -> None:
        """Forget who was read before."""
        self._places.clear()

    def note_places(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Remember pending rows that were read, by place and key."""
        self._places.update((row[1], row[0]) for row in rows)

    def settle(self, *, out_id: str, biz_id: str | None, time: str, settlements: Iterable[Settlement]) -> int:
        """Take the outcomes of one chunk; see the spool."""
        self._answers += 1
        ranges: list[list[Any]] = []
        others: list[tuple[Any, ...]] = []
        for key, outcome, code, message_id in settlements:
            facts = [_checked_outcome(outcome), code, message_id, self._answers]
            seq = self._places.pop(key, None)
            if seq is None:
                others.append((*facts, key))
            elif ranges and ranges[-1][5] == seq - 1 and ranges[-1][:4] == facts:
                ranges[-1][5] = seq
            else:
                ranges.append([*facts, seq, seq])
        self._waiting_answers.append((self._answers, out_id, biz_id, time))
        found = self._hold(ranges)
        if others:
            self.flush()
            return found + self._change(sql.SETTLE, others)
        if self._waiting >= MOST_WAITING:
            self.flush()
        return found

    def reopen(self, keys: Sequence[int]) -> int:
        """Take outcomes back; see the spool."""
        self.flush()
        return self._change(sql.REOPEN, [(key,) for key in keys])

    def flush(self) -> None:
        """Write what is held back."""
        if not self._waiting_answers:
            return
        with disk_while_sending():
            self._db.execute("BEGIN")
            self._db.executemany(sql.INSERT_ANSWER, self._waiting_answers)
            self._db.executemany(sql.SETTLE_RANGE, self._waiting_ranges)
            self._db.execute("COMMIT")
        self._waiting_answers.clear()
        self._waiting_ranges.clear()
        self._waiting = 0

    def tally(self) -> dict[str, int]:
        """How many rows ended how; kept while only pending rows are settled, else counted anew."""
        self.flush()
        if self._tally is None:
            with disk_while_sending():
                self._tally = dict(self._db.execute(sql.COUNTS, (PENDING,)).fetchall())
        return self._tally

    def _hold(self, ranges: list[list[Any]]) -> int:
        held = 0
        for one in ranges:
            size = one[5] - one[4] + 1
            held += size
            if self._tally is not None:
                self._tally[PENDING] -= size
                self._tally[one[0]] = self._tally.get(one[0], 0) + size
        self._waiting_ranges += ranges
        self._waiting += held
        return held

    def _change(self, statement: str, parameters: list[tuple[Any, ...]]) -> int:
        self._tally = None
        with disk_while_sending():
            self._db.execute("BEGIN")
            changed = self._db.executemany(statement, parameters).rowcount
            self._db.execute("COMMIT")
        return max(changed, 0)


def _checked_outcome(outcome: str) -> str:
    if outcome not in OUTCOMES:
        msg = f"an outcome is one of {sorted(OUTCOMES)}"
        raise ValueError(msg)
    return outcome
