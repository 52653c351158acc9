# SPDX-License-Identifier: Apache-2.0
"""
Keep claims in a folder of any storage that can create a file exclusively, as a log of numbered entries.

A process reads all entries, decides, and creates the entry with the next number exclusively. Where another process
has made it a moment earlier, it reads that one, and decides anew. So there is one order of all entries, and each of
them was decided with everything before it known.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_aliyunsms.campaign.guards.claims.entries import DAMAGED, Entry
from airflow_provider_aliyunsms.campaign.guards.claims.mirror import Mirror
from airflow_provider_aliyunsms.campaign.guards.claims.records import (
    Grant,
    Limit,
    Record,
    Want,
    decide,
    is_over,
)
from airflow_provider_aliyunsms.campaign.guards.claims.subjects import check_secret, without_ledger
from airflow_provider_aliyunsms.campaign.ledger import PathStore
from airflow_provider_aliyunsms.exceptions import ClaimsError, LedgerError, LedgerStorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.campaign.ledger import StoragePath

_NAME: Final = "claims"
_START: Final = "start"
_ENTRY: Final = "entry-"
MOST_LISTED_LATE: Final = 50
"""Entries that other processes may make while the folder is listed."""

_ADVICE: Final = (
    "Check that the folder of the guard's store can be reached and written, then clear the task: it resumes, and "
    "replaces its own claims."
)


class FolderClaims:
    """
    Claims as a log in a folder.

    Costs, when it is opened, one listing and a read of each entry whose period is not over: 11 MB for each million
    subjects claimed, and as much again for each million settled. Then one exclusive creation for each call. Nothing
    is deleted: entries before ``first`` in the file ``start`` are not read again, and whoever wants the room back
    may delete files that are twice as old as the longest period.

    What is missing is never taken for "no claims": the numbers must be complete, from ``first`` to the last that
    ``start`` knows of, and each entry names the one before it.

    :param root: the folder.
    :param campaign: hash of the campaign.
    :param began_ms: when this try began to claim, in milliseconds since the epoch; all its claims have this time.
    :param keep_ms: the longest window of the guard; the longest that a store has seen is what it keeps.
    :param secret: hash of the secret.
    :param look_only: write nothing.
    :raises ClaimsError: the log cannot be read, is damaged, or was begun with another secret.
    :raises LedgerStorageError: the storage cannot create a file exclusively.
    """

    def __init__(
        self,
        *,
        root: StoragePath,
        campaign: int,
        began_ms: int,
        keep_ms: int,
        secret: int,
        look_only: bool,
    ) -> None:
        self._campaign = without_ledger(campaign) if look_only else campaign
        self._began_ms = began_ms
        self._secret, self._look_only = secret, look_only
        self._store = PathStore(root=root, campaign_id=_NAME)
        self._mirror: Mirror | None = None
        self._wrote: list[Entry] = []
        with _explained("read"):
            start, numbers = self._begin()
        self._first, self._keep_ms = int(start["first"]), max(keep_ms, int(start["keep_ms"]))
        self._last = max(numbers, default=self._first - 1)
        self._check_numbers(numbers, known=int(start["last"]))
        self._token: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mirror is not None:
            self._mirror.close()

    def claim(self, wants: Sequence[Want], *, limits: Sequence[Limit], whole: bool = False) -> list[Grant]:
        """Claim by one new entry, see :class:`.Claims`."""
        mirror = self._read_all()
        subjects = [want.subject for want in wants]
        while True:
            answer = decide(
                wants,
                records=self._records(mirror, subjects),
                campaign=self._campaign,
                at_ms=self._began_ms,
                limits=limits,
                whole=whole,
            )
            if self._look_only or not answer.writes:
                return answer.grants
            entry = self._next(answer.writes, at_ms=self._began_ms, claimed_ms=None)
            if self._append(entry):
                # Not into the mirror: a campaign's own claims are no limit to it.
                return answer.grants
            mirror.add(self._newer())

    def settle(self, amounts: Sequence[tuple[int, int]], *, at_ms: int) -> None:
        """Settle by one new entry, see :class:`.Claims`; nothing but the last entry is read for it."""
        if not amounts:
            return
        # What others write changes nothing of it, so it needs the last number and no more.
        while not self._append(self._next(dict(amounts), at_ms=at_ms, claimed_ms=self._began_ms)):
            for _ in self._newer():
                pass

    def own(self, subjects: Sequence[int]) -> dict[int, Record]:
        """Return the campaign's own claims, see :class:`.Claims`."""
        found = self._records(self._read_all(), subjects)
        return {
            subject: record
            for subject, records in found.items()
            for record in records
            if record.campaign == self._campaign
        }

    def _records(self, mirror: Mirror, subjects: Sequence[int]) -> Mapping[int, Sequence[Record]]:
        found = mirror.records(subjects)
        if not self._look_only:
            return found
        return {
            subject: [record._replace(campaign=without_ledger(record.campaign)) for record in records]
            for subject, records in found.items()
        }

    def finish(self) -> None:
        """
        Look again at what was written where another process may have replaced it, and note the last number.

        :raises ClaimsError: another process has replaced an entry of this one.
        """
        if not self._wrote:
            return
        with _explained("written"):
            if not self._store.claims_are_atomic:
                for entry in self._wrote:
                    self._look_again(entry)
            start = _checked_start(self._store.get(_START), secret=self._secret)
            # Another process may write it at the same moment: then it knows of fewer entries for a while, which only
            # makes the check for missing ones weaker.
            self._store.set(
                _START,
                {
                    **start,
                    "first": max(self._first, int(start["first"])),
                    "last": max(self._last, int(start["last"])),
                    "keep_ms": max(self._keep_ms, int(start["keep_ms"])),
                },
            )
        self._wrote.clear()

    def _begin(self) -> tuple[dict[str, Any], list[int]]:
        # Before the listing: an entry that is made in between may be listed, and must not look like one too many.
        start = self._store.get(_START)
        numbers = sorted(
            int(key.removeprefix(_ENTRY)) for key in self._store.names() if key.startswith(_ENTRY)
        )
        if start is not None:
            return _checked_start(start, secret=self._secret), numbers
        start = {"first": 1, "last": 0, "keep_ms": 0, "secret": self._secret}
        if self._look_only:
            if numbers:
                raise ClaimsError("the claims have entries and no start", advice=DAMAGED)
            return start, []
        if numbers and self._store.get(_START) is None:
            raise ClaimsError("the claims have entries and no start", advice=DAMAGED)
        if not self._store.create(_START, start):
            start = _checked_start(self._store.get(_START), secret=self._secret)
        return start, numbers

    def _read_all(self) -> Mirror:
        """Read the entries whose period is not over, once."""
        if self._mirror is None:
            self._mirror = Mirror()
            self._mirror.add(self._live_entries())
        return self._mirror

    def _live_entries(self) -> Iterator[Entry]:
        entries = (self._entry(number) for number in range(self._first, self._last + 1))
        over = True
        before: Entry | None = None
        for entry in entries:
            if before is not None and entry.after != before.token:
                raise ClaimsError(
                    f"entry {entry.number} of the claims does not follow the one before", advice=DAMAGED
                )
            before, self._token = entry, entry.token
            self._keep_ms = max(self._keep_ms, entry.keep_ms)
            # Only from the front: an entry that is over may still be what replaces an older one.
            over = over and is_over(entry.at_ms, now_ms=self._began_ms, keep_ms=self._keep_ms)
            if over:
                self._first = entry.number + 1
            else:
                yield entry
        # Entries are counted on from here, so the last one stays although it is over.
        self._first = min(self._first, max(self._last, 1))

    def _newer(self) -> Iterator[Entry]:
        """Yield the entries that others have made since; there is one at least, which stood in the way of ours."""
        last = self._last
        while (entry := self._entry(self._last + 1, may_be_missing=True)) is not None:
            if self._token is not None and entry.after != self._token:
                raise ClaimsError(
                    f"entry {entry.number} of the claims does not follow the one before", advice=DAMAGED
                )
            self._last, self._token = entry.number, entry.token
            yield entry
        if self._last == last:
            raise ClaimsError(f"entry {last + 1} of the claims can be neither made nor read", advice=_ADVICE)

    def _check_numbers(self, numbers: Sequence[int], *, known: int) -> None:
        listed = {number for number in numbers if number >= self._first}
        last = max(known, self._last)
        missing = [number for number in range(self._first, last + 1) if number not in listed]
        # One that is made while the folder is listed may be left out although its successor is there.
        for number in missing[:MOST_LISTED_LATE]:
            self._entry(number)
        if len(missing) > MOST_LISTED_LATE:
            raise ClaimsError(f"{len(missing)} entries of the claims are missing", advice=DAMAGED)
        self._last = last

    def _entry(self, number: int, *, may_be_missing: bool = False) -> Any:
        with _explained("read"):
            value = self._store.get(_key(number))
        if value is None:
            if may_be_missing:
                return None
            raise ClaimsError(f"entry {number} of the claims is missing", advice=DAMAGED)
        return Entry.from_json(number, value)

    def _next(self, amounts: dict[int, int], *, at_ms: int, claimed_ms: int | None) -> Entry:
        if self._token is None:
            self._token = self._entry(self._last).token if self._last >= self._first else ""
        return Entry(
            number=self._last + 1,
            campaign=self._campaign,
            at_ms=at_ms,
            claimed_ms=claimed_ms,
            keep_ms=self._keep_ms,
            subjects=[*amounts],
            amounts=[*amounts.values()],
            after=self._token or "",
        )

    def _append(self, entry: Entry) -> bool:
        with _explained("written"):
            if self._wrote and not self._store.claims_are_atomic:
                self._look_again(self._wrote[-1])
            if not self._store.create(_key(entry.number), entry.as_json()):
                return False
        self._last, self._token = entry.number, entry.token
        # Without its subjects: this list may grow with the audience.
        self._wrote.append(_shell(entry))
        return True

    def _look_again(self, entry: Entry) -> None:
        if self._entry(entry.number).token != entry.token:
            raise ClaimsError(
                "another process has replaced what this one had claimed",
                advice="Clear the task: it claims again.",
            )


def _key(number: int) -> str:
    return f"{_ENTRY}{number:010d}"


def _shell(entry: Entry) -> Entry:
    return Entry(
        number=entry.number,
        campaign=entry.campaign,
        at_ms=entry.at_ms,
        claimed_ms=entry.claimed_ms,
        keep_ms=entry.keep_ms,
        subjects=(),
        amounts=(),
        after=entry.after,
        token=entry.token,
    )


def _checked_start(value: Any, *, secret: int) -> dict[str, Any]:
    try:
        found = {name: int(value[name]) for name in ("first", "last", "keep_ms", "secret")}
    except (KeyError, TypeError, ValueError) as error:
        raise ClaimsError("the start of the claims is damaged", advice=DAMAGED) from error
    check_secret(found["secret"], own=secret)
    return found


@contextmanager
def _explained(done: str) -> Iterator[None]:
    try:
        yield
    except LedgerStorageError:
        raise
    except LedgerError as error:
        # It speaks of a ledger, because the files are written as those of a ledger are.
        raise ClaimsError(
            f"the folder of the claims could not be {done}: {error.message}", advice=_ADVICE
        ) from error
