# SPDX-License-Identifier: Apache-2.0
"""What the 2017-05-25 API accepts and refuses, and what its records show."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

NUMBER = "13800001234"
OTHER = "13800005678"


def params(*items):
    return json.dumps(items)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PhoneNumberJson": "13800001234"}, "isv.INVALID_JSON_PARAM"),
        ({"PhoneNumberJson": "[]"}, "isv.INVALID_JSON_PARAM"),
        ({"PhoneNumberJson": "[13800001234, 13800005678]"}, "isv.INVALID_JSON_PARAM"),
        ({"PhoneNumberJson": json.dumps([NUMBER, "12ab"])}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumberJson": json.dumps([NUMBER, "１３８００００１２３４"])}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"SignNameJson": '["阿里云"]'}, "isv.INVALID_PARAMETERS"),
        ({"SignNameJson": '["阿里云", "未报备"]'}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"SignNameJson": '["阿里云", ""]'}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": "SMS_404"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateCode": "SMS_1 "}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateCode": "hello"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParamJson": '{"name": "x"}'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParamJson": "not json"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParamJson": params({"name": "x"})}, "isv.INVALID_PARAMETERS"),
        ({"TemplateParamJson": params({"name": "x"}, "y")}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParamJson": params({"name": "x"}, {"name": 7})}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParamJson": params({"name": "x"}, {"name": "很" * 36})}, "isv.PARAM_LENGTH_LIMIT"),
        ({"TemplateParamJson": params({"name": "x"}, {"name": ""})}, "isv.PARAM_LENGTH_LIMIT"),
        (
            {"TemplateParamJson": params({"name": "x"}, {"name": "https://a.example"})},
            "isv.PARAM_NOT_SUPPORT_URL",
        ),
        ({"TemplateParamJson": params({"name": "x"}, {"name": "好🎉"})}, "isv.UNSUPPORTED_CONTENT"),
        ({"TemplateParamJson": params({"name": "x"}, {"name": "【好】"})}, "isv.UNSUPPORTED_CONTENT"),
        ({"OutId": "x" * 256}, "isv.INVALID_PARAMETERS"),
        ({"SmsUpExtendCodeJson": '["1"]'}, "isv.INVALID_PARAMETERS"),
        ({"SmsUpExtendCodeJson": '["1", "1"]', "SignNameJson": '["甲", "乙"]'}, "isv.EXTEND_CODE_ERROR"),
        ({"PhoneNumberJson": None}, "MissingPhoneNumberJson"),
        ({"SignNameJson": None}, "MissingSignNameJson"),
        ({"TemplateCode": None}, "MissingTemplateCode"),
    ],
)
def test_a_bad_batch_is_refused_whole(raw, simulator, changes, code):
    answer = raw.call("SendBatchSms", raw.batch(NUMBER, OTHER, **changes)).json()
    assert answer["Code"] == code
    assert "BizId" not in answer
    assert simulator.counts() == {}
    assert simulator.stats()["refused"] == {code: 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"OutId": "x" * 255},
        {"TemplateParamJson": params({"name": "很" * 35}, {"name": "m"})},
        {"TemplateParamJson": None},
        {"SmsUpExtendCodeJson": '["1", "1"]'},
        {"SmsUpExtendCodeJson": '["1", "2"]', "SignNameJson": '["甲", "乙"]'},
    ],
)
def test_the_limits_themselves_are_accepted(raw, simulator, changes):
    assert raw.call("SendBatchSms", raw.batch(NUMBER, OTHER, **changes)).json()["Code"] == "OK"
    assert simulator.counts() == {NUMBER: 1, OTHER: 1}


@pytest.mark.parametrize(("count", "code"), [(100, "OK"), (101, "isv.MOBILE_COUNT_OVER_LIMIT")])
def test_a_batch_has_at_most_a_hundred_numbers(raw, count, code):
    numbers = [f"138{index:04d}1234" for index in range(count)]
    assert raw.call("SendBatchSms", raw.batch(*numbers)).json()["Code"] == code


@pytest.mark.parametrize(("count", "code"), [(1000, "OK"), (1001, "isv.MOBILE_COUNT_OVER_LIMIT")])
def test_send_sms_has_at_most_a_thousand_numbers(raw, count, code):
    numbers = ",".join(f"138{index:04d}1234" for index in range(count))
    form = {"PhoneNumbers": numbers, "SignName": "阿里云", "TemplateCode": "SMS_1"}
    assert raw.call("SendSms", form).json()["Code"] == code


def test_send_sms_wants_an_object_of_variables(raw):
    form = {"PhoneNumbers": NUMBER, "SignName": "阿里云", "TemplateCode": "SMS_1", "TemplateParam": '["x"]'}
    assert raw.call("SendSms", form).json()["Code"] == "isv.INVALID_JSON_PARAM"


@pytest.mark.parametrize("spelling", [NUMBER, f"86{NUMBER}", f"+86{NUMBER}", f"0086{NUMBER}", f"+{NUMBER}"])
def test_all_spellings_of_a_mainland_number_are_one_phone(raw, simulator, spelling):
    assert raw.call("SendBatchSms", raw.batch(spelling)).json()["Code"] == "OK"
    assert simulator.counts() == {NUMBER: 1}
    assert len(simulator.messages(number=spelling)) == 1


@pytest.mark.parametrize(
    ("digits", "code", "text"),
    [
        ("0501", "isv.MOBILE_NUMBER_ILLEGAL", "invalid mobile number"),
        ("0502", "isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1"),
        ("0503", "isv.BLACK_KEY_CONTROL_LIMIT", ""),
    ],
)
def test_some_numbers_make_the_whole_request_fail(raw, simulator, digits, code, text):
    answer = raw.call("SendBatchSms", raw.batch(NUMBER, f"1380000{digits}", OTHER))
    assert (answer.status_code, answer.json()["Code"]) == (200, code)
    assert text in answer.json()["Message"]
    assert simulator.counts() == {}


@pytest.mark.parametrize(
    ("digits", "status", "code"),
    [
        ("1234", 3, "DELIVERED"),
        ("0401", 2, "MOBILE_NOT_ON_SERVICE"),
        ("0402", 2, "MOBILE_IN_BLACK"),
        ("0403", 2, "CONTENT_KEYWORD"),
        ("0404", 1, ""),
        ("0405", 3, "DELIVERED"),
    ],
)
def test_the_record_shows_what_the_number_stands_for(raw, digits, status, code):
    raw.call("SendBatchSms", raw.batch(f"1380000{digits}"))
    row = raw.details(f"1380000{digits}")["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
    assert (row["SendStatus"], row["ErrCode"]) == (status, code)
    assert ("ReceiveDate" in row) == (status != 1)


def test_a_message_waits_for_its_receipt_until_the_delay_is_over(raw, simulator):
    simulator.options(delivery_delay=3600)
    raw.call("SendBatchSms", raw.batch(NUMBER))
    row = raw.details(NUMBER)["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
    assert (row["SendStatus"], row["ErrCode"]) == (1, "")
    simulator.options(delivery_delay=0)
    assert raw.details(NUMBER)["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]["SendStatus"] == 3


def test_records_stay_invisible_for_the_lag(raw, simulator):
    simulator.options(record_lag=3600)
    raw.call("SendBatchSms", raw.batch(NUMBER))
    early = raw.details(NUMBER)
    assert (early["Code"], early["TotalCount"], early["SmsSendDetailDTOs"]) == (
        "OK",
        0,
        {"SmsSendDetailDTO": []},
    )
    simulator.options(record_lag=0)
    assert raw.details(NUMBER)["TotalCount"] == 1


def test_records_can_be_filtered_by_biz_id(raw):
    first, second = (
        raw.call("SendBatchSms", raw.batch(NUMBER, OutId=label)).json()["BizId"] for label in "ab"
    )
    assert first != second
    for biz_id, label in ((first, "a"), (second, "b")):
        found = raw.details(NUMBER, BizId=biz_id)
        assert [row["OutId"] for row in found["SmsSendDetailDTOs"]["SmsSendDetailDTO"]] == [label]


def test_records_come_in_pages_newest_first(raw):
    for label in "abcde":
        raw.call("SendBatchSms", raw.batch(NUMBER, OutId=label))
    pages = [raw.details(NUMBER, PageSize="2", CurrentPage=str(page)) for page in (1, 2, 3, 4)]
    assert [page["TotalCount"] for page in pages] == [5, 5, 5, 5]
    labels = [[row["OutId"] for row in page["SmsSendDetailDTOs"]["SmsSendDetailDTO"]] for page in pages]
    assert labels == [["e", "d"], ["c", "b"], ["a"], []]


def test_records_belong_to_the_day_of_beijing(raw, today):
    raw.call("SendBatchSms", raw.batch(NUMBER))
    neighbour = (datetime.strptime(today, "%Y%m%d") - timedelta(days=1)).strftime("%Y%m%d")  # noqa: DTZ007 - a day
    assert raw.details(NUMBER)["TotalCount"] == 1
    assert raw.details(NUMBER, SendDate=neighbour)["TotalCount"] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SendDate": "2026-01-02"}, "isv.INVALID_PARAMETERS"),
        ({"SendDate": "2026132"}, "isv.INVALID_PARAMETERS"),
        ({"PageSize": "51"}, "isv.INVALID_PARAMETERS"),
        ({"PageSize": "0"}, "isv.INVALID_PARAMETERS"),
        ({"CurrentPage": "0"}, "isv.INVALID_PARAMETERS"),
        ({"PhoneNumber": "13800001234,13800005678"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PageSize": ""}, "MissingPageSize"),
    ],
)
def test_a_bad_query_is_refused(raw, changes, code):
    number = changes.pop("PhoneNumber", NUMBER)
    assert raw.details(number, **changes)["Code"] == code


def test_a_globe_message_has_no_china_record(raw):
    raw.call("BatchSendMessageToGlobe", raw.globe("85251001234"))
    assert raw.details("85251001234")["TotalCount"] == 0


@pytest.mark.parametrize(("size", "code"), [("50", "OK"), ("51", "isv.INVALID_PARAMETERS")])
def test_the_signature_list_has_pages_of_at_most_fifty(raw, size, code):
    assert raw.call("QuerySmsSignList", {"PageIndex": "1", "PageSize": size}).json()["Code"] == code


def test_a_template_with_a_text_is_rendered_and_needs_all_its_variables(raw, simulator):
    simulator.templates({"SMS_7": "亲爱的${name}，您的积分为${points}。"})
    good = raw.batch(NUMBER, TemplateCode="SMS_7", TemplateParamJson=params({"name": "张三", "points": "7"}))
    assert raw.call("SendBatchSms", good).json()["Code"] == "OK"
    assert simulator.messages()[0]["content"] == "【阿里云】亲爱的张三，您的积分为7。"
    short = raw.batch(NUMBER, TemplateCode="SMS_7", TemplateParamJson=params({"name": "张三"}))
    assert raw.call("SendBatchSms", short).json()["Code"] == "isv.TEMPLATE_MISSING_PARAMETERS"
