# SPDX-License-Identifier: Apache-2.0
"""The forms in which the control API shows messages, phones, campaigns and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.simulator.apis import beijing_time
from airflow_provider_aliyunsms.simulator.numbers import carrier_of
from airflow_provider_aliyunsms.simulator.parts import count_parts

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.control.index import Campaign, Index
    from airflow_provider_aliyunsms.simulator.memory import Message, State


@dataclass(slots=True, kw_only=True)
class SameText:
    """The first message with the same text to the same phone; ``same_out_id`` is true if one chunk was sent twice."""

    nth: int
    accepted_at: str
    same_out_id: bool


@dataclass(slots=True, kw_only=True)
class MessageView:
    """
    One accepted message.

    ``nth`` counts the messages to its number. ``receipt_at`` is the time of the carrier's receipt. While there is
    none, ``receipt_in`` are the seconds until it comes, null if it never will. ``cost`` is in the options' currency.
    """

    api: str
    action: str
    number: str
    nth: int
    content: str
    sign_name: str | None
    sender_id: str | None
    template_code: str | None
    out_id: str | None
    task_id: str | None
    biz_id: str | None
    message_id: str | None
    accepted_at: str
    status: str
    err_code: str
    receipt_at: str | None
    receipt_in: float | None
    parts: int
    cost: float
    surplus_of: SameText | None


@dataclass(slots=True, kw_only=True)
class PhoneView:
    """One phone: its messages in all, those among them whose text it had before, and the newest that was found."""

    number: str
    messages: int
    surplus: int
    newest: MessageView


@dataclass(slots=True, kw_only=True)
class PhonePage:
    """Some of the phones that a search finds, and how many phones and messages it finds in all."""

    phones: list[PhoneView]
    offset: int
    total_phones: int
    total_messages: int


@dataclass(slots=True, kw_only=True)
class Conversation:
    """Messages to one phone, newest first; ``earlier`` is the ``before`` of the next page, null on the last one."""

    number: str
    carrier: str | None
    total: int
    surplus: int
    messages: list[MessageView]
    earlier: int | None


@dataclass(slots=True, kw_only=True)
class CampaignView:
    """The counts of one campaign: the messages of a template under a signature, or of a Globe sender."""

    id: str
    api: str
    template_code: str | None
    sender_id: str | None
    sign_name: str | None
    account: str
    messages: int
    phones: int
    surplus: int
    delivered: int
    failed: int
    pending: int
    parts: int
    cost: float
    first_at: str
    last_at: str


@dataclass(slots=True, kw_only=True)
class Summary:
    """
    The counts of everything.

    ``surplus`` are the messages whose phone had the same text before, ``repeated`` those whose phone had any before.
    """

    messages: int
    phones: int
    surplus: int
    repeated: int
    parts: int
    cost: float
    currency: str
    requests: int
    refused: int
    open_faults: int
    faults_played: int


@dataclass(slots=True, kw_only=True)
class PlayedView:
    """One fault that has happened to a request."""

    nth: int
    at: str
    kind: str
    action: str


@dataclass(slots=True, kw_only=True)
class FaultsView:
    """The open faults, the counts of those that happened by kind, and the last of them, newest first."""

    open: list[dict[str, Any]]
    played: dict[str, int]
    recent: list[PlayedView]


def view_message(state: State, message: Message, *, index: Index | None = None) -> MessageView:
    """
    Return one message as the page shows it.

    :param index: finds the first message with the same text; without it ``surplus_of`` stays null.
    """
    submission = message.submission
    outcome = state.outcome(message)
    parts = count_parts(message.content, api=submission.api)
    is_china = submission.api == "china"
    return MessageView(
        api=submission.api,
        action=submission.action,
        number=message.number,
        nth=message.nth,
        content=message.content,
        sign_name=message.sign_name or None,
        sender_id=submission.sender,
        template_code=submission.template_code,
        out_id=submission.label if is_china else None,
        task_id=None if is_china else submission.label,
        biz_id=submission.biz_id,
        message_id=message.message_id,
        accepted_at=moment(submission.accepted_at),
        status=outcome.verdict,
        err_code=outcome.err_code,
        receipt_at=None if outcome.at is None else moment(outcome.at),
        receipt_in=state.receipt_in(message),
        parts=parts,
        cost=price(state, api=submission.api, parts=parts),
        surplus_of=None if index is None else _same_text(message, index=index),
    )


def view_phone(state: State, message: Message, *, index: Index) -> PhoneView:
    """Return the phone of a message that was found."""
    newest = state.inbox.newest_to(message.number)
    return PhoneView(
        number=message.number,
        messages=message.nth if newest is None else newest.nth,
        surplus=index.surplus_to.get(message.number, 0),
        newest=view_message(state, message, index=index),
    )


def view_conversation(
    state: State, *, number: str, before: int | None, limit: int, index: Index
) -> Conversation:
    """Return messages to one number, those before the message ``before``; costs a pass over the newer ones."""
    newest = state.inbox.newest_to(number)
    found: list[Message] = []
    for message in state.inbox.of(number):
        if len(found) == limit:
            break
        if before is None or message.nth < before:
            found.append(message)
    return Conversation(
        number=number,
        carrier=carrier_of(number),
        total=0 if newest is None else newest.nth,
        surplus=index.surplus_to.get(number, 0),
        messages=[view_message(state, message, index=index) for message in found],
        earlier=found[-1].nth if found and found[-1].nth > 1 else None,
    )


def view_campaign(state: State, campaign: Campaign) -> CampaignView:
    """Return the counts of one campaign."""
    return CampaignView(
        id=campaign.campaign_id,
        api=campaign.api,
        template_code=campaign.template_code,
        sender_id=campaign.sender,
        sign_name=campaign.sign_name or None,
        account=campaign.account,
        messages=campaign.messages,
        phones=campaign.phones,
        surplus=campaign.surplus,
        delivered=campaign.delivered,
        failed=campaign.failed,
        pending=campaign.messages - campaign.delivered - campaign.failed,
        parts=campaign.parts,
        cost=price(state, api=campaign.api, parts=campaign.parts),
        first_at=moment(campaign.first_at),
        last_at=moment(campaign.last_at),
    )


def summarize(state: State, *, index: Index) -> Summary:
    """Return the counts of everything, as far as the index has counted."""
    campaigns = index.campaigns()
    return Summary(
        messages=len(state.inbox),
        phones=state.inbox.distinct_numbers,
        surplus=index.surplus,
        repeated=state.inbox.surplus,
        parts=sum(one.parts for one in campaigns),
        cost=round(sum(price(state, api=one.api, parts=one.parts) for one in campaigns), 6),
        currency=state.options.currency,
        requests=state.requests.total(),
        refused=state.refused.total(),
        open_faults=state.faults.open_count,
        faults_played=state.faults.played.total(),
    )


def view_faults(state: State) -> FaultsView:
    """Return the open faults and those that have happened."""
    recent = [
        PlayedView(nth=one.nth, at=moment(one.at), kind=one.kind, action=one.action)
        for one in reversed(state.faults.recent)
    ]
    return FaultsView(open=state.faults.describe(), played=dict(state.faults.played), recent=recent)


def price(state: State, *, api: str, parts: int) -> float:
    """Return what some parts cost."""
    each = state.options.china_price if api == "china" else state.options.globe_price
    return round(each * parts, 6)


def moment(at: float) -> str:
    """Return seconds since the epoch as a time in UTC+8 with milliseconds."""
    return beijing_time(at).isoformat(timespec="milliseconds")


def _same_text(message: Message, *, index: Index) -> SameText | None:
    nth = index.first_of(message)
    earlier = None if nth is None else message.previous
    while earlier is not None and earlier.nth != nth:
        earlier = earlier.previous
    if earlier is None:
        return None
    label = message.submission.label
    return SameText(
        nth=earlier.nth,
        accepted_at=moment(earlier.submission.accepted_at),
        same_out_id=label is not None and label == earlier.submission.label,
    )
