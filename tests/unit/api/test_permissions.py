# SPDX-License-Identifier: Apache-2.0
"""A call that is refused for its permission names the very action to grant."""

from __future__ import annotations

import json

import pytest

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.exceptions import CampaignDoomedError

CALLS = {
    "SendSms": lambda client: client.send_sms(
        phone_numbers=["13800001234"], sign_name="测试", template_code="SMS_1", template_param=None
    ),
    "QuerySendDetails": lambda client: client.query_send_details(
        phone_number="13800001234", send_date="20260102"
    ),
    "GetSmsTemplate": lambda client: client.get_sms_template(template_code="SMS_1"),
    "GetSmsSign": lambda client: client.get_sms_sign(sign_name="测试"),
    "QueryMessage": lambda client: client.query_message(message_id="1"),
    "BatchSendMessageToGlobe": lambda client: client.batch_send_message_to_globe(
        to=["6581000000"], messages=["hello"]
    ),
}


@pytest.mark.parametrize("action", CALLS)
def test_the_action_to_grant_is_named(answering, http, action):
    fields = {"Code": "Forbidden.RAM", "ResponseCode": "Forbidden.RAM", "Message": "x", "RequestId": "r"}
    server = answering(http(json.dumps(fields).encode(), status="403 Forbidden"))
    client = AliyunSmsClient(
        credentials=static_credentials(Credentials("testid", "testsecret")),
        china=server.endpoint,
        globe=server.endpoint,
        transport=Transport(connect_timeout=2.0, read_timeout=2.0),
        read_retries=ReadRetries(attempts=1),
    )
    with pytest.raises(CampaignDoomedError) as caught:
        CALLS[action](client)
    client.close()
    assert f"dysms:{action}" in caught.value.advice
    assert len(server.requests) == 1
