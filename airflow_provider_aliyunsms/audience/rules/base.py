# SPDX-License-Identifier: Apache-2.0
"""Check a block of rows: make its recipients, stored as columns, and list the rows that were rejected."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.audience.rows import Block, TableBlock
from airflow_provider_aliyunsms.audience.rules.float_numbers import FloatNumbers, refuse_single_floats
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.audience.recipients import Recipient
    from airflow_provider_aliyunsms.audience.rows import Row
    from airflow_provider_aliyunsms.codes import LocalCode


class RowRejected(ValueError):  # noqa: N818 - control flow inside the audience, never raised to a user
    """
    The error for one row that cannot become a recipient; the row gets a receipt and the campaign goes on.

    :param code: the reason as a code.
    :param field: the column or key at fault.
    :param reason: the reason in words, without the value of the cell.
    """

    def __init__(self, *, code: LocalCode, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.reason = reason


@dataclass(slots=True, repr=False)
class RejectedRow:
    """
    One rejected row of a block.

    :param position: its place in the block, counted from 0.
    :param row: its number in the source, counted from 1.
    :param line: its line in the file; None when the source has none.
    :param reason: the error that the rules raised for it.
    """

    position: int
    row: int
    line: int | None
    reason: RowRejected


@dataclass(slots=True, repr=False)
class PlainRows:
    """
    The rows of a table that a check of whole columns could accept, stored as columns.

    :param numbers: one canonical number for each row; without meaning where the content is None.
    :param contents: one content for each row; None for a row that must be checked by itself.
    :param given: the numbers as the source wrote them.
    """

    numbers: list[str]
    contents: list[str | None]
    given: Sequence[str]


class RecipientRules(Protocol):
    """Turn rows into recipients of one product."""

    def prepare(self, values: Mapping[str, Any] | str, *, flat: bool = False) -> Recipient:
        """Return the recipient that a row's values describe, or raise :class:`RowRejected`."""
        ...

    def check_all(self) -> None:
        """
        Check what only all rows together show; called once, after the last of them.

        :raises AudienceError: the audience must not be sent to.
        """
        ...

    def plain_rows(self, block: TableBlock) -> PlainRows | None:
        """
        Return the rows that :meth:`prepare` would accept, checked by whole columns; None to check each row.

        The result must equal that of :meth:`prepare`. Every row in doubt is left to it, with None as its content.
        """
        ...


@dataclass(slots=True, repr=False)
class PreparedBlock:
    """
    A block of rows after the check, stored as columns with one entry for each row.

    :param numbers: canonical numbers; empty for a rejected row.
    :param contents: the content of each recipient as canonical text; empty for a rejected row.
    :param given: the numbers as the source wrote them; None when all are equal to ``numbers``.
    :param refusals: the rejected rows in the order of the block.
    """

    numbers: list[str]
    contents: list[str]
    given: list[str] | None
    refusals: list[RejectedRow]

    def good(self) -> tuple[list[str], list[str]]:
        """Return the numbers and the contents of the rows that were not rejected."""
        if not self.refusals:
            return self.numbers, self.contents
        return [*compress(self.numbers, self.contents)], [*filter(None, self.contents)]


def prepare_block(block: Block, *, rules: RecipientRules) -> PreparedBlock:
    """
    Check all rows of a block and make their recipients.

    :raises AudienceError: for a row that shows a mistake in the whole audience, such as an unknown key, and for phone
        numbers that all lost digits.
    """
    refuse_single_floats(block)
    plain = rules.plain_rows(block) if isinstance(block, TableBlock) else None
    if plain is None:
        size = len(block)
        plain = PlainRows(numbers=[""] * size, contents=[None] * size, given=[""] * size)
    numbers, given = plain.numbers, [*plain.given]
    contents = [content or "" for content in plain.contents]
    refusals: list[RejectedRow] = []
    if not all(contents):
        floats = FloatNumbers(block)
        for position, content in enumerate(plain.contents):
            if content is not None:
                continue
            row = block.row(position)
            given[position] = _storable(row.given_number)
            try:
                recipient = _recipient_of(floats.made_whole(row), rules=rules)
            except RowRejected as error:
                refusals.append(RejectedRow(position=position, row=row.number, line=row.line, reason=error))
                numbers[position] = ""
            else:
                numbers[position], contents[position] = recipient.number, recipient.content
    return PreparedBlock(
        numbers=numbers, contents=contents, given=None if given == numbers else given, refusals=refusals
    )


def _recipient_of(row: Row, *, rules: RecipientRules) -> Recipient:
    try:
        return rules.prepare(row.values, flat=row.flat)
    except AudienceError as error:
        error.row = row.number
        error.message = f"Row {row.number}: {error.message}"
        raise


def _storable(text: str) -> str:
    # SQLite cannot store lone surrogates, and Python's error about them would hold the text.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
