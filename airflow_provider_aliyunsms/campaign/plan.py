# SPDX-License-Identifier: Apache-2.0
"""What one try of a campaign needs to know, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.receipts import Receipts

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.recipients import Dedupe
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
    from airflow_provider_aliyunsms.campaign.ledger import Store
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy
    from airflow_provider_aliyunsms.campaign.ports import Channel


KeepReceipts = Callable[[Receipts, int], dict[str, Any]]
"""Takes the receipts and their number, returns what the summary says of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    Everything one try needs to know.

    :param campaign_id: the identity within which nobody is sent to twice.
    :param blocks: the audience as it was given.
    :param rules: make a recipient of a row or reject it.
    :param dedupe: ``content`` or ``phone``: what makes two rows the same.
    :param channel: the way out.
    :param store: where the ledger lives.
    :param fenced: whether an orphan of an earlier try could still write to the store.
    :param policy: how to send.
    :param limits: what is too much before the first send.
    :param keep_receipts: writes the receipts and says where they are.
    :param stop_reason: asked before every call, by any thread; a text stops the sending.
    :param first_try: False when Airflow says that the task ran before.
    :param resend: send to everybody again.
    :param occasion: the same for a try and its automatic retries, another one after a Clear.
    :param dry_run: do everything but write intents and send.
    :param positional: the campaign id is derived from a place in a list of mapped inputs.
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
    first_try: bool = True
    resend: bool = False
    occasion: str = ""
    dry_run: bool = False
    positional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    How a try ended.

    :param summary: the XCom of the send.
    :param still_open: chunks whose fate a later try may still find out.
    """

    summary: dict[str, Any]
    still_open: int
