# SPDX-License-Identifier: Apache-2.0
"""The unmodified official SDKs, sync and async, against the simulator."""

from __future__ import annotations

import asyncio
import json

import pytest
from alibabacloud_dysmsapi20170525 import models as china_models
from alibabacloud_dysmsapi20170525.client import Client as ChinaClient
from alibabacloud_dysmsapi20180501 import models as globe_models
from alibabacloud_tea_openapi.exceptions import ClientException, ThrottlingException

NUMBERS = [f"1380000{index:04d}" for index in range(1000, 1100)]
GLOBE_NUMBERS = [f"8525{index:04d}1234" for index in range(1000)]


def batch_request(numbers=NUMBERS, **changes):
    settings = {
        "phone_number_json": json.dumps(numbers),
        "sign_name_json": json.dumps(["阿里云"] * len(numbers), ensure_ascii=False),
        "template_code": "SMS_152550005",
        "template_param_json": json.dumps([{"name": "张三 A+B", "odd": "li*~si/1&=%"}] * len(numbers)),
        "out_id": "campaign 1+2:batch~3*/ü",
    }
    return china_models.SendBatchSmsRequest(**{**settings, **changes})


def details_request(number, day):
    return china_models.QuerySendDetailsRequest(
        phone_number=number, send_date=day, page_size=50, current_page=1
    )


def globe_request(numbers, **changes):
    settings = {
        "to": json.dumps(numbers),
        "message": json.dumps([f"Hi & bye {number}" for number in numbers]),
    }
    return globe_models.BatchSendMessageToGlobeRequest(**{**settings, **changes})


def test_a_hundred_numbers_arrive_with_their_texts(china, simulator):
    body = china.send_batch_sms(batch_request()).body
    assert body.code == "OK"
    assert simulator.counts() == dict.fromkeys(NUMBERS, 1)
    newest = simulator.messages(limit=1)[0]
    assert newest["content"] == "【阿里云】SMS_152550005 name: 张三 A+B，odd: li*~si/1&=%"
    assert (newest["out_id"], newest["biz_id"]) == ("campaign 1+2:batch~3*/ü", body.biz_id)


def test_biz_ids_differ_between_requests(china):
    bodies = [china.send_batch_sms(batch_request()).body for _ in range(3)]
    assert len({body.biz_id for body in bodies}) == 3


def test_the_async_client_sends_a_batch_and_reads_its_record(china, today):
    async def send_and_look():
        sent = await china.send_batch_sms_async(batch_request())
        seen = await china.query_send_details_async(details_request(NUMBERS[7], today))
        return sent.body, seen.body

    sent, seen = asyncio.run(send_and_look())
    assert sent.code == seen.code == "OK"
    row = seen.sms_send_detail_dtos.sms_send_detail_dto[0]
    assert (row.phone_num, row.send_status, row.err_code) == (NUMBERS[7], 3, "DELIVERED")
    assert row.out_id == "campaign 1+2:batch~3*/ü"


def test_a_record_carries_what_the_documentation_promises(china, today):
    china.send_batch_sms(batch_request())
    body = china.query_send_details(details_request(NUMBERS[0], today)).body
    assert int(body.total_count) == 1
    row = body.sms_send_detail_dtos.sms_send_detail_dto[0]
    assert row.template_code == "SMS_152550005"
    assert row.content.startswith("【阿里云】")
    assert row.send_date[:10].replace("-", "") == today
    assert row.receive_date >= row.send_date
    assert "BizId" not in row.to_map()


def test_send_sms_takes_a_comma_list(china, simulator):
    request = china_models.SendSmsRequest(
        phone_numbers="13800001234,+8613800005678",
        sign_name="阿里云",
        template_code="SMS_1",
        template_param='{"code":"123456"}',
        out_id="login",
    )
    assert china.send_sms(request).body.code == "OK"
    assert simulator.counts() == {"13800001234": 1, "13800005678": 1}


def test_the_connection_test_lists_a_signature(china):
    body = china.query_sms_sign_list(china_models.QuerySmsSignListRequest(page_index=1, page_size=1)).body
    assert body.code == "OK"
    assert body.sms_sign_list[0].audit_status == "AUDIT_STATE_PASS"


def test_a_business_refusal_is_a_normal_answer(china, simulator):
    body = china.send_batch_sms(batch_request(template_code="SMS_404")).body
    assert (body.code, body.biz_id) == ("isv.SMS_TEMPLATE_ILLEGAL", None)
    assert simulator.counts() == {}


def test_a_wrong_secret_raises_what_the_real_gateway_makes_the_sdk_raise(simulator, config_for):
    stranger = ChinaClient(config_for(simulator, access_key_secret="other"))
    with pytest.raises(ClientException) as raised:
        stranger.send_batch_sms(batch_request())
    assert (raised.value.code, raised.value.status_code) == ("SignatureDoesNotMatch", 400)
    assert simulator.counts() == {}


def test_throttling_raises_the_sdks_own_exception_with_the_hint(china, simulator):
    simulator.misbehave("throttle", action="SendBatchSms", seconds=2)
    with pytest.raises(ThrottlingException) as raised:
        china.send_batch_sms(batch_request())
    assert (raised.value.code, raised.value.retry_after) == ("Throttling.User", 2000)


def test_a_thousand_globe_recipients_travel_in_the_request_line(globe, simulator):
    body = globe.batch_send_message_to_globe(
        globe_request(GLOBE_NUMBERS, task_id="t-1", from_="Alicloud321")
    ).body
    assert (body.response_code, body.from_) == ("OK", "Alicloud321")
    assert int(body.success_count) == 1000
    assert json.loads(body.failed_list) == []
    assert len(set(json.loads(body.message_id_list))) == 1000
    assert simulator.stats()["accepted"] == 1000


def test_globe_message_ids_follow_the_order_of_the_accepted_numbers(globe):
    numbers = ["85251001111", "85251000501", "6581002222"]
    body = globe.batch_send_message_to_globe(globe_request(numbers)).body
    assert json.loads(body.failed_list) == ["85251000501"]
    ids = json.loads(body.message_id_list)
    seen = [globe.query_message(globe_models.QueryMessageRequest(message_id=one)).body for one in ids]
    assert [(one.to, one.message) for one in seen] == [
        ("85251001111", "Hi & bye 85251001111"),
        ("6581002222", "Hi & bye 6581002222"),
    ]


def test_the_async_globe_client_sends_and_asks(globe):
    async def send_and_ask():
        sent = await globe.batch_send_message_to_globe_async(globe_request(["85251001111"]))
        message_id = json.loads(sent.body.message_id_list)[0]
        return await globe.query_message_async(globe_models.QueryMessageRequest(message_id=message_id))

    body = asyncio.run(send_and_ask()).body
    assert (str(body.status), body.error_code, body.response_code) == ("1", "DELIVERED", "OK")


def test_a_single_globe_message_answers_with_its_id(globe, simulator):
    request = globe_models.SendMessageToGlobeRequest(to="85251001111", message="one", task_id="t-2")
    body = globe.send_message_to_globe(request).body
    assert body.response_code == "OK"
    sent = simulator.messages()[0]
    assert (sent["message_id"], sent["task_id"], sent["content"]) == (body.message_id, "t-2", "one")


def test_an_unknown_globe_message_has_no_data_yet(globe):
    body = globe.query_message(globe_models.QueryMessageRequest(message_id="1")).body
    assert body.response_code == "DATA_NOT_EXIST"
