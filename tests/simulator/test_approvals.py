# SPDX-License-Identifier: Apache-2.0
"""Templates and signatures: what queries show, which sends are refused, what carriers do not let through."""

from __future__ import annotations

import json

import pytest
import requests
from alibabacloud_dysmsapi20170525 import models

from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient
from airflow_provider_aliyunsms.simulator.server import running

NUMBER = "13800001234"
UNICOM = "13000001234"
TELECOM = "13300001234"
ABROAD = "85251001234"
TEXT = "亲爱的${name}，您好。"
OFFER = "亲爱的${name}，今日有优惠，拒收请回复R"


def send(raw, *numbers, **changes):
    return raw.call("SendBatchSms", raw.batch(*numbers, **changes)).json()


def fate(raw, number):
    (row,) = raw.details(number)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    return row["SendStatus"], row["ErrCode"]


# --- templates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number"), [("otp", "0"), ("notification", "1"), ("promotion", "2"), ("international", "3")]
)
def test_the_official_sdk_reads_the_kind_of_a_template(china, simulator, kind, number):
    simulator.templates(
        {"SMS_7": {"text": TEXT, "kind": kind, "variables": {"name": "characterWithNumber2"}}}
    )
    body = china.get_sms_template(models.GetSmsTemplateRequest(template_code="SMS_7")).body
    assert (body.code, body.template_code, body.template_content) == ("OK", "SMS_7", TEXT)
    assert (body.template_type, body.template_status) == (number, "1")
    assert json.loads(body.variable_attribute) == {"name": "characterWithNumber2"}
    assert (body.intl_type is None) == (kind != "international")


@pytest.mark.parametrize(
    ("status", "number", "listed"),
    [
        ("in review", "0", "AUDIT_STATE_INIT"),
        ("approved", "1", "AUDIT_STATE_PASS"),
        ("rejected", "2", "AUDIT_STATE_NOT_PASS"),
        ("cancelled", "10", "AUDIT_SATE_CANCEL"),
    ],
)
def test_the_official_sdk_reads_the_state_of_a_template(china, raw, simulator, status, number, listed):
    simulator.templates({"SMS_7": {"text": TEXT, "status": status}})
    body = china.get_sms_template(models.GetSmsTemplateRequest(template_code="SMS_7")).body
    assert body.template_status == number
    (row,) = china.query_sms_template_list(models.QuerySmsTemplateListRequest()).body.sms_template_list
    assert (row.template_code, row.audit_status) == ("SMS_7", listed)
    sent = send(raw, NUMBER, TemplateCode="SMS_7")
    assert sent["Code"] == ("OK" if status == "approved" else "isv.SMS_TEMPLATE_ILLEGAL")
    assert simulator.counts() == ({NUMBER: 1} if status == "approved" else {})


def test_the_two_queries_number_the_kinds_differently(china, simulator):
    kinds = ("otp", "notification", "promotion", "international")
    simulator.templates({f"SMS_{place}": {"text": TEXT, "kind": kind} for place, kind in enumerate(kinds)})
    rows = china.query_sms_template_list(models.QuerySmsTemplateListRequest()).body.sms_template_list
    assert [(row.outer_template_type, row.template_type) for row in rows] == [(0, 2), (1, 0), (2, 1), (3, 6)]


@pytest.mark.parametrize("code", ["SMS_999", "SMS_404", "hello"])
def test_a_template_that_was_not_defined_is_not_found(raw, code):
    answer = raw.call("GetSmsTemplate", {"TemplateCode": code})
    assert (answer.status_code, answer.json()["Code"]) == (200, "isv.SMS_TEMPLATE_ILLEGAL")


def test_a_template_query_needs_a_code(raw):
    assert raw.call("GetSmsTemplate").json()["Code"] == "MissingTemplateCode"
    assert raw.call("GetSmsSign").json()["Code"] == "MissingSignName"


def test_templates_come_in_pages(raw, simulator):
    simulator.templates({f"SMS_{place}": TEXT for place in range(5)})
    answer = raw.call("QuerySmsTemplateList", {"PageIndex": "2", "PageSize": "3"}).json()
    assert [row["TemplateCode"] for row in answer["SmsTemplateList"]] == ["SMS_3", "SMS_4"]
    assert answer["TotalCount"] == 5
    bad = raw.call("QuerySmsTemplateList", {"PageSize": "51"}).json()
    assert bad["Code"] == "isv.INVALID_PARAMETERS"


