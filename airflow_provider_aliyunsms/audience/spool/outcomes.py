# SPDX-License-Identifier: Apache-2.0
"""
Apply the outcomes of chunks to the rows of the spool, and make the receipts from them.

Nearly every outcome is the first one of recipients that were read a moment ago. It is written for whole runs of
neighbouring rows at once. All other recipients are looked up by key.
"""

from __future__ import annotations

from itertools import compress, repeat
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.recipients import Members
from airflow_provider_aliyunsms.audience.spool.number_index import NumberedRow
from airflow_provider_aliyunsms.audience.spool.pages import MOST_ROWS, KeyPlaces
from airflow_provider_aliyunsms.audience.spool.records import (
    OUTCOMES,
    PENDING,
    SKIPPED,
    UNKNOWN,
    ReceiptRun,
    SpoolRows,
)
from airflow_provider_aliyunsms.audience.spool.states import RowState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.recipients import LedgerKeys, Recipient
    from airflow_provider_aliyunsms.audience.spool.pages import SpoolPages
    from airflow_provider_aliyunsms.audience.spool.records import Settlement
    from airflow_provider_aliyunsms.audience.spool.states import SpoolStates

_PAGE = MOST_ROWS
"""The place of a row is the number of its page times this, plus its position in the page."""

_RESPONSES_HELD_BACK = 100
_NO_RESPONSE = (None, None, None)


