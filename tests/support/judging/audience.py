# SPDX-License-Identifier: Apache-2.0
"""Audiences as CSV files, with the truth about who should get a message."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from itertools import count

_SERIES = count()


@dataclass(frozen=True)
class Audience:
    """
    One file.

    :param number_field: the column, and the receipts' field.
    :param sendable: the numbers that must get exactly one message, as the gateway writes them.
    :param refused: the numbers that the gateway refuses.
    :param repeated: rows that repeat an earlier one.
    :param broken: rows that are no number.
    """

    path: str
    number_field: str
    sendable: frozenset[str] = field(repr=False)
    refused: frozenset[str] = field(repr=False)
    repeated: int
    broken: int

    @property
    def everybody(self):
        return self.sendable | self.refused

    @property
    def total(self):
        return len(self.everybody) + self.repeated + self.broken


def china_audience(*, folder, size, refused=2):
    """Write mainland numbers that no other audience has; ``refused`` more are refused by the gateway."""
    series = next(_SERIES)
    numbers = [f"13{series:02d}0{block:02d}{last:04d}" for block, last in _endings(size)]
    bad = [f"13{series:02d}1{position:02d}0501" for position in range(refused)]
    return _write(folder=folder, series=series, numbers=numbers, bad=bad, number_field="phone_number")


def globe_audience(*, folder, size):
    """Write Hong Kong numbers; nobody is refused there, because a refused chunk cannot be looked up."""
    series = next(_SERIES)
    numbers = [f"852{60 + series % 40:02d}{block:02d}{last:04d}" for block, last in _endings(size)]
    return _write(folder=folder, series=series, numbers=numbers, bad=[], number_field="to")


def _write(*, folder, series, numbers, bad, number_field):
    rows = [*numbers]
    for position, number in enumerate(bad, start=1):
        rows.insert(position * len(numbers) // (len(bad) + 1), number)
    rows += [numbers[0], numbers[-1], "not a number"]
    path = folder / f"audience-{series}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([number_field, "name"])
        writer.writerows([number, "friend"] for number in rows)
    return Audience(
        path=str(path),
        number_field=number_field,
        sendable=frozenset(numbers),
        refused=frozenset(bad),
        repeated=2,
        broken=1,
    )


def _endings(size):
    """Yield the last six digits in two parts: below 1000 the last four would choose a fate at the simulator."""
    return [(position // 9000, 1000 + position % 9000) for position in range(size)]