def test_an_international_template_does_not_reach_the_mainland(raw, simulator):
    simulator.templates({"SMS_7": {"text": TEXT, "kind": "international"}})
    assert send(raw, ABROAD, NUMBER, TemplateCode="SMS_7")["Code"] == "isv.DOMESTIC_NUMBER_NOT_SUPPORTED"
    assert simulator.counts() == {}
    assert send(raw, ABROAD, TemplateCode="SMS_7")["Code"] == "OK"


@pytest.mark.parametrize(
    ("text", "kind", "seen"),
    [
        (TEXT, "promotion", (2, "CONTENT_ERROR")),
        (OFFER, "promotion", (3, "DELIVERED")),
        (TEXT, "notification", (3, "DELIVERED")),
    ],
)
def test_carriers_refuse_promotion_without_a_way_out(raw, simulator, text, kind, seen):
    simulator.templates({"SMS_7": {"text": text, "kind": kind}})
    assert send(raw, NUMBER, TemplateCode="SMS_7")["Code"] == "OK"
    assert fate(raw, NUMBER) == seen


# --- signatures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "number"), [("in review", 0), ("approved", 1), ("rejected", 2), ("cancelled", 10)]
)
def test_the_official_sdk_reads_the_state_of_a_signature(china, raw, simulator, status, number):
    simulator.signatures({"测试": {"status": status}})
    body = china.get_sms_sign(models.GetSmsSignRequest(sign_name="测试")).body
    assert (body.code, body.sign_name, body.sign_status) == ("OK", "测试", number)
    sent = send(raw, NUMBER, SignNameJson='["测试"]')
    assert sent["Code"] == ("OK" if status == "approved" else "isv.SMS_SIGNATURE_ILLEGAL")
    assert simulator.counts() == ({NUMBER: 1} if status == "approved" else {})


@pytest.mark.parametrize(
    ("filing", "number", "seen"),
    [
        ("filed", 3, (3, "DELIVERED")),
        ("filed but unverified", 1, (3, "DELIVERED")),
        ("filing", -1, (2, "PORT_NOT_REGISTERED")),
        ("failed", 0, (2, "PORT_NOT_REGISTERED")),
        ("lapsed", 2, (2, "PORT_NOT_REGISTERED")),
        ("not filed", -2, (2, "PORT_NOT_REGISTERED")),
    ],
)
def test_an_unfiled_signature_is_accepted_and_fails_at_that_carrier(
    china, raw, simulator, filing, number, seen
):
    simulator.signatures({"阿里云": {"carriers": {"unicom": filing}}})
    body = china.get_sms_sign(models.GetSmsSignRequest(sign_name="阿里云")).body
    found = {one.operator_code: one.register_status for one in body.sign_isp_register_detail_list}
    assert found == {"mobile": 3, "unicom": number, "telecom": 3}
    assert send(raw, NUMBER, UNICOM, TELECOM, ABROAD)["Code"] == "OK"
    assert fate(raw, UNICOM) == seen
    assert {fate(raw, one) for one in (NUMBER, TELECOM, ABROAD)} == {(3, "DELIVERED")}


def test_a_message_keeps_its_fate_when_the_signature_is_filed_later(raw, simulator):
    simulator.signatures({"阿里云": {"carriers": {"mobile": "filing"}}})
    send(raw, NUMBER)
    simulator.signatures({"阿里云": {}})
    assert fate(raw, NUMBER) == (2, "PORT_NOT_REGISTERED")


def test_a_number_that_never_gets_a_receipt_gets_one_for_an_unfiled_signature(raw, simulator):
    simulator.signatures({"阿里云": {"carriers": {"mobile": "not filed"}}})
    send(raw, "13800000404")
    assert fate(raw, "13800000404") == (2, "PORT_NOT_REGISTERED")


@pytest.mark.parametrize("name", ["未报备", "没有"])
def test_a_signature_that_was_not_defined_is_not_found(raw, name):
    answer = raw.call("GetSmsSign", {"SignName": name})
    assert (answer.status_code, answer.json()["Code"]) == (200, "isv.SMS_SIGNATURE_ILLEGAL")


def test_defined_signatures_are_listed_after_the_first_one(china, simulator):
    simulator.signatures({"测试": {"status": "cancelled"}})
    body = china.query_sms_sign_list(models.QuerySmsSignListRequest()).body
    assert [(row.sign_name, row.audit_status) for row in body.sms_sign_list] == [
        ("阿里云", "AUDIT_STATE_PASS"),
        ("测试", "AUDIT_STATE_CANCEL"),
    ]


