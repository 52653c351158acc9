# SPDX-License-Identifier: Apache-2.0
"""What the spool tells about its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCEPTED = "accepted"
REJECTED = "rejected"
SKIPPED = "skipped"
UNKNOWN = "unknown"
PENDING = "pending"
OUTCOMES = frozenset({ACCEPTED, REJECTED, SKIPPED, UNKNOWN})


@dataclass(frozen=True, slots=True)
class SpoolCounts:
    """How many rows ended how; the five outcomes always add up to ``total``."""

    total: int
    accepted: int
    rejected: int
    skipped: int
    unknown: int
    pending: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was refused before anything was sent, for a message to a person."""

    row: int
    code: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Settlement:
    """
    Recipients of one call that end alike.

    :param outcome: ``accepted``, ``rejected``, ``skipped`` or ``unknown``.
    :param message_ids: one for each key, None when nobody has one.
    """

    keys: Sequence[int]
    outcome: str
    code: str | None = None
    message_ids: Sequence[str | None] | None = None


@dataclass(slots=True, repr=False)
class ReceiptRun:
    """
    Neighbouring rows that ended alike, in input order, a page of them at most; not to be changed.

    :param numbers: canonical, or as they were written when the rows were refused or skipped here: any text.
    :param outcome: ``accepted``, ``rejected``, ``skipped``, ``unknown`` or ``pending``.
    :param message_ids: one for each number, None when nobody has one.
    """

    numbers: Sequence[str]
    outcome: str
    code: str | None
    biz_id: str | None
    out_id: str | None
    time: str | None
    message_ids: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return f"ReceiptRun({len(self)} {self.outcome})"
