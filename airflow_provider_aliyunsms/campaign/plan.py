# SPDX-License-Identifier: Apache-2.0
"""Hold what one try of a campaign needs, and its result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.campaign.ledger import Occasion
from airflow_provider_aliyunsms.campaign.receipts import Receipts
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_aliyunsms.audience.recipients import Dedupe
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.audience.shards import Shard
    from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
    from airflow_provider_aliyunsms.campaign.groups import Groups
    from airflow_provider_aliyunsms.campaign.guards import Guard, Surroundings
    from airflow_provider_aliyunsms.campaign.ledger import Store
    from airflow_provider_aliyunsms.campaign.pacing import AccountPace
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy
    from airflow_provider_aliyunsms.campaign.ports import Channel


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Texts:
    """
    What the texts of a campaign are made of.

    :param template_code: China: the template.
    :param message: Globe: the text of the task, before variables are filled in.
    """

    template_code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class TryCounts:
    """
    What one try does to the recipients: the difference between its end and what earlier tries had settled.

    :param begin: the counts by outcome before its first call; None while it has not come so far.
    :param end: the counts after its last call; None as well.
    """

    begin: Mapping[str, int] | None = None
    end: Mapping[str, int] | None = None

    def done(self) -> dict[str, int]:
        """Return by outcome how many recipients this try has settled, or left unknown; empty for none."""
        if self.begin is None or self.end is None:
            return {}
        gained = {outcome: count - self.begin[outcome] for outcome, count in self.end.items()}
        return {outcome: count for outcome, count in gained.items() if count > 0}


KeepReceipts = Callable[[Receipts, int], dict[str, Any]]
"""Writes the receipts (their number is the second argument) and returns the fields of the summary about them."""


def log_failure(summary: dict[str, Any]) -> None:
    """Log the counts of a try that an error ends."""
    say(log, logging.INFO, "This try ends with %d of %d accepted.", summary["accepted"], summary["total"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    Everything that one try needs.

    :param campaign_id: the identity of the campaign; within it, no recipient is sent to twice.
    :param blocks: the rows of the audience, in blocks; read once.
    :param durable: the ledger outlives this process, so that the campaign may wait after it has sent to somebody.
    :param facts: takes what the source turns out to be while it is read.
    :param counts: takes what this try does to the recipients.
    :param rules: turn a row into a recipient or reject it.
    :param dedupe: ``content`` treats rows as duplicates if number and content are equal, ``phone`` if the number is.
    :param channel: makes the API calls.
    :param store: keeps the ledger.
    :param fenced: True when a process of an earlier try could still write to the store.
    :param policy: the settings of the sending.
    :param limits: the limits of the audience, checked before the first call.
    :param keep_receipts: writes the receipts and returns where they are.
    :param keep_failure: takes the summary of a try that ends in an error, before the error is raised; it must not
        raise.
    :param interruptions: errors of the surroundings that may end a try at any point, such as a timeout; it leaves
        receipts and a summary then, too.
    :param stop_reason: asked before every call, by any thread; a text stops the sending, None does not.
    :param occasion: what Airflow says of this try.
    :param resend: send to all recipients again, once for each occasion.
    :param dry_run: do everything except writing the ledger and sending.
    :param resend_rejected: send again to all whom the gateway refused on an earlier occasion, whatever the cause.
    :param positional: True when the campaign id is derived from a position in a list of mapped inputs; a ledger that
        holds a recipient who is not in the audience then stops the try.
    :param account_pace: the limit of the account, kept together with all other tasks; None for none.
    :param secrets_known: secrets for the hashes in the ledger, the one for new ledgers first; empty for none.
    :param shard: the part of the audience to send to; None for all of it.
    :param guards: judge the campaign before its first call, in this order.
    :param planned_at: when the run was due; None where that is not known.
    :param texts: what the texts are made of, for the guards.
    :param surroundings: what guards may use of the deployment; None for nothing.
    :param groups: the groups of a split, with what each gets; None where all get the same.
    :param try_number: Airflow's number of this try, for those who look on.
    :param onlookers: a store beside the ledger's for the figures of the campaign page; None where the page can read
        the ledger's.
    """

    campaign_id: str
    blocks: Iterable[Block]
    rules: RecipientRules
    dedupe: Dedupe
    channel: Channel
    store: Store
    fenced: bool
    policy: SendPolicy
    limits: AudienceLimits
    keep_receipts: KeepReceipts
    stop_reason: Callable[[], str | None]
    occasion: Occasion = field(default_factory=Occasion)
    durable: bool = True
    resend: bool = False
    resend_rejected: bool = False
    keep_failure: Callable[[dict[str, Any]], None] = field(default=log_failure)
    interruptions: tuple[type[BaseException], ...] = ()
    dry_run: bool = False
    positional: bool = False
    account_pace: AccountPace | None = None
    secrets_known: tuple[bytes, ...] = field(default=(), repr=False)
    shard: Shard | None = None
    guards: tuple[Guard, ...] = ()
    planned_at: datetime | None = None
    texts: Texts = field(default_factory=Texts)
    surroundings: Surroundings | None = None
    groups: Groups | None = None
    try_number: int = 1
    onlookers: Store | None = None
    facts: SourceFacts = field(default_factory=SourceFacts)
    counts: TryCounts = field(default_factory=TryCounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    The result of one try.

    :param summary: the counts, codes and receipts that the operator returns as its XCom.
    :param still_open: how many chunks have an unknown outcome that a later try may still find out.
    """

    summary: dict[str, Any]
    still_open: int
