# SPDX-License-Identifier: Apache-2.0
"""What the spool tells about its rows."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_aliyunsms.audience.numbers import mask_number

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
