# SPDX-License-Identifier: Apache-2.0
"""
Keep the number of shards of a campaign in one record that all its shards share.

Each shard is a campaign with a ledger of its own. With another number of shards people move to shards whose ledgers
do not know them: they would get a second message. So the number is written down once, by the task that plans the
shards, and compared by each task before it opens its ledger and once more right before it sends.

The record lies under the id of the whole campaign, where the ledger of a campaign without shards would lie. So each
of the two finds the other there::

    <campaign>           aliyun_sms.shards     the record: how many shards, and by which rule
    <campaign>/shard-0   aliyun_sms.e000001.*  the ledger of the first shard
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.audience.shards import CUT_BY, Shard, shard_campaign
from airflow_provider_aliyunsms.campaign.ledger.fence import has_begun
from airflow_provider_aliyunsms.campaign.ledger.stores import create_once
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.ledger.stores import Store

_KEY: Final = "aliyun_sms.shards"
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
    """

    of: int
    by: str
    name: str


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

        Costs one read; the first time about twenty, a write, and eight reads for each shard, to see that none has a
        ledger.

        :param of: the number of shards.
        :param may_begin: whether a missing record proves that no shard was planned before, as far as Airflow knows.
        :raises LedgerConflictError: the record has another number; or it is missing, and there are ledgers, or may
            have been. Nothing was sent, and a retry changes nothing.
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
            }
            # Whether it was made or was there by now: what counts is what is read back.
            create_once(self._store, _KEY, mine)
            found = self._read()
            # Once more after the write. A campaign without shards that begins at the same moment looks for the
            # record after it has claimed its ledger, so that one of the two finds the other.
            self._check_that_whole_did_not_begin()
        if found is None:
            raise LedgerError(
                "the record of the shards was written and cannot be read back",
                advice="Check that the storage of ledger_path can be read, then clear the task.",
            )
        _compare(found, of=of)
        return found.name

    def check(self, *, shard: Shard, name: str) -> None:
        """
        Check that a shard is one of those that were recorded; costs one read.

        :param name: the name of the record that the shard was planned with.
        :raises LedgerConflictError: the record is missing, or is another one; nothing was sent.
        """
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

    def check_rehearsal(self, *, of: int) -> None:
        """
        Check the number of shards against the record if there is one; for dry runs, which leave none.

        :raises LedgerConflictError: the record has another number.
        """
        found = self._read()
        if found is not None:
            _compare(found, of=of)

    def check_whole(self) -> None:
        """
        Check that the campaign was not begun in shards; for a task that sends to all of it. Costs one read or two.

        :raises LedgerConflictError: it was, so that the ledgers of the shards know whom it was sent to.
        """
        found = self._read()
        if found is not None:
            raise LedgerConflictError(
                f"this campaign was begun in {found.of} shards, whose ledgers know whom it was sent to",
                advice=f"Nothing was sent now. Go back to AliyunSmsShards with shards={found.of}, or {_ANEW}.",
            )

    def _check_that_none_began(self, *, of: int, may_begin: bool) -> None:
        self._check_that_whole_did_not_begin()
        begun = next(
            (
                index
                for index in range(of)
                if has_begun(self._store_of(shard_campaign(self._campaign_id, index)))
            ),
            None,
        )
        # Another process may have planned the shards since the record was looked for, and one may have begun.
        if (begun is None and may_begin) or self._read() is not None:
            return
        if begun is not None:
            raise LedgerConflictError(
                f"the record of the number of shards is missing, though shard {begun} has a ledger",
                advice=_BACK,
            )
        raise LedgerConflictError(
            "this task has run before and was cleared since, and there is no record of the number of shards. Either "
            "no try of it came to write one, or the storage has lost it, or ledger_path is on another machine's disk",
            advice=f"{_BACK} If no shard has ever run in this run, the new run sends to everybody once.",
        )

    def _check_that_whole_did_not_begin(self) -> None:
        if has_begun(self._store):
            raise LedgerConflictError(
                "this campaign was begun without shards, and its ledger knows whom it was sent to",
                advice=f"Nothing was sent now. Send the rest without shards, or {_ANEW}.",
            )

    def _read(self) -> _Cut | None:
        value = self._store.get(_KEY)
        # Before it counts as missing, it is asked for a second time.
        value = self._store.get(_KEY) if value is None else value
        if value is None:
            return None
        if not _is_record(value):
            raise LedgerError("the record of the number of shards is damaged", advice=_BACK)
        if value["campaign_id"] != self._campaign_id:
            raise LedgerConflictError(
                "the record of the number of shards belongs to another campaign",
                advice="Nothing was sent now. Give this campaign its own ledger_path or campaign_id.",
            )
        return _Cut(of=value["of"], by=value["by"], name=value["name"])


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


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("of"), int)
        and not isinstance(value["of"], bool)
        and all(isinstance(value.get(field), str) for field in ("campaign_id", "by", "name"))
    )
