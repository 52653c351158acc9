# SPDX-License-Identifier: Apache-2.0
"""Build the receipts of a campaign, one for each row of its audience, from the runs of rows that the spool yields."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.spool import ReceiptRun
    from airflow_provider_aliyunsms.products import Product

INLINE_LIMIT = 100
"""Rows up to which a campaign without ``receipts_path`` carries its receipts in the XCom instead of a file."""

Facts = tuple[str, str | None, str | None, str | None, str]
"""The fields of a receipt after the number: outcome, code, id, ``out_id`` and time."""


# Not frozen: there may be as many of these as recipients, and a frozen one is slower to build.
@dataclass(slots=True, repr=False)
class Stretch:
    """
    Neighbouring receipts that differ in the number only, or in number and id; not to be changed.

    :param numbers: the number of each receipt, in order.
    :param facts: the other fields, the same for all: outcome, code, id, ``out_id`` and time.
    :param ids: one id for each number, if they differ; the id among the facts is None then. Else None.
    """

    numbers: Sequence[str]
    facts: Facts
    ids: Sequence[str | None] | None

    def part(self, start: int, end: int) -> Stretch:
        """Return the receipts from position ``start`` up to, not including, ``end``."""
        ids = None if self.ids is None else self.ids[start:end]
        return Stretch(self.numbers[start:end], self.facts, ids)


class Receipts:
    """
    The receipts of a campaign: the outcome of each row, in the order of the audience.

    They can be read once: either one by one, as dictionaries, by iteration, or in blocks, by :meth:`blocks`, which
    costs less for large campaigns.

    :param runs: the runs of rows with equal outcomes, in order.
    :param product: decides on the names of the number and id fields.
    :param at: the time for rows that were in no call, ``2026-01-02T03:04:05Z``.
    """

    def __init__(self, *, runs: Iterable[ReceiptRun], product: Product, at: str) -> None:
        self._runs = runs
        self._at = at
        self._one_id = not product.has_message_ids
        self.fields = (product.number_field, "outcome", "code", product.id_field, "out_id", "time")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        number_field, *others = self.fields
        id_field = self.fields[3]
        for run in self._runs:
            stretch = self._stretch(run)
            shared = dict(zip(others, stretch.facts, strict=True))
            ids = repeat(stretch.facts[2], len(run)) if stretch.ids is None else stretch.ids
            for number, one_id in zip(stretch.numbers, ids, strict=True):
                yield {number_field: number, **shared, id_field: one_id}

    def blocks(self, *, size: int) -> Iterator[list[Stretch]]:
        """
        Yield the receipts in blocks of ``size``; only the last block may be smaller.

        :param size: receipts in a block, at least 1.
        """
        # Every block but the last must be full, however the runs are cut: otherwise Parquet row groups would differ
        # from one writing to the next, and a rebuilt file would not equal the first one.
        block: list[Stretch] = []
        room = size
        for run in self._runs:
            stretch, start, end = self._stretch(run), 0, len(run)
            while end - start >= room:
                yield [*block, stretch.part(start, start + room)]
                start += room
                block, room = [], size
            if start < end:
                block.append(stretch.part(start, end) if start else stretch)
                room -= end - start
        if block:
            yield block

    def _stretch(self, run: ReceiptRun) -> Stretch:
        biz_id, ids = (run.biz_id, None) if self._one_id else (None, run.message_ids)
        return Stretch(run.numbers, (run.outcome, run.code, biz_id, run.out_id, run.time or self._at), ids)
