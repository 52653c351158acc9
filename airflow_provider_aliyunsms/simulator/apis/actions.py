# SPDX-License-Identifier: Apache-2.0
"""List the operations that the gateway knows, refuse others, and limit the rate of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.apis.approvals import (
    get_sms_sign,
    get_sms_template,
    query_sms_sign_list,
    query_sms_template_list,
)
from airflow_provider_aliyunsms.simulator.apis.china import query_send_details, send_batch_sms, send_sms
from airflow_provider_aliyunsms.simulator.apis.globe import (
    batch_send_message_to_globe,
    query_message,
    send_message_to_globe,
)
from airflow_provider_aliyunsms.simulator.call import Call
from airflow_provider_aliyunsms.simulator.memory import State
from airflow_provider_aliyunsms.simulator.replies import Api, Refusal, Reply

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.options import Options

Handler = Callable[[State, Call], Reply | Refusal]

VERSIONS: dict[str, Api] = {"2017-05-25": "china", "2018-05-01": "globe"}
GLOBE_BATCH = "BatchSendMessageToGlobe"
_GLOBE_QPS = {"SendMessageToGlobe": 2000, "QueryMessage": 300}


@dataclass(frozen=True, slots=True)
class Action:
    """One operation of one of the two APIs."""

    name: str
    api: Api
    handler: Handler


ACTIONS = {
    (action.api, action.name): action
    for action in (
        Action("SendBatchSms", "china", send_batch_sms),
        Action("SendSms", "china", send_sms),
        Action("QuerySendDetails", "china", query_send_details),
        Action("QuerySmsSignList", "china", query_sms_sign_list),
        Action("QuerySmsTemplateList", "china", query_sms_template_list),
        Action("GetSmsSign", "china", get_sms_sign),
        Action("GetSmsTemplate", "china", get_sms_template),
        Action(GLOBE_BATCH, "globe", batch_send_message_to_globe),
        Action("SendMessageToGlobe", "globe", send_message_to_globe),
        Action("QueryMessage", "globe", query_message),
    )
}


SENDS = frozenset({"SendBatchSms", "SendSms", GLOBE_BATCH, "SendMessageToGlobe"})
"""The operations that leave messages."""


def find_action(call: Call) -> Action | Refusal:
    """Return the operation that a request names, or a refusal if there is no such version or operation."""
    api = VERSIONS.get(call.version)
    if api is None:
        return Refusal("InvalidVersion", "Specified parameter Version is not valid.", status=400)
    action = ACTIONS.get((api, call.action))
    if action is None:
        text = "Specified api is not found, please check your url and method."
        return Refusal("InvalidAction.NotFound", text, status=404)
    return action


def check_rate(state: State, action: Action, *, now: float) -> Refusal | None:
    """
    Count one call against the rate limit of its action.

    :param state: holds the recent calls of each action.
    :param now: monotonic seconds.
    :returns: None when the call is counted; a refusal, without counting it, when the limit is reached.
    """
    limit = _limit(action, state.options)
    wait = state.limits[action.name].wait_for(limit=limit, now=now)
    if wait <= 0:
        return None
    if action.api == "globe":
        return Refusal("QPS_LIMIT_CONTROL", f"At most {limit} calls per second.")
    return throttled(seconds=wait)


def throttled(*, seconds: float) -> Refusal:
    """
    Return the refusal of the gateway's flow control, which names the time to wait.

    :param seconds: the time to wait; at least one millisecond is named.
    """
    text = "Request was denied due to user flow control."
    return Refusal("Throttling.User", text, status=400, retry_after_ms=max(1, round(seconds * 1000)))


def _limit(action: Action, options: Options) -> int:
    if action.name == GLOBE_BATCH:
        return options.globe_qps
    return options.china_qps if action.api == "china" else _GLOBE_QPS[action.name]
