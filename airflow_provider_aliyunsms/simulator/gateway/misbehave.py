# SPDX-License-Identifier: Apache-2.0
"""Produce the response that each planned fault shows to the client."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.apis import throttled
from airflow_provider_aliyunsms.simulator.gateway.authentication import EXPIRED
from airflow_provider_aliyunsms.simulator.memory import Kind
from airflow_provider_aliyunsms.simulator.replies import Refusal

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.memory import Fault
    from airflow_provider_aliyunsms.simulator.replies import Api, Reply

_UNKNOWN_ERROR = "The request processing has failed due to some unknown error."

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>"
)

_REFUSALS = {
    Kind.ERROR_500: Refusal("InternalError", _UNKNOWN_ERROR, status=500),
    Kind.ERROR_503: Refusal(
        "ServiceUnavailable", "The request has failed due to a temporary failure of the server.", status=503
    ),
    # Only the statistics show this refusal; the client receives a page of HTML.
    Kind.GARBAGE: Refusal("BadGateway", _UNKNOWN_ERROR, status=502),
    Kind.SKEWED_CLOCK: EXPIRED,
}
_BUSINESS_REFUSALS = {
    Kind.SYSTEM_ERROR: Refusal("isp.SYSTEM_ERROR", "系统错误"),
    Kind.DOOMED: Refusal("isv.AMOUNT_NOT_ENOUGH", "账户余额不足"),
}
_INSTEAD_OF_ANSWER = {
    Kind.ERROR_500_AFTER: _REFUSALS[Kind.ERROR_500],
    Kind.SYSTEM_ERROR_AFTER: _BUSINESS_REFUSALS[Kind.SYSTEM_ERROR],
}


def refusal_of(fault: Fault, *, api: Api) -> Refusal | None:
    """Return the refusal of a fault that keeps a request from being carried out, or None for other faults."""
    if fault.kind is Kind.REFUSE:
        return Refusal(fault.code, fault.message, status=fault.status)
    if fault.kind is Kind.THROTTLE:
        return throttled(seconds=fault.seconds or 1.0)
    return _REFUSALS.get(fault.kind) or _in_words_of(api, _BUSINESS_REFUSALS.get(fault.kind))


def refusal_instead(fault: Fault, *, api: Api) -> Refusal | None:
    """Return the refusal that a fault shows for a request that was carried out, or None for other faults."""
    return _in_words_of(api, _INSTEAD_OF_ANSWER.get(fault.kind))


def distort(fault: Fault, reply: Reply) -> Reply:
    """Return a reply with the fields that a fault falsifies; other replies and faults leave it unchanged."""
    if fault.kind is Kind.HIDE_RECORDS:
        shown = max(1, int(str(reply.fields.get("TotalCount", 0))))
        return _with(reply, TotalCount=shown, SmsSendDetailDTOs={"SmsSendDetailDTO": []})
    if fault.kind is Kind.NO_RECORDS:
        return _with(reply, TotalCount=0, SmsSendDetailDTOs={"SmsSendDetailDTO": []})
    if fault.kind is Kind.LENGTHS:
        ids = str(reply.fields.get("MessageIdList", "[]"))
        return _with(reply, MessageIdList='["1"]' if ids == "[]" else "[]")
    return reply


def _with(reply: Reply, **changes: object) -> Reply:
    return replace(reply, fields={**reply.fields, **changes}) if reply.code == "OK" else reply


def _in_words_of(api: Api, refusal: Refusal | None) -> Refusal | None:
    if refusal is None or api == "china" or refusal.status != 200:
        return refusal
    return replace(refusal, code=refusal.code.partition(".")[2])
