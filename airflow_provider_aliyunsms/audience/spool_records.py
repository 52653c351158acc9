# SPDX-License-Identifier: Apache-2.0
"""What the spool tells about its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.numbers import mask_number

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


# Not frozen, because that makes each of a million three times as slow to build; nobody changes one.
@dataclass(slots=True, repr=False)
class ReceiptRow:
    """
    What became of one row; not to be changed.

    :param number: canonical, or as it was written when the row was refused or skipped here.
    :param outcome: ``accepted``, ``rejected``, ``skipped``, ``unknown`` or ``pending``.
    """

    number: str
    outcome: str
    code: str | None
    biz_id: str | None
    message_id: str | None
    out_id: str | None
    time: str | None

    def __repr__(self) -> str:
        return f"ReceiptRow({mask_number(self.number)}, {self.outcome})"


@dataclass(slots=True, repr=False)
class ReceiptRun:
    """
    What became of neighbouring rows that ended alike, in input order; not to be changed.

    :param numbers: canonical, or as they were written when the rows were refused or skipped here: any text.
    :param outcome: ``accepted``, ``rejected``, ``skipped``, ``unknown`` or ``pending``.
    :param message_ids: one for each number; None when nobody has one.
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
