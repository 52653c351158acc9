# SPDX-License-Identifier: Apache-2.0
"""Store the outcome of every row in six bytes, and count the rows with each outcome at any moment."""

from __future__ import annotations

import json
from array import array
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.disk import disk_while_sending
from airflow_provider_aliyunsms.audience.spool.records import PENDING
from airflow_provider_aliyunsms.codes import MOST_CODES, LocalCode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

PAGES_IN_MEMORY = 64
"""The number of pages whose states are in memory; the pages used longest ago are on disk."""


@dataclass(frozen=True, slots=True)
class RowState:
    """
    One state of a row: its outcome with the reason for it.

    :param outcome: ``pending``, ``accepted``, ``rejected``, ``skipped`` or ``unknown``.
    :param code: the reason for it; None when there is none.
    :param local: whether it was decided before anything was sent; such a row never changes its state.
    """

    outcome: str
    code: str | None
    local: bool = False


@dataclass(slots=True)
class PageStates:
    """
    The states of one page's rows.

    :param endings: for each row, the number of its :class:`RowState`; 0 while it is pending.
    :param responses: for each row, the number of the response that decided its state; 0 for none.
    :param message_ids: the message id by position in the page, for the rows that have one.
    :param changed: whether the states differ from those on disk.
    """

    endings: array[int]
    responses: array[int]
    message_ids: dict[int, str] = field(default_factory=dict)
    changed: bool = False

    def runs(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield start, stop, state number and response number of each run of equal neighbouring rows."""
        start = 0
        for (ending, response), group in groupby(zip(self.endings, self.responses, strict=True)):
            stop = start + len([*group])
            yield start, stop, ending, response
            start = stop


class SpoolStates:
    """
    The states of all rows, by page. The pages used last are in memory, the others on disk.

    :param connection: the connection to the spool's database.
    :ivar endings: the states by their number; number 0 is ``pending``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._pages: OrderedDict[int, PageStates] = OrderedDict()
        self.endings: list[RowState] = [RowState(PENDING, None)]
        self._numbers: dict[RowState, int] = {self.endings[0]: 0}
        self._tally: Counter[int] = Counter()

    def add_page(self, page: int, *, size: int) -> None:
        """Add a page of ``size`` rows that are all pending; its row in the database must exist already."""
        self._tally[0] += size
        self._keep(page, PageStates(array("H", bytes(2 * size)), array("I", bytes(4 * size)), changed=True))

    def page(self, page: int) -> PageStates:
        """Return the states of a page; only :meth:`change` may change them, because it also keeps the counts."""
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
        """
        Set the state of neighbouring rows of a page.

        :param page: the number of the page.
        :param start: the position of the first row.
        :param stop: the position after the last row.
        :param ending: the new state.
        :param response: the number of the response that decided it; 0 for none.
        :param message_ids: one for each of these rows; None when no row has one.
        """
        states = self.page(page)
        states.changed = True
        size = stop - start
        # Before the old states are overwritten: every row is counted under exactly one state, or the counts would no
        # longer add up to the total.
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
        """Yield each state with the number of rows that have it; states without rows are left out."""
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
        if number is None and len(self.endings) > MOST_CODES and ending.code and not ending.local:
            # The gateway chooses the codes, and there is room for a limited number of states.
            ending = RowState(ending.outcome, LocalCode.OTHER_CODE.value)
            number = self._numbers.get(ending)
        if number is None:
            # States are only appended, never moved: the rows of all pages refer to them by number.
            number = self._numbers[ending] = len(self.endings)
            self.endings.append(ending)
        return number

    def _keep(self, page: int, states: PageStates) -> None:
        self._pages[page] = states
        if len(self._pages) > PAGES_IN_MEMORY:
            # A page that changed is written before it is dropped, or its outcomes would be lost.
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
