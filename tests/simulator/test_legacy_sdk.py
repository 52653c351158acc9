# SPDX-License-Identifier: Apache-2.0
"""The legacy core SDK: V1 signatures, everything in the URL of a POST."""

from __future__ import annotations

import json

import pytest

core = pytest.importorskip("aliyunsdkcore.client", reason="the legacy SDK is optional")
requests_v1 = pytest.importorskip("aliyunsdkdysmsapi.request.v20170525")

from aliyunsdkcore.acs_exception.exceptions import ServerException  # noqa: E402 - after the skips
from aliyunsdkcore.auth.credentials import StsTokenCredential  # noqa: E402
from aliyunsdkdysmsapi.request.v20170525.QuerySendDetailsRequest import QuerySendDetailsRequest  # noqa: E402
from aliyunsdkdysmsapi.request.v20170525.SendBatchSmsRequest import SendBatchSmsRequest  # noqa: E402

from airflow_provider_aliyunsms.simulator.server import running  # noqa: E402


def send(client, endpoint):
    request = SendBatchSmsRequest()
    request.set_PhoneNumberJson(json.dumps(["13800001234", "13800005678"]))
    request.set_SignNameJson(json.dumps(["阿里云", "阿里云"]))
    request.set_TemplateCode("SMS_1")
    request.set_TemplateParamJson(json.dumps([{"name": "张三 A+B"}, {"name": "li*~si/1"}]))
    request.add_query_param("OutId", "old client")
    return answer(client, request, endpoint)


def answer(client, request, endpoint):
    request.set_endpoint(endpoint)
    request.set_protocol_type("http")
    request.set_accept_format("json")
    return json.loads(client.do_action_with_exception(request))


def test_a_batch_signed_the_old_way_is_accepted(simulator, today):
    client = core.AcsClient("testid", "testsecret", "cn-hangzhou")
    sent = send(client, simulator.endpoint)
    assert sent["Code"] == "OK"
    assert simulator.counts() == {"13800001234": 1, "13800005678": 1}
    query = QuerySendDetailsRequest()
    query.set_PhoneNumber("13800005678")
    query.set_SendDate(today)
    query.set_PageSize(10)
    query.set_CurrentPage(1)
    rows = answer(client, query, simulator.endpoint)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert [(row["OutId"], row["Content"]) for row in rows] == [
        ("old client", "【阿里云】SMS_1 name: li*~si/1")
    ]


def test_a_wrong_secret_is_noticed(simulator):
    client = core.AcsClient("testid", "other", "cn-hangzhou")
    with pytest.raises(ServerException) as raised:
        send(client, simulator.endpoint)
    # the SDK's own conclusion, drawn from the string to sign that the gateway sends back
    assert raised.value.get_error_code() == "InvalidAccessKeySecret"
    assert simulator.counts() == {}


def test_an_sts_token_is_checked():
    with running(security_token="token/+==") as simulator:
        good = core.AcsClient(
            region_id="cn-hangzhou", credential=StsTokenCredential("testid", "testsecret", "token/+==")
        )
        assert send(good, simulator.endpoint)["Code"] == "OK"
        bad = core.AcsClient(
            region_id="cn-hangzhou", credential=StsTokenCredential("testid", "testsecret", "another")
        )
        with pytest.raises(ServerException) as raised:
            send(bad, simulator.endpoint)
        assert raised.value.get_error_code() == "InvalidSecurityToken.Malformed"
