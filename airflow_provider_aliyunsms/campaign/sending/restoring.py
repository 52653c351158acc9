# SPDX-License-Identifier: Apache-2.0
"""
Apply the outcomes of earlier tries, as the ledger has them, to the rows of this one.

The identity of a recipient is the number. A record of the ledger belongs, first of all, to the row of its number
that has the same content. What is left of the records counts against the other rows of their numbers: a number that
was sent to, or may have been, under one content gets nothing under another one. A record whose number is not in the
audience any more gets a row of its own, so that its outcome is not lost.

Only the main thread uses this module, before the first recipient is read from the spool to be sent to.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.recipients import Members
from airflow_provider_aliyunsms.audience.spool import Settlement, UnmatchedRecord
from airflow_provider_aliyunsms.campaign.chunks import Chunk
from airflow_provider_aliyunsms.campaign.outcomes import FAILED_LIST, Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.sending.jobs import Job
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import LedgerConflictError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.spool import NumberedRow, Spool
    from airflow_provider_aliyunsms.campaign.ledger import Entry, Ledger, Window

log = logging.getLogger(__name__)

_FIRST_ABSENT_KEY = -(1 << 63)
"""Keys of rows without a number are counted up from here; that a recipient has one of them is most unlikely."""

_OLD_TAG = -1
"""Stands for the tag of a record of version 1, which knows a recipient by number and content together."""


@dataclass(slots=True, kw_only=True)
class Restored:
    """
    The work that earlier tries left, and how their audience differs from this one.

    :param jobs: one for each chunk whose outcome is unknown.
    :param changed: rows whose number was sent to, or may have been, under another content.
    :param absent: recipients of the ledger who are not in this audience.
    """

    jobs: list[Job]
    changed: int
    absent: int


@dataclass(slots=True)
class _OpenChunk:
    window: Window
    entry: Entry
    rows: list[int | None]
    skip: frozenset[int]
    changed: set[int] = field(default_factory=set)
    absent: set[int] = field(default_factory=set)


class Restoration:
    """
    Bring the spool to the state that the ledger records; to be used once.

    :param ledger: the durable record, opened.
    :param spool: the audience, loaded; every recipient is still pending.
    :param signer: returns a hash that stands for the AccessKey in use and its endpoint.
    :param resend_unknown: treat outcomes that were given up on an earlier occasion, for want of evidence, as open
        again.
    :param again: returns whether recipients whom this entry says were refused, with this code, are sent to again;
        None for nobody.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        signer: Callable[[], str],
        resend_unknown: bool,
        again: Callable[[Window, Entry, str | None], bool] | None = None,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._signer = signer
        self._resend_unknown = resend_unknown
        self._again = again
        self._open: list[_OpenChunk] = []
        # By signer: label and one accepted row of a chunk that shows whether another AccessKey sees the same
        # records.
        self._controls: dict[str, tuple[str, int]] = {}
        self._changed = 0
        self._absent = 0
        self._refused_again = 0
        self._old_records = 0

    def run(self) -> Restored:
        """
        Read the whole ledger, apply it to the spool, and return one job for each open chunk.

        It reads every window once, and costs a pass over the audience if there is any. It writes nothing to the
        ledger but a fenced ledger's copy.

        :raises LedgerConflictError: a record of an earlier version cannot be matched; nothing is sent.
        :raises LedgerError: a window cannot be read; nothing is sent.
        """
        indexed = False
        # In the order in which they were written: a released recipient stands in a later window again. In another
        # order reopen() could come after that later outcome, and an accepted recipient would get a second message.
        for window in self._ledger.windows():
            if not indexed:
                self._spool.index_numbers(self._ledger.keys)
                indexed = True
            for entry in window.entries:
                self._apply(window, entry)
        # After the last window: a row takes the record of its own content first, wherever that stands.
        for batch in self._spool.unmatched.batches():
            self._assign(batch)
        if self._old_records and self._spool.counts().pending:
            raise LedgerConflictError(
                f"{self._old_records} recipients of the ledger are not in this audience with the same "
                "content, and the ledger, which an earlier version of this package began, does not tell "
                "whether they are with another",
                advice="Nothing was sent now. Give the task the audience and the contents that it had.",
            )
        if self._refused_again:
            say(
                log,
                logging.WARNING,
                "%d recipients were refused in earlier tries and got nothing: they are sent to again.",
                self._refused_again,
            )
        return Restored(jobs=[*self._jobs()], changed=self._changed, absent=self._absent)

    def _apply(self, window: Window, entry: Entry) -> None:
        rows = self._match(entry)
        outcome = entry.outcome
        if outcome is None or (
            # Once for each occasion: a pass after a wait, or an automatic retry, is no new wish of a user.
            self._resend_unknown and _given_up(outcome) and self._ledger.was_settled_earlier(window, entry)
        ):
            self._reopen(window, entry, rows, skip=frozenset() if outcome is None else outcome.again)
            return
        known = [row for row in rows if row is not None]
        if outcome.kind in (OutcomeKind.SPLIT, OutcomeKind.RELEASED):
            self._spool.reopen(known)
            self._spool.unmatched.drop(self._record_keys(entry))
            return
        settlements, again = divide(outcome, rows=rows)
        self._spool.settle(
            out_id=entry.out_id, biz_id=outcome.biz_id, time=outcome.time, settlements=settlements
        )
        # A refusal is certain, so nobody among these has got anything. What a later window says of them comes after.
        again += self._refused(window, entry, outcome, size=len(rows))
        self._spool.reopen([row for row in (rows[position] for position in again) if row is not None])
        if len(known) < len(rows):
            self._put(entry, rows, outcome)
        if outcome.kind is OutcomeKind.ACCEPTED and window.signer not in self._controls:
            taken = (row for position, row in enumerate(rows) if row is not None and position not in again)
            if (row := next(taken, None)) is not None:
                self._controls[window.signer] = (entry.out_id, row)

    def _refused(self, window: Window, entry: Entry, outcome: Outcome, *, size: int) -> list[int]:
        """Return the positions of recipients who were refused and may be sent to again."""
        if outcome.kind is OutcomeKind.REFUSED:
            refused = [position for position in range(size) if position not in outcome.again]
        elif outcome.kind is OutcomeKind.ACCEPTED and outcome.code == FAILED_LIST:
            # Of other failed places nothing is certain: after a refusal in part, those of recipients who had left
            # the audience count as failed without having been looked up.
            refused = sorted(outcome.failed - outcome.again)
        else:
            return []
        if not refused or self._again is None or not self._again(window, entry, outcome.code):
            return []
        self._refused_again += len(refused)
        return refused

    def _match(self, entry: Entry) -> list[int | None]:
        """Return, for each recipient of a chunk, the key of the row with the same number and content."""
        if entry.keys:
            found = self._spool.find(entry.keys)
            return [key if key in found else None for key in entry.keys]
        rows = self._spool.rows_of(entry.number_keys)
        tags = self._tags(entry)
        return [
            next((row.key for row in rows.get(number_key, ()) if row.tag == tag), None)
            for number_key, tag in zip(entry.number_keys, tags, strict=True)
        ]

    def _record_keys(self, entry: Entry) -> list[tuple[int, int]]:
        if entry.keys:
            return [(key, _OLD_TAG) for key in entry.keys]
        return [*zip(entry.number_keys, self._tags(entry), strict=True)]

    def _tags(self, entry: Entry) -> tuple[int, ...]:
        if not entry.tags:
            return (0,) * len(entry.number_keys)
        return self._ledger.keys.masked(entry.tags, nonce=entry.nonce)

    def _reopen(self, window: Window, entry: Entry, rows: list[int | None], *, skip: frozenset[int]) -> None:
        # Unknown in the spool before the sender reads from it: left pending, these recipients would be cut into a
        # new chunk while their first one is still open, and could get two messages.
        self._mark_unknown(
            entry, [row for place, row in enumerate(rows) if row is not None and place not in skip]
        )
        self._open.append(_OpenChunk(window, entry, rows, skip))
        if None in rows:
            self._put(entry, rows, None, skip=skip)

    def _mark_unknown(self, entry: Entry, rows: Sequence[int], code: str | None = None) -> None:
        self._spool.settle(
            out_id=entry.out_id,
            biz_id=None,
            time=entry.date,
            settlements=[Settlement(rows, "unknown", code or LocalCode.NO_ANSWER.value)],
        )

    def _put(
        self,
        entry: Entry,
        rows: Sequence[int | None],
        outcome: Outcome | None,
        *,
        skip: frozenset[int] = frozenset(),
    ) -> None:
        """Keep what the ledger says of the recipients of a chunk that no row matches."""
        again = skip if outcome is None else outcome.again
        keys = self._record_keys(entry)
        ids = (outcome and outcome.message_ids) or (None,) * len(rows)
        self._spool.unmatched.drop(keys[position] for position in again if rows[position] is None)
        self._spool.unmatched.put(
            UnmatchedRecord(
                number_key=keys[position][0],
                tag=keys[position][1],
                outcome=None if outcome is None else _word(outcome, position),
                code=None if outcome is None else outcome.code,
                out_id=entry.out_id,
                biz_id=None if outcome is None else outcome.biz_id,
                time=entry.date if outcome is None else outcome.time,
                message_id=ids[position],
                chunk=len(self._open) - 1 if outcome is None else None,
                position=position,
            )
            for position, row in enumerate(rows)
            if row is None and position not in again
        )

    def _assign(self, batch: Sequence[UnmatchedRecord]) -> None:
        """Count records against other rows of their numbers, and give the rest rows of their own."""
        rows = self._spool.rows_of([record.number_key for record in batch if record.tag != _OLD_TAG])
        alone: list[UnmatchedRecord] = []
        for record in batch:
            others = rows.get(record.number_key, ()) if record.tag != _OLD_TAG else ()
            if record.outcome == "rejected" and others:
                # A number that was refused under another content has got nothing: its rows tell their own outcomes.
                continue
            row = next((one for one in others if self._spool.is_pending(one)), None)
            if row is None:
                alone.append(record)
            else:
                self._tie(record, row)
        if alone:
            self._keep_absent(alone)

    def _tie(self, record: UnmatchedRecord, row: NumberedRow) -> None:
        self._changed += 1
        if record.chunk is not None:
            chunk = self._open[record.chunk]
            chunk.rows[record.position] = row.key
            chunk.changed.add(record.position)
        word, code = ("skipped", LocalCode.CONTENT_CHANGED.value)
        if record.outcome != "accepted":
            word, code = ("unknown", record.code or LocalCode.NO_ANSWER.value)
        self._settle_one(record, Settlement([row.key], word, code))

    def _keep_absent(self, records: Sequence[UnmatchedRecord]) -> None:
        keys = [_FIRST_ABSENT_KEY + self._absent + index for index in range(len(records))]
        self._absent += len(records)
        self._spool.add_absent(keys)
        for record, key in zip(records, keys, strict=True):
            if record.tag == _OLD_TAG and record.outcome != "rejected":
                self._old_records += 1
            if record.chunk is not None:
                self._open[record.chunk].rows[record.position] = key
                self._open[record.chunk].absent.add(record.position)
            word = record.outcome or "unknown"
            code = None if word == "accepted" else record.code or LocalCode.NO_ANSWER.value
            self._settle_one(record, Settlement([key], word, code, [record.message_id]))

    def _settle_one(self, record: UnmatchedRecord, settlement: Settlement) -> None:
        self._spool.settle(
            out_id=record.out_id, biz_id=record.biz_id, time=record.time, settlements=[settlement]
        )

    def _jobs(self) -> Iterator[Job]:
        for chunk in self._open:
            if (job := self._job(chunk)) is not None:
                yield job

    def _job(self, opened: _OpenChunk) -> Job | None:
        window, entry = opened.window, opened.entry
        left_out = opened.skip | opened.absent
        keys = {
            place: row for place, row in enumerate(opened.rows) if row is not None and place not in left_out
        }
        found = self._spool.find([*keys.values()])
        places = tuple(place for place, key in keys.items() if key in found)
        if not places:
            # Nobody is left to ask for. The recipients stay unknown until they are in the audience again.
            return None
        same_signer = window.signer == self._signer()
        return Job(
            window=window,
            entry=entry,
            chunk=Chunk(
                out_id=entry.out_id,
                members=Members.of([(keys[place], found[keys[place]]) for place in places]),
                # A chunk is replayed only when this is True. With a recipient missing, or under another content,
                # the request would be another one. Under another AccessKey the gateway may not know the nonce: it
                # would accept the replay of a request that had arrived, and the recipients would get a second
                # message.
                complete=len(places) == len(entry) and not opened.changed and same_signer,
            ),
            rows=tuple(_FIRST_ABSENT_KEY - 1 if row is None else row for row in opened.rows),
            places=places,
            changed=frozenset(opened.changed),
            absent=frozenset(opened.absent),
            skip=opened.skip,
            resumed=True,
            noted=entry.seen or entry.refused is not None,
            control=None if same_signer else self._control(window.signer),
            settling=True,
            attempted_before=entry.attempted_at,
        )

    def _control(self, signer: str) -> Chunk | None:
        if signer not in self._controls:
            return None
        out_id, row = self._controls[signer]
        found = self._spool.find([row])
        return Chunk(out_id=out_id, members=Members.of([*found.items()])) if found else None


