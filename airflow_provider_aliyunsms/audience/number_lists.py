# SPDX-License-Identifier: Apache-2.0
"""
Read a list of phone numbers that are not an audience, such as one of people never to send to, and search it.

Two lists know one number by the same digits, whatever each wrote: the country code comes first, without a plus sign.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.audience.disk import disk_before_sending
from airflow_provider_aliyunsms.audience.fields import PHONE_NUMBER, PHONE_REGION, TO
from airflow_provider_aliyunsms.audience.phone_numbers import (
    MAINLAND_CODE,
    compact_number,
    international_number,
    is_bare_mainland,
    national_number,
    with_country_codes,
)
from airflow_provider_aliyunsms.audience.rows import RowBlock, TableBlock
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules, prepare_block
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.products import Product

SHOWN_ROWS = 5
"""The number of bad rows that are named."""

_NUMBER_FIELDS = frozenset({PHONE_NUMBER, TO, PHONE_REGION})
_AT_ONCE = 500
"""Values of one query; SQLite takes at least 999."""

IN_MEMORY: Final = 200_000
"""Numbers that a set holds in memory; a longer one goes onto the disk."""

_SORTED = 200_000
"""Numbers that are sorted before they are stored: in order, they go into the index several times as fast."""


@dataclass(slots=True)
class BadRows:
    """
    The rows of a list that cannot be read as a number.

    :param count: how many.
    :param first: the first of them in words: row and line, and the reason, without the cell.
    """

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, *, row: int, line: int | None, reason: str) -> None:
        """Count one row."""
        self.count += 1
        if len(self.first) < SHOWN_ROWS:
            where = f"row {row}" if line is None else f"row {row} (line {line})"
            self.first.append(f"{where}: {reason}")


def numbers_of(
    blocks: Iterable[Block],
    *,
    product: Product,
    bad: BadRows,
    phone_region: str | None = None,
    international: bool = False,
) -> Iterator[list[str]]:
    """
    Yield the numbers of a list with their country codes, a block at a time, read by the rules of an audience.

    Columns without a number are not looked at. Two things are read that an audience could not have: any number with
    a plus sign or ``00``, also one that the API cannot reach; and digits that may be a number in the mainland and one
    abroad, as both of them.

    :param blocks: the rows, see :func:`~airflow_provider_aliyunsms.audience.sources.read_blocks`.
    :param product: whose rules read the numbers.
    :param bad: takes the rows that cannot be read as a number.
    :param phone_region: as of the send operators.
    :param international: as of the send operator for the mainland.
    :raises AudienceError: the source cannot be read, or its numbers lost digits.
    """
    rules = _rules(product, phone_region=phone_region, international=international)
    for block in blocks:
        prepared = prepare_block(_only_numbers(block), rules=rules)
        found = with_country_codes([number for number in prepared.numbers if number], product=product)
        given = prepared.given or prepared.numbers
        for refusal in prepared.refusals:
            readings = _readings(given[refusal.position], phone_region=phone_region)
            found += readings
            if not readings:
                bad.add(row=refusal.row, line=refusal.line, reason=refusal.reason.reason)
        yield found


def _rules(product: Product, *, phone_region: str | None, international: bool) -> RecipientRules:
    if product is GLOBE:
        return GlobeRules(message="-", template_param=None, refused_regions=(), phone_region=phone_region)
    # The signature is never sent: a row without one is no recipient, but it has a number.
    return ChinaRules(
        sign_name="-", template_param=None, international=international, phone_region=phone_region
    )


def _only_numbers(block: Block) -> Block:
    """Return the block without the columns that say nothing of a number: an empty variable is no fault of a list."""
    if isinstance(block, TableBlock):
        names = [name if name in _NUMBER_FIELDS else None for name in block.names]
        return TableBlock(
            names=names,
            records=block.records,
            first=block.first,
            number_field=block.number_field,
            lines=block.lines,
        )
    return RowBlock(
        [
            replace(row, values={name: row.values[name] for name in _NUMBER_FIELDS & row.values.keys()})
            for row in block.rows
        ]
    )


def _readings(text: str, *, phone_region: str | None) -> list[str]:
    compact = compact_number(text)
    if compact.startswith(("+", "00")):
        number = international_number(text)
        return [number] if number else []
    if not is_bare_mainland(text):
        return []
    local = national_number(text, region=phone_region.strip().upper()) if phone_region else None
    return [MAINLAND_CODE + compact, compact, *([local] if local else [])]


class NumberSet:
    """
    A set of phone numbers: a short one in memory, a long one on the local disk.

    Memory does not grow beyond :data:`IN_MEMORY` numbers. With more, each takes some 20 bytes of disk, in a file
    without a name that only this user can read. Only the thread that made it may use it. Use it as a context manager.

    :raises AudienceError: the disk cannot be written (``local.DISK``), here or later.
    """

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._db: sqlite3.Connection | None = None
        self._waiting: list[tuple[int]] = []

    def __enter__(self) -> NumberSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._db is not None:
            self._db.close()

    def add(self, numbers: Iterable[str]) -> None:
        """Add numbers with country code, see :func:`.with_country_code`; one that is in the set stays as it is."""
        if self._db is None:
            self._few.update(map(int, numbers))
            if len(self._few) > IN_MEMORY:
                self._open()
            return
        self._waiting.extend((int(number),) for number in numbers)
        if len(self._waiting) >= _SORTED:
            self._store(self._db)

    def __len__(self) -> int:
        if self._db is None:
            return len(self._few)
        self._store(self._db)
        with disk_before_sending():
            (count,) = self._db.execute("SELECT COUNT(*) FROM known").fetchone()
        return int(count)

    def holds(self, numbers: Sequence[str]) -> list[bool]:
        """Return for each of some numbers with country code whether it is in the set."""
        wanted = [int(number) for number in numbers]
        if self._db is None:
            few = self._few
            if few.isdisjoint(wanted):
                # Nearly always.
                return [False] * len(wanted)
            return [number in few for number in wanted]
        self._store(self._db)
        found: set[int] = set()
        with disk_before_sending():
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT number FROM known WHERE number IN ({marks})"  # noqa: S608 - question marks only
                found.update(number for (number,) in self._db.execute(query, some))
        return [number in found for number in wanted]

    def _open(self) -> None:
        """Put the numbers onto the disk."""
        with disk_before_sending():
            # Without a name SQLite makes a temporary file for its owner only, removes its name at once, and deletes
            # it when the connection is closed, or the process dies.
            self._db = sqlite3.connect("", isolation_level=None)
            self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            self._db.execute("CREATE TABLE known (number INTEGER PRIMARY KEY)")
            self._db.execute("BEGIN")
        self._waiting = [(number,) for number in self._few]
        self._few = set()
        self._store(self._db)

    def _store(self, database: sqlite3.Connection) -> None:
        if self._waiting:
            self._waiting.sort()
            with disk_before_sending():
                database.executemany("INSERT OR IGNORE INTO known VALUES (?)", self._waiting)
            self._waiting.clear()
