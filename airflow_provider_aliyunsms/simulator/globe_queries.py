# SPDX-License-Identifier: Apache-2.0
"""The reading action of the 2018-05-01 API: QueryMessage."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.china_queries import beijing_time
from airflow_provider_aliyunsms.simulator.fields import missing
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, globe_reply

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.state import State

# not the numbers of QuerySendDetails: here 1 is the good one
_STATUS = {"delivered": "1", "failed": "2", "pending": "3"}


def query_message(state: State, call: Call) -> Reply | Refusal:
    """https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage."""
    absent = missing(call.values, "MessageId")
    if absent is not None:
        return absent
    message = state.inbox.by_message_id(call.values["MessageId"])
    if message is None or not state.is_recorded(message):
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
