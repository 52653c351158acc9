# SPDX-License-Identifier: Apache-2.0
"""
Keep the number of shards of a campaign in one record that all its shards share.

Each shard is a campaign with a ledger of its own. With another number of shards people move to shards whose ledgers
do not know them: they would get a second message. So the number is written down once, by the task that plans the
shards, and compared by each task before it opens its ledger and once more right before it sends.

The record is the claim of the first epoch of the whole campaign (``fence.py``), the file that the first try of a
campaign without shards makes. Only one process can make it, so that a campaign is sent as a whole or in shards and
never both, whatever starts at the same moment::

    <campaign>           aliyun_sms.e000001.claim   the record: how many shards, and by which rule
    <campaign>           aliyun_sms.shards.begun    the mark: a shard was about to send, so there was a record
    <campaign>/shard-0   aliyun_sms.e000001.*       the ledger of the first shard
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.audience.shards import CUT_BY, Shard, shard_campaign
from airflow_provider_aliyunsms.campaign.ledger.fence import (
    FIRST_CLAIM,
    SHARDS,
    check_is_whole,
    has_later_epochs,
)
from airflow_provider_aliyunsms.campaign.ledger.stores import create_once
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_aliyunsms.campaign.ledger.stores import Store

_LONGEST_SALT: Final = 64
_MARK: Final = "aliyun_sms.shards.begun"
_PART: Final = re.compile(r"(.+)/shard-[0-9]+", re.DOTALL)
_BACK: Final = (
    "Nothing was sent now. Bring it back from a copy of the storage; files of a ledger must not be removed one by "
    "one. If there is none, look in the SMS console for what was sent; a new run with another campaign_id sends to "
    "all recipients again."
)
_ANEW: Final = "start a new run with another campaign_id, which sends to all recipients again"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """
    What the record says.

    :param of: the number of shards.
    :param by: the rule by which a row finds its shard.
    :param name: a random text, by which a task knows the record that it was planned with.
    :param salt: a random text that stands nowhere else; it hides people in what the shards tell of their audience.
    """

    of: int
    by: str
    name: str
    salt: str


class ShardRecord:
    """
    The record of one campaign.

    :param campaign_id: the whole campaign's.
    :param store_of: returns the store of the ledger of a campaign id; all tasks of all machines must share it.
    """

    def __init__(self, *, campaign_id: str, store_of: Callable[[str], Store]) -> None:
        self._campaign_id = campaign_id
        self._store_of = store_of
        self._store = store_of(campaign_id)

    def plan(self, *, of: int, may_begin: bool) -> str:
        """
        Record the number of shards, or compare it with the record, and return the name of the record.

        Costs one read; the first time about a dozen, a write, and one read for each shard, to see that none has a
        ledger.

        :param of: the number of shards.
        :param may_begin: whether a missing record proves that nothing was sent before, as far as Airflow knows.
        :raises LedgerConflictError: the record has another number, or the campaign was begun without shards; or the
            record is missing, and shards have been sent, or may have been. Nothing was sent, and a retry changes
            nothing.
        :raises LedgerError: the storage cannot be read or written, or the record is damaged.
        """
        found = self._read()
        if found is None:
            self._check_that_none_began(of=of, may_begin=may_begin)
            mine = {
                "campaign_id": self._campaign_id,
                "of": of,
                "by": CUT_BY,
                "name": secrets.token_hex(8),
                "salt": secrets.token_hex(16),
            }
            # Whether it was made or was there by now: what counts is what is read back. If a try of the whole
            # campaign has made the file, it is no record, and reading says so. In a file of its own the record would
            # be there beside that claim, and both would be sent.
            create_once(self._store, FIRST_CLAIM, {SHARDS: mine})
            found = self._read()
        if found is None:
            raise LedgerError(
                "the record of the shards was written and cannot be read back",
                advice="Check that the storage of ledger_path can be read, then clear the task.",
            )
        _compare(found, of=of)
        return found.name

    def check(self, *, shard: Shard, name: str) -> str:
        """
        Check that a shard is one of those that were recorded, and return the salt; costs one read.

        :param name: the name of the record that the shard was planned with.
        :raises LedgerConflictError: the record is missing, or is another one, or is the claim of a campaign without
            shards; nothing was sent.
        """
        if not name:
            raise LedgerConflictError(
                "this shard was planned by a rehearsal: AliyunSmsShards had dry_run=True, and this task has not",
                advice="Nothing was sent now. Give both the same dry_run, then trigger a new run: AliyunSmsShards "
                "begins no campaign in a run that was cleared.",
            )
        found = self._read()
        if found is None:
            raise LedgerConflictError(
                "ledger_path has no record of the number of shards, so people may be in other shards than before",
                advice="Nothing was sent now. Give expand_kwargs the output of AliyunSmsShards as it is, and a "
                "ledger_path that all workers share: a folder on one machine's disk is another one on each. If the "
                "record was lost, bring it back from a copy.",
            )
        _compare(found, of=shard.of)
        if found.name != name:
            raise LedgerConflictError(
                "this shard was planned with another record of the number of shards",
                advice="Nothing was sent now. Clear the task AliyunSmsShards together with the send tasks.",
            )
        return found.salt

    def begin(self, *, shard: Shard, name: str) -> None:
        """
        Mark that shards of the campaign are sent, and check the record once more; right before the first call.

        Costs a write and a read.

        :raises LedgerConflictError: see :meth:`check`.
        """
        # Before the first window. After it, a process that dies in between would leave messages and no mark: if the
        # record got lost then, a task without shards would find nothing and send to everybody again. It is written
        # anew by each task, so that what removes files by their age removes the record long before it.
        self._store.set(_MARK, {"campaign_id": self._campaign_id, "record": name})
        # After the mark: a task that begins the campaign anew meanwhile, where the record was just lost, finds the
        # mark, or this check finds what that task has written.
        self.check(shard=shard, name=name)

    def check_rehearsal(self, *, of: int) -> str:
        """
        Check the number of shards against the record if there is one; for dry runs, which leave none.

        :returns: the salt of the record; empty if there is none.
        :raises LedgerConflictError: the record has another number, or the campaign was begun without shards.
        """
        found = self._read()
        if found is None:
            return ""
        _compare(found, of=of)
        return found.salt

    def check_whole(self) -> None:
        """
        Check that the campaign was not begun in shards, and is no shard; for a task that sends to all of it.

        Costs up to four reads, and as many for each ``/shard-<n>`` at the end of the id. What a plan does at the same
        moment is not seen here but by the claim of the first epoch.

        :raises LedgerConflictError: it was, so that the ledgers of the shards may know whom it was sent to; or it is
            one, so that this task would send to everybody what a shard has sent to some; or the record is missing.
        """
        self._check_not_in_shards()
        self._check_that_it_is_no_shard()

    def _check_that_it_is_no_shard(self) -> None:
        for whole in _wholes(self._campaign_id):
            ShardRecord(campaign_id=whole, store_of=self._store_of)._check_not_in_shards(
                what="the campaign of which this campaign_id names a shard"
            )

    def _check_not_in_shards(self, *, what: str = "this campaign") -> None:
        # The mark first: where one is found, its record was there before it, and is there now or was lost.
        mark = self._sure(_MARK)
        claim = self._sure(FIRST_CLAIM)
        check_is_whole(claim, what=what)
        if claim is not None and not _is_whole(claim):
            raise LedgerError("the first claim of the campaign is damaged", advice=_BACK)
        if mark is not None:
            raise _lost(f"though shards of {what} have been sent")

    def _check_that_none_began(self, *, of: int, may_begin: bool) -> None:
        self._check_that_it_is_no_shard()
        marked = self._sure(_MARK) is not None
        later = not marked and has_later_epochs(self._store)
        shard = None if marked or later else self._first_shard_begun(of)
        # Another process may have planned the shards since the record was looked for, and one may have begun.
        if self._read() is not None:
            return
        if marked:
            raise _lost("though shards of this campaign have been sent")
        if later:
            raise _begun_without_shards()
        if shard is not None:
            raise _lost(f"though shard {shard} has a ledger")
        if not may_begin:
            raise LedgerConflictError(
                "there is no record of the number of shards, and the run was cleared, or this task or a send task "
                "has run in it before. Either no try came to write one, or the storage has lost it, or ledger_path "
                "is on another machine's disk, or the campaign was begun without shards",
                advice=f"{_BACK} If nothing was ever sent in this run, trigger a new run.",
            )

    def _first_shard_begun(self, of: int) -> int | None:
        for index in range(of):
            if self._store_of(shard_campaign(self._campaign_id, index)).get(FIRST_CLAIM) is not None:
                return index
        return None

    def _read(self) -> _Cut | None:
        value = self._sure(FIRST_CLAIM)
        if value is None:
            return None
        if _is_whole(value):
            raise _begun_without_shards()
        kept: Any = value.get(SHARDS) if isinstance(value, dict) else None
        if not _is_record(kept):
            raise LedgerError("the record of the number of shards is damaged", advice=_BACK)
        if kept["campaign_id"] != self._campaign_id:
            raise LedgerConflictError(
                "the record of the number of shards belongs to another campaign",
                advice="Nothing was sent now. Give this campaign its own ledger_path or campaign_id.",
            )
        return _Cut(of=kept["of"], by=kept["by"], name=kept["name"], salt=kept["salt"])

    def _sure(self, key: str) -> Any:
        """Return a value; before it counts as missing, it is asked for a second time."""
        value = self._store.get(key)
        return self._store.get(key) if value is None else value


def _compare(found: _Cut, *, of: int) -> None:
    if found.of != of:
        raise LedgerConflictError(
            f"this campaign was begun with shards={found.of}, and now has shards={of}",
            advice="Nothing was sent now. With another number people would move to shards whose ledgers do not know "
            f"them, and get a second message. Go back to shards={found.of}, or {_ANEW}.",
        )
    if found.by != CUT_BY:
        raise LedgerConflictError(
            "this campaign was cut by a rule that this version does not have",
            advice="Nothing was sent now. Finish the campaign with the version of this package that began it, or "
            f"{_ANEW}.",
        )


def _begun_without_shards() -> LedgerConflictError:
    return LedgerConflictError(
        "this campaign was begun without shards, and its ledger may know whom it was sent to",
        advice=f"Nothing was sent now. Send the rest without shards: that task may go on. Or {_ANEW}.",
    )


def _lost(why: str) -> LedgerConflictError:
    return LedgerConflictError(f"the record of the number of shards is missing, {why}", advice=_BACK)


def _wholes(campaign_id: str) -> Iterator[str]:
    """Yield the ids of the campaigns of which an id may name a shard, the nearest first."""
    while (found := _PART.fullmatch(campaign_id)) is not None:
        campaign_id = found[1]
        yield campaign_id


def _is_whole(claim: Any) -> bool:
    """Return whether a first claim is that of a try without shards."""
    return isinstance(claim, dict) and "owner" in claim and SHARDS not in claim


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("of"), int)
        and not isinstance(value["of"], bool)
        and all(isinstance(value.get(field), str) for field in ("campaign_id", "by", "name", "salt"))
        # What a keyed hash takes.
        and 0 < len(value["salt"].encode()) <= _LONGEST_SALT
    )
