# SPDX-License-Identifier: Apache-2.0
"""Carry out the calls of the 2018-05-01 API (Globe): two that send, and the query for one message."""

from __future__ import annotations

import json
import re
import secrets
from email.utils import format_datetime
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.apis.china import beijing_time
from airflow_provider_aliyunsms.simulator.apis.fields import missing, read_number, read_texts
from airflow_provider_aliyunsms.simulator.memory import Draft, Submission
from airflow_provider_aliyunsms.simulator.numbers import (
    canonical_number,
    globe_fails,
    globe_refusal,
    is_mainland,
)
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, globe_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.memory import State


BATCH_LIMIT = 1000
TEXT_LIMIT = 1500
# The API's current pages name NOTIFY and MKT only; older pages and clients use all four.
_TYPES = {"", "NOTIFY", "MKT", "OTP", "GENERAL"}
_SENDER = re.compile(r"[0-9]{1,15}|[A-Za-z0-9]{1,11}")
_ACCEPTED = "The SMS Send Request was accepted"


def batch_send_message_to_globe(state: State, call: Call) -> Reply | Refusal:
    """
    Send a text to each of up to 1000 numbers; malformed numbers come back in ``FailedList``.

    A mainland number makes the API refuse the whole request.

    API: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2018-05-01-batchsendmessagetoglobe
    """
    values = call.values
    absent = missing(values, "To", "Message")
    rows = absent or _batch_rows(values)
    if isinstance(rows, Refusal):
        return rows
    refusal = _check_rows(rows) or _check_labels(values)
    if refusal is not None:
        return refusal
    failed = []
    drafts = []
    for raw, text in rows:
        number = canonical_number(raw)
        if number is None or globe_fails(number):
            failed.append(raw)
        else:
            drafts.append(Draft(number, text, _new_message_id()))
    # Only after all checks: a refused request must leave no message.
    state.accept(_submission(state, call), drafts)
    return globe_reply(
        ResponseDescription=_ACCEPTED,
        From=values.get("From", ""),
        SuccessCount=str(len(drafts)),
        FailedList=json.dumps(failed),
        MessageIdList=json.dumps([draft.message_id for draft in drafts]),
    )


def send_message_to_globe(state: State, call: Call) -> Reply | Refusal:
    """
    Send one text to one number.

    API: https://www.alibabacloud.com/help/en/sms/api-sendmessagetoglobe
    """
    values = call.values
    refusal = missing(values, "To", "Message")
    if refusal is None:
        refusal = _check_rows([(values["To"], values["Message"])]) or _check_labels(values)
    if refusal is not None:
        return refusal
    number = canonical_number(values["To"])
    if number is None or globe_fails(number):
        return Refusal("MOBILE_NUMBER_ILLEGAL", f"The mobile number is illegal: {values['To']}")
    draft = Draft(number, values["Message"], _new_message_id())
    # Only after all checks, as above.
    state.accept(_submission(state, call), [draft])
    return globe_reply(
        ResponseDescription=_ACCEPTED,
        From=values.get("From", ""),
        To=values["To"],
        MessageId=draft.message_id,
        Segments="1",
        NumberDetail={"Country": "Simulated", "Region": "Simulated", "Carrier": "Simulated"},
    )


def _batch_rows(values: Mapping[str, str]) -> list[tuple[str, str]] | Refusal:
    numbers = read_texts(values["To"], code="INVALID_JSON_PARAM")
    if isinstance(numbers, Refusal):
        return numbers
    if len(numbers) > BATCH_LIMIT:
        return Refusal("MOBILE_COUNT_OVER_LIMIT", f"At most {BATCH_LIMIT} numbers per request.")
    texts = read_texts(values["Message"], code="INVALID_JSON_PARAM")
    if isinstance(texts, Refusal):
        return texts
    if len(texts) != len(numbers):
        return Refusal("INVALID_PARAMETERS", "To and Message must have equal lengths.")
    return list(zip(numbers, texts, strict=True))


def _check_rows(rows: Sequence[tuple[str, str]]) -> Refusal | None:
    for raw, text in rows:
        if is_mainland(raw):
            return Refusal("NOT_SUPPORTED_COUNTRY", "The destination is not supported.")
        if not 1 <= len(text) <= TEXT_LIMIT:
            return Refusal("PARAM_LENGTH_LIMIT", f"A message must have 1 to {TEXT_LIMIT} characters.")
        refusal = globe_refusal(raw)
        if refusal is not None:
            return refusal
    return None


def _check_labels(values: Mapping[str, str]) -> Refusal | None:
    if values.get("Type", "") not in _TYPES:
        return Refusal("INVALID_PARAMETERS", "Type is not valid.")
    if values.get("From") and not _SENDER.fullmatch(values["From"]):
        return Refusal("INVALID_SENDERID", "The sender ID is not valid.")
    if "TaskId" in values and not 1 <= len(values["TaskId"]) <= 255:
        return Refusal("INVALID_PARAMETERS", "TaskId must have 1 to 255 characters.")
    if "ValidityPeriod" in values and read_number(values["ValidityPeriod"], least=1, most=2**63 - 1) is None:
        return Refusal("INVALID_PARAMETERS", "ValidityPeriod must be a number of seconds.")
    return None


def _submission(state: State, call: Call) -> Submission:
    return Submission(
        api="globe",
        action=call.action,
        biz_id=None,
        label=call.values.get("TaskId"),
        template_code=None,
        sender=call.values.get("From") or None,
        accepted_at=state.now(),
        account=call.account,
    )


def _new_message_id() -> str:
    return str(secrets.randbelow(9 * 10**17) + 10**17)


# These differ from the numbers of QuerySendDetails, where 3 means delivered; here 1 does.
_STATUS = {"delivered": "1", "failed": "2", "pending": "3"}


def query_message(state: State, call: Call) -> Reply | Refusal:
    """
    Return the record of one message by its id; refuse while it is younger than ``record_lag``.

    API: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage
    """
    absent = missing(call.values, "MessageId")
    if absent is not None:
        return absent
    message = state.inbox.by_message_id(call.values["MessageId"])
    if message is None or message.submission.account != call.account or not state.is_recorded(message):
        return Refusal("DATA_NOT_EXIST", "The message record does not exist.")
    outcome = state.outcome(message)
    answer: dict[str, object] = {
        "MessageId": message.message_id,
        "To": message.number,
        "Message": message.content,
        "Status": _STATUS[outcome.verdict],
        "ErrorCode": outcome.err_code,
        "ErrorDescription": "success" if outcome.verdict == "delivered" else outcome.err_code,
        "SendDate": format_datetime(beijing_time(message.submission.accepted_at)),
        "NumberDetail": {"Country": "Simulated", "Region": "Simulated", "Carrier": "Simulated"},
    }
    if outcome.at is not None:
        answer["ReceiveDate"] = format_datetime(beijing_time(outcome.at))
    return globe_reply(**answer)
