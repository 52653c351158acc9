# SPDX-License-Identifier: Apache-2.0
"""The queries for templates and signatures: what is asked, what is understood, and what is not."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError, CampaignDoomedError, ThrottledError

TEXT = "亲爱的${name}，您好。"
TEMPLATE = {
    "Code": "OK",
    "Message": "OK",
    "RequestId": "R-1",
    "TemplateCode": "SMS_1",
    "TemplateContent": TEXT,
    "TemplateStatus": "1",
    "TemplateType": "2",
    "VariableAttribute": '{"name":"characterWithNumber2"}',
}
CARRIERS = [{"OperatorCode": "mobile", "RegisterStatus": 3}, {"OperatorCode": "unicom", "RegisterStatus": -2}]
SIGN = {
    "Code": "OK",
    "Message": "OK",
    "RequestId": "R-2",
    "SignName": "阿里云",
    "SignStatus": 1,
    "SignIspRegisterDetailList": CARRIERS,
}


@pytest.fixture
def client_of():
    opened = []

    def make(server, *, attempts=3):
        client = AliyunSmsClient(
            credentials=static_credentials(Credentials("testid", "testsecret")),
            china=server.endpoint,
            globe=server.endpoint,
            transport=Transport(connect_timeout=2.0, read_timeout=2.0),
            read_retries=ReadRetries(attempts=attempts, first_wait=0.001, longest_wait=0.002),
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def replying(answering, http):
    def start(fields, *more):
        return answering(*(http(json.dumps(one).encode()) for one in (fields, *more)))

    return start


def ask_template(client):
    return client.get_sms_template(template_code="SMS_1")


def ask_sign(client):
    return client.get_sms_sign(sign_name="阿里云")


def test_a_template_is_asked_for_by_its_code(replying, client_of):
    server = replying(TEMPLATE)
    found = ask_template(client_of(server))
    assert (found.content, found.status, found.kind, found.request_id) == (TEXT, 1, 2, "R-1")
    assert found.variables == {"name": "characterWithNumber2"}
    line, headers, body = server.requests[0]
    assert (line, headers["x-acs-action"], body) == (
        "POST / HTTP/1.1",
        "GetSmsTemplate",
        b"TemplateCode=SMS_1",
    )
    assert TEXT not in repr(found)


def test_a_signature_is_asked_for_by_its_name_in_the_body(replying, client_of):
    server = replying(SIGN)
    found = ask_sign(client_of(server))
    assert (found.status, found.carriers, found.request_id) == (1, {"mobile": 3, "unicom": -2}, "R-2")
    line, headers, body = server.requests[0]
    assert (line, headers["x-acs-action"]) == ("POST / HTTP/1.1", "GetSmsSign")
    assert body == b"SignName=%E9%98%BF%E9%87%8C%E4%BA%91"


@pytest.mark.parametrize(
    "said", [None, "", "words", "[]", [], 7, {"name": ["x"]}, '{"name":"a","name":"b"}', {"name": ""}]
)
def test_what_variables_may_hold_is_nothing_to_fail_for(replying, client_of, said):
    assert ask_template(client_of(replying(TEMPLATE | {"VariableAttribute": said}))).variables == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"TemplateContent": None},
        {"TemplateContent": "  "},
        {"TemplateContent": ["x"]},
        {"TemplateStatus": None},
        {"TemplateStatus": "approved"},
        {"TemplateStatus": True},
        {"TemplateType": None},
        {"TemplateType": "1.5"},
        {"TemplateCode": None},
        {"TemplateCode": "SMS_2"},
    ],
)
def test_a_template_that_cannot_be_read_is_an_error(replying, client_of, changes):
    server = replying(TEMPLATE | changes)
    with pytest.raises(AmbiguousOutcomeError) as caught:
        ask_template(client_of(server))
    assert (caught.value.code, caught.value.request_id) == ("UnreadableAnswer", "R-1")
    assert TEXT not in str(caught.value)
    # It may have been cut short on its way, so it is asked for again.
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"SignStatus": None},
        {"SignStatus": "approved"},
        {"SignName": None},
        {"SignName": "别的"},
        {"SignIspRegisterDetailList": "words"},
        {"SignIspRegisterDetailList": 7},
        {"SignIspRegisterDetailList": [7]},
        {"SignIspRegisterDetailList": [{"OperatorCode": "mobile"}]},
        {"SignIspRegisterDetailList": [{"RegisterStatus": 3}]},
        {"SignIspRegisterDetailList": [{"OperatorCode": "mobile", "RegisterStatus": "yes"}]},
        {"SignIspRegisterDetailList": [*CARRIERS, {"OperatorCode": "Mobile", "RegisterStatus": -2}]},
    ],
)
def test_a_signature_that_cannot_be_read_is_an_error(replying, client_of, changes):
    with pytest.raises(AmbiguousOutcomeError) as caught:
        ask_sign(client_of(replying(SIGN | changes)))
    assert caught.value.code == "UnreadableAnswer"
    assert "阿里云" not in str(caught.value)


@pytest.mark.parametrize("said", [None, [], ""])
def test_a_signature_without_carriers_is_read(replying, client_of, said):
    assert ask_sign(client_of(replying(SIGN | {"SignIspRegisterDetailList": said}))).carriers == {}


def test_carriers_may_come_as_json_in_a_text_and_states_as_texts(replying, client_of):
    said = json.dumps({"SignIspRegisterDetailList": [{"OperatorCode": "TELECOM", "RegisterStatus": "-1"}]})
    server = replying(SIGN | {"SignIspRegisterDetailList": said, "SignStatus": "10"})
    found = ask_sign(client_of(server))
    assert (found.status, found.carriers) == (10, {"telecom": -1})


@pytest.mark.parametrize(
    ("ask", "code"),
    [(ask_template, "isv.SMS_TEMPLATE_ILLEGAL"), (ask_sign, "isv.SMS_SIGNATURE_ILLEGAL")],
)
def test_what_the_account_does_not_have_is_asked_for_once(replying, client_of, ask, code):
    server = replying({"Code": code, "Message": "x", "RequestId": "R-3"})
    with pytest.raises(CampaignDoomedError) as caught:
        ask(client_of(server))
    assert (caught.value.code, len(server.requests)) == (code, 1)


@pytest.mark.parametrize(("ask", "answer"), [(ask_template, TEMPLATE), (ask_sign, SIGN)])
def test_every_attempt_keeps_the_pace_of_queries(answering, http, client_of, ask, answer):
    busy = http(b'{"Code":"Throttling.User","Message":"x","RequestId":"R-4"}', status="400 Bad")
    server = answering(busy, busy, http(json.dumps(answer).encode()))
    client = client_of(server)
    begun = []

    @contextmanager
    def room():
        begun.append(len(server.requests))
        yield

    client.pace_reads(room)
    assert ask(client).status == 1
    assert begun == [0, 1, 2]


@pytest.mark.parametrize("ask", [ask_template, ask_sign])
def test_the_last_error_is_raised(answering, http, client_of, ask):
    server = answering(http(b'{"Code":"Throttling.User","Message":"x","RequestId":"R"}', status="400 Bad"))
    with pytest.raises(ThrottledError):
        ask(client_of(server))
    assert len(server.requests) == 3
