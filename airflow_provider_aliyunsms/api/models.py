# SPDX-License-Identifier: Apache-2.0
"""Hold the results of the API calls, reduced to the fields that are needed and may be kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SendResponse:
    """
    The result of an accepted send of the 2017-05-25 API.

    :param biz_id: one id for the whole request; None when the response held none.
    :param request_id: for a support ticket.
    """

    biz_id: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class GlobeResponse:
    """
    The result of a batch of the 2018-05-01 API that was accepted, wholly or in part.

    :param request_id: for a support ticket.
    :param success_count: how many messages were accepted; None when absent or unreadable.
    :param failed: the numbers that were not accepted, without a reason; None when unreadable.
    :param message_ids: ids of the accepted messages, None for one that cannot be kept; None when there is no list of
        them. Their order is not documented.
    :param ids_given: whether the response had a list of ids at all.
    """

    request_id: str | None
    success_count: int | None
    failed: tuple[str, ...] | None = field(repr=False)
    message_ids: tuple[str | None, ...] | None
    ids_given: bool = True


@dataclass(frozen=True, slots=True)
class SendDetail:
    """
    One record of ``QuerySendDetails``, without the text of the message.

    :param phone_number: the recipient; not in the repr.
    :param send_status: 1 waiting for the receipt, 2 failed, 3 delivered, 0 unreadable.
    :param err_code: the receipt's code, or None.
    :param out_id: the label the send carried, or None.
    :param send_date: ``yyyy-MM-dd HH:mm:ss``, UTC+8, or None.
    :param receive_date: the same, None while there is no receipt.
    :param template_code: the template, or None.
    """

    phone_number: str = field(repr=False)
    send_status: int
    err_code: str | None
    out_id: str | None
    send_date: str | None
    receive_date: str | None
    template_code: str | None


@dataclass(frozen=True, slots=True)
class SendDetailsPage:
    """
    One page of the records of ``QuerySendDetails``.

    :param total_count: number of records on all pages; an empty page with a count above zero proves nothing.
    :param details: the records of this page.
    :param request_id: for a support ticket.
    """

    total_count: int
    details: tuple[SendDetail, ...]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """
    The status of one message, from ``QueryMessage``.

    :param status: 1 delivered, 2 failed, 3 on its way, 6 expired, so that it counts as failed (documented for pushed
        receipts, where 3 is not any more); None when there is no record, or not yet.
    :param error_code: the receipt's code, or None.
    :param message_id: the id asked for.
    :param request_id: for a support ticket.
    """

    status: int | None
    error_code: str | None
    message_id: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class SignListResponse:
    """
    The result of ``QuerySmsSignList``, of which only the count is kept.

    A connection test needs no more than a successful response.

    :param total_count: number of signatures of the account; None when unreadable.
    :param request_id: for a support ticket.
    """

    total_count: int | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class TemplateResponse:
    """
    One template, from ``GetSmsTemplate``.

    :param content: its text with ``${name}`` placeholders; not in the repr.
    :param status: 0 in review, 1 approved, 2 rejected, 10 cancelled.
    :param kind: 0 OTP, 1 notification, 2 promotion, 3 international.
    :param variables: what a variable may hold, by its name; empty when the response says it in no form that can be
        read.
    :param request_id: for a support ticket.
    """

    content: str = field(repr=False)
    status: int
    kind: int
    variables: Mapping[str, str]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class SignResponse:
    """
    One signature, from ``GetSmsSign``.

    :param status: 0 in review, 1 approved, 2 rejected, 10 cancelled.
    :param carriers: the filing by carrier (``mobile``, ``unicom``, ``telecom``): 3 filed and verified, 1 filed, -1
        being filed, 0 failed, 2 lapsed, -2 not filed; empty when the response does not tell it.
    :param request_id: for a support ticket.
    """

    status: int
    carriers: Mapping[str, int]
    request_id: str | None
