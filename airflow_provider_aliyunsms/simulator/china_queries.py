# SPDX-License-Identifier: Apache-2.0
"""The reading actions of the 2017-05-25 API: QuerySendDetails and QuerySmsSignList."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.fields import missing, read_number
from airflow_provider_aliyunsms.simulator.numbers import canonical_number
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, china_reply

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.inbox import Message
    from airflow_provider_aliyunsms.simulator.state import State

BEIJING = timezone(timedelta(hours=8))
_STATUS = {"pending": 1, "failed": 2, "delivered": 3}
_MANY = 10**9


def query_send_details(state: State, call: Call) -> Reply | Refusal:
    """https://help.aliyun.com/document_detail/419277.html."""
    values = call.values
    absent = missing(values, "PhoneNumber", "SendDate", "PageSize", "CurrentPage")
    if absent is not None:
        return absent
    number = canonical_number(values["PhoneNumber"])
    if number is None:
        return Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{values['PhoneNumber']}invalid mobile number")
    day = _read_day(values["SendDate"])
    size = read_number(values["PageSize"], least=1, most=50)
    page = read_number(values["CurrentPage"], least=1, most=_MANY)
    if day is None or size is None or page is None:
        return Refusal("isv.INVALID_PARAMETERS", "SendDate, PageSize or CurrentPage is not valid.")
    found = [
        message
        for message in state.inbox.of(number)
        if _matches(state, message, day=day, biz_id=values.get("BizId"))
    ]
    rows = [_row(state, message) for message in found[(page - 1) * size : page * size]]
    return china_reply(TotalCount=len(found), SmsSendDetailDTOs={"SmsSendDetailDTO": rows})


def query_sms_sign_list(state: State, call: Call) -> Reply | Refusal:  # noqa: ARG001 - every handler is called alike
    """List the one signature this account pretends to have; any other name is accepted in sends as well."""
    page = read_number(call.values.get("PageIndex", "1"), least=1, most=_MANY)
    size = read_number(call.values.get("PageSize", "10"), least=1, most=50)
    if page is None or size is None:
        return Refusal("isv.INVALID_PARAMETERS", "PageIndex or PageSize is not valid.")
    sign = {
        "SignName": "阿里云",
        "AuditStatus": "AUDIT_STATE_PASS",
        "BusinessType": "验证码类型",
        "CreateDate": "2026-01-02 03:04:05",
        "OrderId": "10000001",
        "Reason": {"RejectInfo": "无审批备注"},
    }
    rows = [sign] if page == 1 else []
    return china_reply(SmsSignList=rows, TotalCount=1, CurrentPage=page, PageSize=size)


def beijing_time(moment: float) -> datetime:
    """Give a Unix time as the China product shows it."""
    return datetime.fromtimestamp(moment, BEIJING)


def _read_day(raw: str) -> str | None:
    try:
        parsed = datetime.strptime(raw, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return raw if parsed.strftime("%Y%m%d") == raw else None


def _matches(state: State, message: Message, *, day: str, biz_id: str | None) -> bool:
    submission = message.submission
    return (
        submission.api == "china"
        and (not biz_id or submission.biz_id == biz_id)
        and f"{beijing_time(submission.accepted_at):%Y%m%d}" == day
        and state.is_recorded(message)
    )


def _row(state: State, message: Message) -> dict[str, object]:
    outcome = state.outcome(message)
    row: dict[str, object] = {
        "PhoneNum": message.number,
        "SendStatus": _STATUS[outcome.verdict],
        "ErrCode": outcome.err_code,
        "TemplateCode": message.submission.template_code,
        "Content": message.content,
        "SendDate": f"{beijing_time(message.submission.accepted_at):%Y-%m-%d %H:%M:%S}",
        "OutId": message.submission.label or "",
    }
    if outcome.at is not None:
        row["ReceiveDate"] = f"{beijing_time(outcome.at):%Y-%m-%d %H:%M:%S}"
    return row
