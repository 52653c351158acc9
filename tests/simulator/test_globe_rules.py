# SPDX-License-Identifier: Apache-2.0
"""What the 2018-05-01 API accepts and refuses, and what QueryMessage shows."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest

NUMBER = "85251001234"
OTHER = "6581001234"


def ids_of(answer):
    return json.loads(answer.json()["MessageIdList"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": NUMBER}, "INVALID_JSON_PARAM"),
        ({"To": "[]"}, "INVALID_JSON_PARAM"),
        ({"Message": "Hello"}, "INVALID_JSON_PARAM"),
        ({"Message": '["Hello"]'}, "INVALID_PARAMETERS"),
        ({"Message": json.dumps(["a", ""])}, "PARAM_LENGTH_LIMIT"),
        ({"Message": json.dumps(["a", "b" * 1501])}, "PARAM_LENGTH_LIMIT"),
        ({"Type": "SPAM"}, "INVALID_PARAMETERS"),
        ({"From": "TwelveLetter"}, "INVALID_SENDERID"),
        ({"From": "1234567890123456"}, "INVALID_SENDERID"),
        ({"From": "Ali cloud"}, "INVALID_SENDERID"),
        ({"TaskId": ""}, "INVALID_PARAMETERS"),
        ({"TaskId": "x" * 256}, "INVALID_PARAMETERS"),
        ({"ValidityPeriod": "soon"}, "INVALID_PARAMETERS"),
        ({"To": json.dumps([NUMBER, "8613800001234"])}, "NOT_SUPPORTED_COUNTRY"),
        ({"To": json.dumps([NUMBER, "+8613800001234"])}, "NOT_SUPPORTED_COUNTRY"),
        ({"To": json.dumps([NUMBER, "85251000503"])}, "MOBILE_NUMBER_ILLEGAL"),
    ],
)
def test_a_bad_batch_is_refused_whole(raw, simulator, changes, code):
    answer = raw.call("BatchSendMessageToGlobe", raw.globe(NUMBER, OTHER, **changes))
    assert (answer.status_code, answer.json()["ResponseCode"]) == (200, code)
    assert "Code" not in answer.json()
    assert simulator.counts() == {}


@pytest.mark.parametrize("name", ["To", "Message"])
def test_a_missing_parameter_is_the_gateways_business(raw, name):
    answer = raw.call("BatchSendMessageToGlobe", raw.globe(NUMBER, **{name: None}))
    assert (answer.status_code, answer.json()["Code"]) == (400, f"Missing{name}")


@pytest.mark.parametrize(
    "changes",
    [
        {"Message": json.dumps(["b" * 1500, "c"])},
        {"Type": "NOTIFY", "From": "ElevenChars", "TaskId": "x" * 255},
        {"Type": "MKT", "From": "123456789012345", "ValidityPeriod": "600", "ChannelId": "sms-djnfjn344"},
    ],
)
def test_the_limits_themselves_are_accepted(raw, simulator, changes):
    answer = raw.call("BatchSendMessageToGlobe", raw.globe(NUMBER, OTHER, **changes))
    assert answer.json()["ResponseCode"] == "OK"
    assert simulator.counts() == {NUMBER: 1, OTHER: 1}


def test_a_batch_has_at_most_a_thousand_numbers(raw, simulator):
    numbers = [f"8525{index:04d}1234" for index in range(1001)]
    assert (
        raw.call("BatchSendMessageToGlobe", raw.globe(*numbers)).json()["ResponseCode"]
        == "MOBILE_COUNT_OVER_LIMIT"
    )
    simulator.options(globe_qps=0)
    assert raw.call("BatchSendMessageToGlobe", raw.globe(*numbers[:1000])).json()["ResponseCode"] == "OK"


def test_parameters_may_travel_in_the_query(raw, simulator):
    answer = raw.call("BatchSendMessageToGlobe", query=raw.globe(NUMBER, TaskId="a b+c"))
    assert answer.json()["ResponseCode"] == "OK"
    assert simulator.messages()[0]["task_id"] == "a b+c"


def test_bad_numbers_come_back_while_the_others_are_accepted(raw, simulator):
    answer = raw.call("BatchSendMessageToGlobe", raw.globe(NUMBER, "85251000501", "no number", OTHER)).json()
    assert (answer["ResponseCode"], answer["SuccessCount"]) == ("OK", "2")
    assert json.loads(answer["FailedList"]) == ["85251000501", "no number"]
    assert len(json.loads(answer["MessageIdList"])) == 2
    assert simulator.counts() == {NUMBER: 1, OTHER: 1}


@pytest.mark.parametrize(
    ("digits", "status", "code"),
    [
        ("1234", "1", "DELIVERED"),
        ("0401", "2", "MOBILE_NOT_ON_SERVICE"),
        ("0402", "2", "MOBILE_IN_BLACK"),
        ("0403", "2", "CONTENT_KEYWORD"),
        ("0404", "3", ""),
        ("0405", "1", "DELIVERED"),
    ],
)
def test_query_message_has_its_own_status_numbers(raw, digits, status, code):
    (message_id,) = ids_of(raw.call("BatchSendMessageToGlobe", raw.globe(f"8525100{digits}")))
    answer = raw.call("QueryMessage", {"MessageId": message_id}).json()
    assert (answer["Status"], answer["ErrorCode"], answer["To"]) == (status, code, f"8525100{digits}")
    assert parsedate_to_datetime(answer["SendDate"]).utcoffset().total_seconds() == 8 * 3600


def test_a_message_does_not_exist_until_the_lag_is_over(raw, simulator):
    simulator.options(record_lag=3600)
    (message_id,) = ids_of(raw.call("BatchSendMessageToGlobe", raw.globe(NUMBER)))
    assert raw.call("QueryMessage", {"MessageId": message_id}).json()["ResponseCode"] == "DATA_NOT_EXIST"
    simulator.options(record_lag=0)
    assert raw.call("QueryMessage", {"MessageId": message_id}).json()["ResponseCode"] == "OK"


def test_a_message_is_under_way_until_the_delay_is_over(raw, simulator):
    simulator.options(delivery_delay=3600)
    (message_id,) = ids_of(raw.call("BatchSendMessageToGlobe", raw.globe(NUMBER)))
    answer = raw.call("QueryMessage", {"MessageId": message_id}).json()
    assert (answer["Status"], answer["ErrorCode"]) == ("3", "")
    assert "ReceiveDate" not in answer


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (NUMBER, "OK"),
        ("8613800001234", "NOT_SUPPORTED_COUNTRY"),
        ("85251000501", "MOBILE_NUMBER_ILLEGAL"),
        ("85251000503", "MOBILE_NUMBER_ILLEGAL"),
        ("nobody", "MOBILE_NUMBER_ILLEGAL"),
    ],
)
def test_a_single_message_is_accepted_or_refused(raw, simulator, to, code):
    answer = raw.call("SendMessageToGlobe", {"To": to, "Message": "Hi"}).json()
    assert answer["ResponseCode"] == code
    assert ("MessageId" in answer) == (code == "OK")
    assert simulator.stats()["accepted"] == (code == "OK")
