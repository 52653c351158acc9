# SPDX-License-Identifier: Apache-2.0
"""A block of rows after it was judged: recipients column by column, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.audience.rows import Block, TableBlock
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.audience.recipients import Recipient
    from airflow_provider_aliyunsms.audience.rows import Row
    from airflow_provider_aliyunsms.codes import LocalCode


class RowRejected(ValueError):  # noqa: N818 - control flow inside the audience, never raised to a user
    """
    A row that cannot become a recipient: it gets a receipt and the campaign goes on without it.

    :param code: why, as a code.
    :param field: the column or key at fault.
    :param reason: why, in words, without the value.
    """

    def __init__(self, *, code: LocalCode, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.reason = reason


@dataclass(slots=True, repr=False)
class RejectedRow:
    """
    A row that cannot be sent to.

    :param position: its place in the block.
    :param row: its number in the source.
    """

    position: int
    row: int
    reason: RowRejected


@dataclass(slots=True, repr=False)
class PlainRows:
    """
    The rows of a table in which nothing is remarkable, column by column.

    :param numbers: one canonical number a row, or anything where the content is None.
    :param contents: one content a row, None for a row that must be looked at by itself.
    :param given: the numbers as they were written.
    """

    numbers: list[str]
    contents: list[str | None]
    given: Sequence[str]


class RecipientRules(Protocol):
    """What makes recipients of rows."""

    def prepare(self, values: Mapping[str, Any] | str, *, flat: bool = False) -> Recipient:
        """Return the recipient that a row's values stand for."""
        ...

    def plain_rows(self, block: TableBlock) -> PlainRows | None:
        """
        Return the rows that :meth:`prepare` would take as they are, None when each must be looked at.

        A short cut that decides nothing: whatever is unusual is left to :meth:`prepare`.
        """
        ...


@dataclass(slots=True, repr=False)
class PreparedBlock:
    """
    Recipients column by column.

    :param numbers: canonical; empty for a refused row.
    :param contents: what they receive; empty for a refused row.
    :param given: the numbers as they were written, None when none differs from ``numbers``.
    """

    numbers: list[str]
    contents: list[str]
    given: list[str] | None
    refusals: list[RejectedRow]


def prepare_block(block: Block, *, rules: RecipientRules) -> PreparedBlock:
    """
    Make recipients of a block.

    :raises AudienceError: for a row that says the whole audience is not what it should be.
    """
    plain = rules.plain_rows(block) if isinstance(block, TableBlock) else None
    if plain is None:
        size = len(block)
        plain = PlainRows(numbers=[""] * size, contents=[None] * size, given=[""] * size)
    numbers, given = plain.numbers, list(plain.given)
    contents = [content or "" for content in plain.contents]
    refusals: list[RejectedRow] = []
    if None in plain.contents:
        for position, content in enumerate(plain.contents):
            if content is not None:
                continue
            row = block.row(position)
            given[position] = _storable(row.given_number)
            try:
                recipient = _recipient_of(row, rules=rules)
            except RowRejected as error:
                refusals.append(RejectedRow(position=position, row=row.number, reason=error))
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
    # SQLite takes no lone surrogates, and Python's error about them would hold the text.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
