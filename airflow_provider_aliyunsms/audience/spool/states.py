# SPDX-License-Identifier: Apache-2.0
"""What became of every row, in six bytes each, and how many ended how at any moment."""

from __future__ import annotations

import json
from array import array
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.disk import disk_while_sending
from airflow_provider_aliyunsms.audience.spool.records import PENDING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

PAGES_IN_MEMORY = 64


@dataclass(frozen=True, slots=True)
class RowState:
    """
    A way in which rows end.

    :param local: decided here before anything was sent; such a row never changes.
    """

    outcome: str
    code: str | None
    local: bool = False


@dataclass(slots=True)
class PageStates:
    """
    The states of one page's rows.

    :param endings: for each row, the number of its ending; 0 while it is pending.
    :param answers: for each row, the number of the answer that decided it; 0 for none.
    """

    endings: array[int]
    responses: array[int]
    message_ids: dict[int, str] = field(default_factory=dict)
    changed: bool = False

    def runs(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield start, stop, ending and answer of neighbours that are alike."""
        start = 0
        for (ending, response), group in groupby(zip(self.endings, self.responses, strict=True)):
            stop = start + sum(1 for _ in group)
            yield start, stop, ending, response
            start = stop


class SpoolStates:
    """
    The states of all pages; those in use are kept in memory, the others on disk.

    :param connection: the spool's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._pages: OrderedDict[int, PageStates] = OrderedDict()
        self.endings: list[RowState] = [RowState(PENDING, None)]
        self._numbers: dict[RowState, int] = {self.endings[0]: 0}
        self._tally: Counter[int] = Counter()

    def add_page(self, page: int, *, size: int) -> None:
        """Take in a page whose rows are all pending."""
        self._tally[0] += size
        self._keep(page, PageStates(array("H", bytes(2 * size)), array("I", bytes(4 * size)), changed=True))

    def page(self, page: int) -> PageStates:
        """Return the states of a page, not to be changed but by :meth:`change`."""
        states = self._pages.get(page)
        if states is None:
            states = self._read(page)
            self._keep(page, states)
        else:
            self._pages.move_to_end(page)
        return states

    def change(
        self,
        page: int,
        *,
        start: int,
        stop: int,
        ending: RowState,
        response: int = 0,
        message_ids: Sequence[str | None] | None = None,
    ) -> None:
        """Let neighbouring rows of a page end in one way; the ids are one for each of them."""
        states = self.page(page)
        states.changed = True
        size = stop - start
        self._discount(states.endings[start:stop])
        number = self._number_of(ending)
        self._tally[number] += size
        states.endings[start:stop] = array("H", [number]) * size
        states.responses[start:stop] = array("I", [response]) * size
        if states.message_ids:
            for position in range(start, stop):
                states.message_ids.pop(position, None)
        if message_ids is not None:
            given = zip(range(start, stop), message_ids, strict=True)
            states.message_ids.update((position, text) for position, text in given if text is not None)

    def tally(self) -> Iterator[tuple[RowState, int]]:
        """Yield how many rows ended how."""
        for number, count in self._tally.items():
            if count:
                yield self.endings[number], count

    def _discount(self, endings: array[int]) -> None:
        first, size = endings[0], len(endings)
        if endings.count(first) == size:
            self._tally[first] -= size
        else:
            self._tally.subtract(Counter(endings))

    def _number_of(self, ending: RowState) -> int:
        number = self._numbers.get(ending)
        if number is None:
            number = self._numbers[ending] = len(self.endings)
            self.endings.append(ending)
        return number

    def _keep(self, page: int, states: PageStates) -> None:
        self._pages[page] = states
        if len(self._pages) > PAGES_IN_MEMORY:
            oldest, kept = self._pages.popitem(last=False)
            if kept.changed:
                self._write(oldest, kept)

    def _write(self, page: int, states: PageStates) -> None:
        blob = states.endings.tobytes() + states.responses.tobytes()
        ids = json.dumps(states.message_ids) if states.message_ids else None
        with disk_while_sending():
            self._db.execute(
                "UPDATE page SET states = ?, message_ids = ? WHERE number = ?", (blob, ids, page)
            )

    def _read(self, page: int) -> PageStates:
        with disk_while_sending():
            query = "SELECT size, states, message_ids FROM page WHERE number = ?"
            size, blob, ids = self._db.execute(query, (page,)).fetchone()
        found = {} if ids is None else {int(position): text for position, text in json.loads(ids).items()}
        return PageStates(array("H", blob[: 2 * size]), array("I", blob[2 * size :]), found)