class SpoolOutcomes:
    """
    Apply outcomes to rows by recipient key and make receipts; used by :class:`.Spool` alone.

    :param connection: the connection to the spool's database.
    :param pages: the keys, numbers and contents of the rows.
    :param states: the outcomes of the rows.
    """

    def __init__(self, connection: sqlite3.Connection, *, pages: SpoolPages, states: SpoolStates) -> None:
        self._db = connection
        self._pages = pages
        self._states = states
        # The place of each recipient that was read and has no final outcome yet. Final outcomes take entries out, so
        # that this dictionary does not grow with the audience.
        self._places: dict[int, int] = {}
        self._all_places = KeyPlaces(connection)
        # Rows that were added for recipients who left the audience: the index of places does not have them.
        self._absent: dict[int, int] = {}
        self._responses = 0
        self._waiting_responses: list[tuple[Any, ...]] = []

    def begin_reading(self) -> None:
        """Forget the places of all recipients that were read before."""
        self._places.clear()

    def pending(self, page: int) -> Members:
        """Return the pending recipients of a page and keep their places for :meth:`settle`."""
        endings = self._states.page(page).endings
        wanted = [not ending for ending in endings] if any(endings) else None
        members = self._pages.members(page, wanted=wanted)
        first = page * _PAGE
        places: Iterable[int] = range(first, first + len(endings))
        if wanted is not None:
            places = compress(places, wanted)
        self._places.update(zip(members.keys, places, strict=True))
        return members

    def remember(self, rows: Iterable[NumberedRow]) -> None:
        """Keep the places of rows for the next :meth:`settle`."""
        self._places.update((row.key, row.place) for row in rows)

    def remember_page(self, page: int, keys: Sequence[int]) -> None:
        """Keep the places of all rows of a page for the next :meth:`settle`, also after it."""
        first = page * _PAGE
        self._absent.update((key, first + position) for position, key in enumerate(keys))

    def is_pending(self, place: int) -> bool:
        """Return whether the row at a place has no outcome yet."""
        page, position = divmod(place, _PAGE)
        return not self._states.page(page).endings[position]

    def numbered(self, keys: LedgerKeys) -> Iterator[NumberedRow]:
        """Yield all rows that can be sent to, with the hashes by which a ledger knows them."""
        for page in range(1, self._pages.count + 1):
            members = self._pages.members(page, wanted=None)
            endings, states = self._states.page(page).endings, self._states.endings
            # Local rows have no number and no content; a twin has both, and is left out by its state.
            good = [
                bool(content) and not states[ending].local
                for content, ending in zip(members.contents, endings, strict=True)
            ]
            some = [*compress(members.keys, good)]
            first = page * _PAGE
            # Without a step in Python for each row: this is a pass over the audience, before the first call.
            yield from map(
                NumberedRow,
                keys.numbers([*compress(members.numbers, good)]),
                keys.tags(some) or repeat(0),
                some,
                compress(range(first, first + len(good)), good),
            )

    def rows(self, page: int, *, pending: bool) -> SpoolRows:
        """Return the rows of a page that can be sent to, see :meth:`.Spool.rows`."""
        endings = self._states.page(page).endings
        states = self._states.endings
        # A row of a recipient who left the audience has no local outcome, and no content either.
        members = self._pages.members(page, wanted=None)
        size, first = len(members), page * _PAGE
        if endings.count(0) == size:
            # The page of a fresh campaign: a row without a content has an outcome.
            return SpoolRows(members, [PENDING] * size, range(first, first + size), [None] * size)
        wanted = [
            bool(content) and not (states[number].local or (pending and number))
            for number, content in zip(endings, members.contents, strict=True)
        ]
        found = [states[number] for number in compress(endings, wanted)]
        return SpoolRows(
            Members(
                tuple(compress(members.keys, wanted)),
                tuple(compress(members.numbers, wanted)),
                tuple(compress(members.contents, wanted)),
            ),
            [state.outcome for state in found],
            [*compress(range(first, first + size), wanted)],
            [state.code for state in found],
        )

    def skip(self, places: Sequence[int], *, code: str) -> int:
        """Record that rows get nothing, see :meth:`.Spool.skip`."""
        ending = RowState(SKIPPED, code)
        changed = 0
        for start, stop in self._pending_runs(places):
            page, position = divmod(start, _PAGE)
            self._states.change(page, start=position, stop=position + stop - start, ending=ending)
            changed += stop - start
        return changed

    def _pending_runs(self, places: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield start and stop of each run of neighbouring places whose rows have no outcome."""
        for start, stop in _runs(places):
            page, position = divmod(start, _PAGE)
            endings = self._states.page(page).endings[position : position + stop - start]
            if any(endings):
                yield from _runs([start + offset for offset, ending in enumerate(endings) if not ending])
            else:
                yield start, stop

    def find(self, keys: Sequence[int]) -> Iterator[tuple[int, Recipient]]:
        """Yield the recipients with these keys, each with its key; a key that is not here is left out."""
        last, members = 0, Members()
        for key in keys:
            place = self._place(key)
            if place is None:
                continue
            page, position = divmod(place, _PAGE)
            if page != last:
                last, members = page, self._pages.members(page, wanted=None)
            yield from members.part(position, position + 1)

    def settle(self, *, out_id: str, biz_id: str | None, time: str, settlements: Iterable[Settlement]) -> int:
        """Record the outcomes of one chunk, see :meth:`.Spool.settle`."""
        self._responses += 1
        self._waiting_responses.append((self._responses, out_id, biz_id, time))
        if len(self._waiting_responses) >= _RESPONSES_HELD_BACK:
            self._flush()
        found = 0
        for settlement in settlements:
            if settlement.outcome not in OUTCOMES:
                msg = f"an outcome is one of {sorted(OUTCOMES)}"
                raise ValueError(msg)
            ending = RowState(settlement.outcome, settlement.code)
            found += self._change(
                settlement.keys,
                ending=ending,
                response=self._responses,
                ids=settlement.message_ids,
                # An unknown recipient mostly gets its final outcome a little later, so its place stays at hand.
                keep=settlement.outcome == UNKNOWN,
            )
        return found

    def reopen(self, keys: Sequence[int]) -> int:
        """Make recipients pending again, see :meth:`.Spool.reopen`."""
        return self._change(keys, ending=RowState(PENDING, None), response=0, ids=None, keep=True)

    def receipts(self, page: int) -> Iterator[ReceiptRun]:
        """Yield the receipts of a page, as runs of neighbouring rows with the same outcome."""
        # First of all: the rows refer to responses by number, and some of these may not be written yet.
        self._flush()
        states = self._states.page(page)
        canonical, given = self._pages.numbers(page)
        ids = states.message_ids
        for start, stop, number, response in states.runs():
            ending = self._states.endings[number]
            out_id, biz_id, time = self._response(response)
            yield ReceiptRun(
                numbers=(given if ending.local else canonical)[start:stop],
                outcome=ending.outcome,
                code=ending.code,
                biz_id=biz_id,
                out_id=out_id,
                time=time,
                message_ids=[ids.get(position) for position in range(start, stop)] if ids else None,
            )

    def _change(
        self,
        keys: Sequence[int],
        *,
        ending: RowState,
        response: int,
        ids: Sequence[str | None] | None,
        keep: bool,
    ) -> int:
        take = self._places.get if keep else self._places.pop
        places = [take(key, None) for key in keys]
        if None in places:
            places = [
                self._place(key) if place is None else place for key, place in zip(keys, places, strict=True)
            ]
        for start, stop, place in _neighbours(places):
            page, position = divmod(place, _PAGE)
            self._states.change(
                page,
                start=position,
                stop=position + stop - start,
                ending=ending,
                response=response,
                message_ids=None if ids is None else ids[start:stop],
            )
        return len(places) - places.count(None)

    def _place(self, key: int) -> int | None:
        place = self._places.get(key)
        if place is None:
            place = self._absent.get(key)
        return self._all_places.find(key, places=self._sendable) if place is None else place

    def _sendable(self) -> Iterator[tuple[int, int]]:
        for page in range(1, self._pages.count + 1):
            endings, first = self._states.page(page).endings, page * _PAGE
            for position, key in enumerate(self._pages.keys(page)):
                if not self._states.endings[endings[position]].local:
                    yield key, first + position

    def _response(self, number: int) -> tuple[str | None, str | None, str | None]:
        if not number:
            return _NO_RESPONSE
        query = "SELECT out_id, biz_id, time FROM response WHERE id = ?"
        found: tuple[str | None, str | None, str | None] = self._db.execute(query, (number,)).fetchone()
        return found

    def _flush(self) -> None:
        if self._waiting_responses:
            statement = "INSERT INTO response (id, out_id, biz_id, time) VALUES (?, ?, ?, ?)"
            self._db.execute("BEGIN")
            self._db.executemany(statement, self._waiting_responses)
            self._db.execute("COMMIT")
            self._waiting_responses.clear()


def _neighbours(places: Sequence[int | None]) -> Iterator[tuple[int, int, int]]:
    """Yield start, stop and first place of each run of places that follow each other; None is left out."""
    # The usual case, all places in one run, is found by one comparison.
    first = places[0] if places else None
    if first is not None and places == [*range(first, first + len(places))]:
        yield 0, len(places), first
        return
    start = 0
    while start < len(places):
        first, stop = places[start], start + 1
        if first is not None:
            while stop < len(places) and places[stop] == first + stop - start:
                stop += 1
            yield start, stop, first
        start = stop


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each run of neighbouring places of one page."""
    start = stop = -1
    for place in places:
        # A page holds fewer rows than the distance of two pages, so that no run goes over its end.
        if place != stop:
            if start >= 0:
                yield start, stop
            start = place
        stop = place + 1
    if start >= 0:
        yield start, stop
