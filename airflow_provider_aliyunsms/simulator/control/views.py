# SPDX-License-Identifier: Apache-2.0
"""The forms in which the control API shows messages, phones, campaigns and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from airflow_provider_aliyunsms.simulator.apis import beijing_time
from airflow_provider_aliyunsms.simulator.control.answers import PlannedFault, planned_faults
from airflow_provider_aliyunsms.simulator.numbers import carrier_of
from airflow_provider_aliyunsms.simulator.parts import count_parts

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.control.index import Campaign, Index
    from airflow_provider_aliyunsms.simulator.memory import Message, State


@dataclass(slots=True, kw_only=True)
class SameText:
    """The first message with the same text to the same phone; ``same_out_id`` is true if one chunk was sent twice."""

    nth: Annotated[int, Field(description="Which message to the phone it is.")]
    accepted_at: Annotated[str, Field(description="ISO 8601 with milliseconds, in UTC+8.")]
    same_out_id: Annotated[
        bool, Field(description="Whether both have the same `OutId` or `TaskId`: one chunk was sent twice.")
    ]


@dataclass(slots=True, kw_only=True)
class MessageView:
    """
    One accepted message.

    ``nth`` counts the messages to its number. ``receipt_at`` is the time of the carrier's receipt. While there is
    none, ``receipt_in`` are the seconds until it comes, null if it never will. ``cost`` is in the options' currency.
    """

    api: Annotated[str, Field(description="`china`: 2017-05-25, `globe`: 2018-05-01.")]
    action: Annotated[str, Field(description="The operation that sent it.")]
    number: Annotated[
        str, Field(description="11 digits for the Chinese mainland, else digits with the country code.")
    ]
    nth: Annotated[int, Field(description="Which message to its number it is, from 1.")]
    content: Annotated[str, Field(description="The text as the phone shows it.")]
    sign_name: Annotated[str | None, Field(description="The signature; China only.")]
    sender_id: Annotated[str | None, Field(description="The `From` of the request; Globe only.")]
    template_code: Annotated[str | None, Field(description="The `TemplateCode`; China only.")]
    out_id: Annotated[str | None, Field(description="The `OutId` of the request; China only.")]
    task_id: Annotated[str | None, Field(description="The `TaskId` of the request; Globe only.")]
    biz_id: Annotated[str | None, Field(description="The `BizId` of the request; China only.")]
    message_id: Annotated[str | None, Field(description="The `MessageId`; Globe only.")]
    accepted_at: Annotated[str, Field(description="ISO 8601 with milliseconds, in UTC+8.")]
    status: Annotated[str, Field(description="What the carrier has reported by now.")]
    err_code: Annotated[
        str, Field(description="The code of the carrier's receipt; empty while there is none.")
    ]
    receipt_at: Annotated[
        str | None, Field(description="When the carrier's receipt came; null while there is none.")
    ]
    receipt_in: Annotated[
        float | None,
        Field(description="Seconds until the receipt of a pending message; null if it never comes."),
    ]
    parts: Annotated[int, Field(description="How many messages it is billed as.")]
    cost: Annotated[float, Field(description="In the currency of the options.")]
    surplus_of: Annotated[
        SameText | None,
        Field(description="The first message with the same text to the same phone; null for the first."),
    ]


@dataclass(slots=True, kw_only=True)
class PhoneView:
    """One phone: its messages in all, those among them whose text it had before, and the newest that was found."""

    number: Annotated[
        str, Field(description="11 digits for the Chinese mainland, else digits with the country code.")
    ]
    messages: Annotated[int, Field(description="All its messages.")]
    surplus: Annotated[int, Field(description="Those among them whose text it had before.")]
    newest: Annotated[MessageView, Field(description="The newest of them that was found.")]


@dataclass(slots=True, kw_only=True)
class PhonePage:
    """Some of the phones that a search finds, and how many phones and messages it finds in all."""

    phones: Annotated[list[PhoneView], Field(description="The one with the newest message first.")]
    offset: Annotated[int, Field(description="How many phones come before these.")]
    total_phones: Annotated[int, Field(description="Phones that the search finds.")]
    total_messages: Annotated[int, Field(description="Messages that the search finds.")]


@dataclass(slots=True, kw_only=True)
class Conversation:
    """Messages to one phone, newest first; ``earlier`` is the ``before`` of the next page, null on the last one."""

    number: Annotated[
        str, Field(description="11 digits for the Chinese mainland, else digits with the country code.")
    ]
    carrier: Annotated[
        str | None, Field(description="`mobile`, `unicom` or `telecom`; null for a number abroad.")
    ]
    total: Annotated[int, Field(description="All its messages.")]
    surplus: Annotated[int, Field(description="Those among them whose text it had before.")]
    messages: Annotated[list[MessageView], Field(description="Newest first.")]
    earlier: Annotated[int | None, Field(description="The `before` of the next page; null on the last one.")]


@dataclass(slots=True, kw_only=True)
class CampaignView:
    """The counts of one campaign: the messages of a template under a signature, or of a Globe sender."""

    id: Annotated[str, Field(description="For the search of phones and of the export.")]
    api: Annotated[str, Field(description="`china`: 2017-05-25, `globe`: 2018-05-01.")]
    template_code: Annotated[str | None, Field(description="China only.")]
    sender_id: Annotated[str | None, Field(description="Globe only.")]
    sign_name: Annotated[str | None, Field(description="China only.")]
    account: Annotated[str, Field(description="Whose AccessKey sent it.")]
    messages: Annotated[int, Field(description="Accepted messages.")]
    phones: Annotated[int, Field(description="Different numbers.")]
    surplus: Annotated[int, Field(description="Messages whose phone had the same text before.")]
    delivered: Annotated[int, Field(description="Messages with such a receipt by now.")]
    failed: Annotated[int, Field(description="Messages with such a receipt by now.")]
    pending: Annotated[int, Field(description="Messages without a receipt.")]
    parts: Annotated[int, Field(description="How many messages they are billed as.")]
    cost: Annotated[float, Field(description="In the currency of the options.")]
    first_at: Annotated[str, Field(description="When its first message was accepted.")]
    last_at: Annotated[str, Field(description="When its newest message was accepted.")]


@dataclass(slots=True, kw_only=True)
class Summary:
    """
    The counts of everything.

    ``surplus`` are the messages whose phone had the same text before, ``repeated`` those whose phone had any before.
    """

    messages: Annotated[int, Field(description="Accepted messages.")]
    phones: Annotated[int, Field(description="Different numbers.")]
    surplus: Annotated[int, Field(description="Messages whose phone had the same text before.")]
    repeated: Annotated[int, Field(description="Messages whose phone had any before.")]
    parts: Annotated[int, Field(description="How many messages they are billed as.")]
    cost: Annotated[float, Field(description="Of all parts.")]
    currency: Annotated[str, Field(description="Three letters.")]
    requests: Annotated[int, Field(description="Requests to the gateway.")]
    refused: Annotated[int, Field(description="Refusals among them.")]
    open_faults: Annotated[int, Field(description="Faults that wait.")]
    faults_played: Annotated[int, Field(description="Faults that have happened.")]


@dataclass(slots=True, kw_only=True)
class PlayedView:
    """One fault that has happened to a request."""

    nth: Annotated[int, Field(description="Which fault since the last reset it was, from 1.")]
    at: Annotated[str, Field(description="ISO 8601 with milliseconds, in UTC+8.")]
    kind: Annotated[str, Field(description="What happened.")]
    action: Annotated[str, Field(description="The operation of the request.")]


@dataclass(slots=True, kw_only=True)
class FaultsView:
    """The open faults, the counts of those that happened by kind, and the last of them, newest first."""

    open: Annotated[list[PlannedFault], Field(description="Faults that wait, oldest first.")]
    played: Annotated[dict[str, int], Field(description="How many have happened, by kind.")]
    recent: Annotated[list[PlayedView], Field(description="The last 200 that happened, newest first.")]


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
    return FaultsView(open=planned_faults(state), played=dict(state.faults.played), recent=recent)


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