# --- what is not defined, reset and journal -----------------------------------------------------------------


def test_what_was_not_defined_is_accepted_unless_told_otherwise(raw, simulator):
    assert send(raw, NUMBER, TemplateCode="SMS_7", SignNameJson='["测试"]')["Code"] == "OK"
    simulator.options(refuses_undefined=True)
    assert send(raw, NUMBER, TemplateCode="SMS_7")["Code"] == "isv.SMS_TEMPLATE_ILLEGAL"
    simulator.templates({"SMS_7": TEXT})
    assert send(raw, NUMBER, TemplateCode="SMS_7")["Code"] == "OK"
    refused = send(raw, NUMBER, TemplateCode="SMS_7", SignNameJson='["测试"]')
    assert refused["Code"] == "isv.SMS_SIGNATURE_ILLEGAL"
    assert simulator.counts() == {NUMBER: 2}


def test_reset_forgets_what_was_defined(raw, simulator):
    simulator.templates({"SMS_7": {"text": TEXT, "status": "rejected"}})
    simulator.signatures({"阿里云": {"status": "rejected"}, "测试": {}})
    simulator.reset()
    assert raw.call("GetSmsTemplate", {"TemplateCode": "SMS_7"}).json()["Code"] == "isv.SMS_TEMPLATE_ILLEGAL"
    assert raw.call("GetSmsSign", {"SignName": "测试"}).json()["Code"] == "isv.SMS_SIGNATURE_ILLEGAL"
    assert send(raw, NUMBER, TemplateCode="SMS_7")["Code"] == "OK"


def test_a_message_keeps_its_fate_across_a_restart(tmp_path, raw_client):
    journal = tmp_path / "journal.jsonl"
    with running(journal=journal, delivery_delay=0) as simulator:
        simulator.signatures({"阿里云": {"carriers": {"mobile": "not filed"}}})
        send(raw_client(simulator.url), NUMBER)
    with running(journal=journal, delivery_delay=0) as simulator:
        assert fate(raw_client(simulator.url), NUMBER) == (2, "PORT_NOT_REGISTERED")


def test_a_journal_of_an_earlier_release_is_read(tmp_path):
    journal = tmp_path / "journal.jsonl"
    shared = dict.fromkeys(("biz_id", "label", "template_code", "sender"))
    shared |= {"api": "china", "action": "SendBatchSms", "accepted_at": 1_800_000_000.0, "account": "first"}
    journal.write_text(json.dumps({"accepted": shared, "rows": [[NUMBER, "text", None]]}) + "\n")
    with running(journal=journal) as simulator:
        assert simulator.counts() == {NUMBER: 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("templates", {"SMS_1": {"kind": "otp"}}),
        ("templates", {"SMS_1": {"text": "x", "kind": "spam"}}),
        ("templates", {"SMS_1": {"text": "x", "status": "maybe"}}),
        ("templates", {"SMS_1": {"text": "x", "sttaus": "approved"}}),
        ("templates", {f"SMS_{place}": "x" for place in range(1001)}),
        ("signatures", {"": {}}),
        ("signatures", {"测试": "approved"}),
        ("signatures", {"测试": {"carriers": {"pigeon": "filed"}}}),
        ("signatures", {"测试": {"carriers": {"mobile": "perhaps"}}}),
        ("signatures", {f"测试{place}": {} for place in range(1001)}),
    ],
)
def test_a_mistyped_definition_is_refused(simulator, path, body):
    answer = requests.post(f"{simulator.url}/_simulator/{path}", json=body, timeout=5)
    assert answer.status_code == 422


def test_the_control_client_passes_definitions_on(simulator):
    client = SimulatorClient(simulator.url)
    client.templates({"SMS_7": TEXT, "SMS_8": {"text": OFFER, "kind": "promotion"}})
    client.signatures({"测试": {"carriers": {"telecom": "lapsed"}}})
    client.close()
    seen = requests.post(f"{simulator.url}/_simulator/templates", json={}, timeout=5).json()
    assert seen == {
        "SMS_7": {"text": TEXT, "kind": "notification", "status": "approved", "variables": {}},
        "SMS_8": {"text": OFFER, "kind": "promotion", "status": "approved", "variables": {}},
    }
    signatures = requests.post(f"{simulator.url}/_simulator/signatures", json={}, timeout=5).json()
    assert signatures["测试"] == {"status": "approved", "carriers": {"telecom": "lapsed"}}
