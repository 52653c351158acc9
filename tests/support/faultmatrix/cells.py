# SPDX-License-Identifier: Apache-2.0
"""A cell of the fault matrix: one misbehaviour in one position, and what the simulator is told for it."""

from __future__ import annotations

from dataclasses import dataclass

from faultmatrix.columns import CHUNKS, COLUMNS, QUERY, SEND, Column
from faultmatrix.rows import CHINA, Row, rows_of


@dataclass(frozen=True)
class Cell:
    """One misbehaviour in one position of one API's campaign."""

    api: str
    row: Row
    column: Column

    def __str__(self):
        return f"{self.api}-{self.row.name.replace(' ', '_')}-{self.column.name}"

    @property
    def wishes(self):
        """Give what to tell the simulator, in order: the oldest wish that fits is the one that happens."""
        send, row, column = SEND[self.api], self.row, self.column
        if row.poison:
            return self._wishes_beside_poison()
        fault = {"fault": row.fault, "seconds": row.seconds}
        first_hit = {"action": send, "skip": column.hit[0]}
        always_in_look_ups = {**fault, "action": QUERY, "times": None}
        if column.meets == "look-up":
            return [{"fault": column.doubt, **first_hit}, always_in_look_ups]
        if column.meets == "replay":
            # The doubtful request itself is not counted: the sends that pass first are those of the other chunks.
            return [{"fault": column.doubt, **first_hit}, {**fault, "action": send, "skip": CHUNKS - 1}]
        times = {"times": len(column.hit)}
        if row.spoils_look_ups_only:
            return [{"fault": "drop_after", **first_hit, **times}, always_in_look_ups]
        return [{**fault, **first_hit, **times}]

    @property
    def spoils_look_ups(self):
        """Whether look-ups lie or fail for a whole try, and not for a number of times."""
        return self.column.meets == "look-up" or self.row.spoils_look_ups_only or self.row.look_ups_fail

    @property
    def may_end_unknown(self):
        """Whether no evidence is possible: Globe has no look-up, and a request that was seen cannot be replayed."""
        if self.api == CHINA:
            return False
        if self.column.meets == "replay":
            return self.column.doubt == "drop_after" or self.row.blind_as_replay
        return self.row.blind

    def _wishes_beside_poison(self):
        wishes = []
        if self.column.meets == "replay":
            wishes.append({"fault": self.column.doubt, "action": SEND[self.api], "skip": self.column.hit[0]})
        if self.row.look_ups_fail:
            wishes.append({"fault": "error_500", "action": QUERY, "times": None})
        return wishes


def is_possible(row, column):
    """Whether a misbehaviour has a place in a position: some concern numbers, others look-ups only."""
    if row.poison:
        return column.meets != "look-up" and column.doubt != "drop_after"
    if row.fault == "no_records" and column.bad_tries > 1:
        # A record hidden for longer than the settle time is beyond what is promised, as the page says.
        return False
    return not (row.spoils_look_ups_only and column.meets == "replay")


def cells_of(api):
    """Give every cell of an API's table, row by row."""
    return [
        Cell(api, row, column) for row in rows_of(api) for column in COLUMNS[api] if is_possible(row, column)
    ]
