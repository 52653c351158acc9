# SPDX-License-Identifier: Apache-2.0
"""Make an audience of a few given numbers, each of which gets what the first good row of another audience gets."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.fields import PHONE_NUMBER, PHONE_REGION
from airflow_provider_aliyunsms.audience.rows import Row, RowBlock
from airflow_provider_aliyunsms.audience.rules import prepare_block
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import RecipientRules


def copies(
    blocks: Iterable[Block], *, numbers: Sequence[str], number_field: str, rules: RecipientRules
) -> Iterator[Block]:
    """
    Yield one block with a row for each number: all else in it is that of the first row that the rules accept.

    Reads the source up to that row and closes it: nothing is said of the rows behind it. Yields nothing for a source
    without rows.

    :param blocks: the rows of the audience; a generator is closed.
    :param numbers: the numbers, as a person writes them; the rules check them like any other.
    :param number_field: the column of the phone number, ``phone_number`` or ``to``.
    :param rules: find the first good row; not those that check the result, which count what they see.
    :raises AudienceError: the source cannot be read, or has rows and not one of them can be sent to.
    """
    source = iter(blocks)
    read = 0
    try:
        for block in source:
            first = _first_good(block, rules=rules)
            if first is not None:
                yield RowBlock([*_copied(first, numbers=numbers, number_field=number_field)])
                return
            read += len(block)
    finally:
        if isinstance(source, Generator):
            source.close()
    if read:
        raise AudienceError(
            f"not one of {read} rows can be sent to, so there is nothing to copy",
            advice="Nothing was sent now. Correct the rows or their column names.",
        )


def _first_good(block: Block, *, rules: RecipientRules) -> Row | None:
    prepared = prepare_block(block, rules=rules)
    return next((block.row(place) for place, content in enumerate(prepared.contents) if content), None)


def _copied(first: Row, *, numbers: Sequence[str], number_field: str) -> Iterator[Row]:
    # The region of the first row says nothing of another number.
    shared = {
        name: value
        for name, value in first.values.items()
        if name not in (number_field, PHONE_NUMBER, PHONE_REGION)
    }
    for position, number in enumerate(numbers, start=1):
        yield Row(
            number=position,
            values={number_field: number, **shared},
            flat=first.flat,
            number_field=number_field,
        )
