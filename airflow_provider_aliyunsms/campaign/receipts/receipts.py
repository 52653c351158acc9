# SPDX-License-Identifier: Apache-2.0
"""Receipts: one row per recipient; ``receipt_files`` writes them and reads them back for the delivery sensor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.spool import ReceiptRun
    from airflow_provider_aliyunsms.products import Product

INLINE_LIMIT = 100
"""Campaigns up to this size carry their receipts in the XCom; larger ones leave them in a file."""

Facts = tuple[str, str | None, str | None, str | None, str]


# Not frozen, because there may be as many as recipients, and it makes each three times as slow to build.
@dataclass(slots=True, repr=False)
class Stretch:
    """
    Neighbouring receipts with the same facts; not to be changed.

    :param numbers: the first field.
    :param facts: the other fields: outcome, code, id, ``out_id`` and time.
    :param ids: one for each number, where they are not the same; the id among the facts is None then.
    """

    numbers: Sequence[str]
    facts: Facts
    ids: Sequence[str | None] | None

    def part(self, start: int, end: int) -> Stretch:
        """Return some of them."""
        ids = None if self.ids is None else self.ids[start:end]
        return Stretch(self.numbers[start:end], self.facts, ids)


class Receipts:
    """
    What became of everybody, in the order of the audience; to be gone through once, in either way.

    As dictionaries one by one, about a microsecond each, or as :meth:`blocks` for those who write them by
    the million.

    :param runs: who and what became of them.
    :param product: whose fields are named.
    :param at: the time for those that never came to be sent.
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
        Yield the receipts ``size`` at a time, the rest at last; a third of a microsecond a run.

        Every block but the last is full however the runs are cut, so a file can be rebuilt to the byte.
        """
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
