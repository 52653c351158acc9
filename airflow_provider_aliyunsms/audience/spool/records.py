# SPDX-License-Identifier: Apache-2.0
"""Hold the data classes that go into the spool and come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.audience.recipients import Members

ACCEPTED = "accepted"
REJECTED = "rejected"
SKIPPED = "skipped"
UNKNOWN = "unknown"
PENDING = "pending"
OUTCOMES = frozenset({ACCEPTED, REJECTED, SKIPPED, UNKNOWN})


@dataclass(frozen=True, slots=True)
class SpoolCounts:
    """The number of rows with each outcome; the five numbers always add up to ``total``."""

    total: int
    accepted: int
    rejected: int
    skipped: int
    unknown: int
    pending: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """
    One row that was rejected before anything was sent, as an error message shows it.

    :param row: its number in the source, counted from 1.
    :param code: the reason as a code.
    :param field: the column or key at fault.
    :param reason: the reason in words, without the value of the cell.
    :param line: its line in the file; None when the source has none.
    """

    row: int
    code: str
    field: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RejectionGroup:
    """
    The rows that were rejected with the same code for the same column and reason.

    :param code: the reason as a code.
    :param field: the column or key at fault.
    :param count: how many there are.
    :param first: the first of them.
    """

    code: str
    field: str
    count: int
    first: Sequence[Rejection]


@dataclass(frozen=True, slots=True, repr=False)
class Settlement:
    """
    Recipients of one call that have the same outcome.

    :param keys: the recipient keys.
    :param outcome: ``accepted``, ``rejected``, ``skipped`` or ``unknown``.
    :param code: the code of the response, or one of this package's own; None when there is none.
    :param message_ids: one for each key; None when no recipient has one.
    """

    keys: Sequence[int]
    outcome: str
    code: str | None = None
    message_ids: Sequence[str | None] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SpoolRows:
    """
    Neighbouring rows that can be sent to, at most one page of them.

    :param members: the recipients, with their keys.
    :param outcomes: the outcome of each, ``pending`` for none.
    :param places: where each stands, for :meth:`.Spool.skip`.
    :param codes: the reason for each outcome, None for none.
    """

    members: Members
    outcomes: Sequence[str]
    places: Sequence[int]
    codes: Sequence[str | None]


@dataclass(slots=True, repr=False)
class ReceiptRun:
    """
    The receipts of neighbouring rows with the same outcome, in input order, at most one page; do not change it.

    :param numbers: canonical numbers. For rows that were rejected or skipped before anything was sent, the numbers as
        the source wrote them, which can be any text.
    :param outcome: ``accepted``, ``rejected``, ``skipped``, ``unknown`` or ``pending``.
    :param code: the reason for the outcome; None when there is none.
    :param biz_id: the id that the response named for the call; None when there is none.
    :param out_id: the label that was sent with the call; None when no outcome of a call is recorded.
    :param time: the time of the call as text; None when no outcome of a call is recorded.
    :param message_ids: one for each number; None when no row has one.
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