def divide(
    outcome: Outcome,
    *,
    rows: Sequence[int | None],
    changed: frozenset[int] = frozenset(),
    skip: frozenset[int] = frozenset(),
) -> tuple[list[Settlement], list[int]]:
    """
    Return what the outcome of a chunk means for its rows, and the positions that are to be sent to again.

    :param outcome: any final outcome but *split* and *released*.
    :param rows: for each recipient the key of its row, None where there is none.
    :param changed: positions whose rows have another content than was sent.
    :param skip: positions that the outcome does not concern.
    """
    if None not in rows and not (changed or skip or outcome.failed or outcome.again):
        word = _word(outcome, 0)
        ids = outcome.message_ids if word == "accepted" else None
        code = None if word == "accepted" else outcome.code
        return [Settlement([row for row in rows if row is not None], word, code, ids)], []
    parts: dict[tuple[str, str | None], list[int]] = {}
    again: list[int] = []
    for position, row in enumerate(rows):
        if row is None or position in skip:
            continue
        word = _word(outcome, position)
        if position in outcome.again or (word == "rejected" and position in changed):
            # Refused under another content, a recipient has got nothing, and may be sent to under this one.
            again.append(position)
        elif word == "accepted" and position in changed:
            parts.setdefault(("skipped", LocalCode.CONTENT_CHANGED.value), []).append(position)
        else:
            parts.setdefault((word, None if word == "accepted" else outcome.code), []).append(position)
    ids = outcome.message_ids or (None,) * len(rows)
    settlements = [
        Settlement(
            [row for position in positions if (row := rows[position]) is not None],
            word,
            code,
            [ids[position] for position in positions] if word == "accepted" else None,
        )
        for (word, code), positions in parts.items()
    ]
    return settlements, again


def _word(outcome: Outcome, position: int) -> str:
    if outcome.kind is OutcomeKind.ACCEPTED:
        return "rejected" if position in outcome.failed else "accepted"
    return "rejected" if outcome.kind is OutcomeKind.REFUSED else "unknown"


def _given_up(outcome: Outcome) -> bool:
    """Return whether an outcome was given up for want of evidence; contradictory lists were accepted all the same."""
    return outcome.kind is OutcomeKind.UNKNOWN and outcome.code != LocalCode.MAPPING_UNKNOWN
