# SPDX-License-Identifier: Apache-2.0
"""What the channel for China says of templates and signatures, asked of a simulator."""

from __future__ import annotations

from contextlib import closing

import pytest

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import Endpoint
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.campaign.channels import ChinaChannel
from airflow_provider_aliyunsms.campaign.ports import Signature, Template
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    ConnectionNotMadeError,
)
from airflow_provider_aliyunsms.simulator.server import running

TEXT = "亲爱的${name}，您好。"


@pytest.fixture(scope="module")
def shared_simulator():
    with running(delivery_delay=0) as one:
        yield one


@pytest.fixture
def simulator(shared_simulator):
    shared_simulator.reset()
    return shared_simulator


def channel_to(endpoint):
    client = AliyunSmsClient(
        credentials=static_credentials(Credentials("testid", "testsecret")),
        china=endpoint,
        globe=endpoint,
        transport=Transport(connect_timeout=2.0, read_timeout=2.0),
        read_retries=ReadRetries(attempts=1),
    )
    return client, ChinaChannel(client=client)


@pytest.fixture
def channel(simulator):
    client, made = channel_to(Endpoint(scheme="http", host=simulator.endpoint))
    with closing(client):
        yield made


@pytest.mark.parametrize("kind", ["otp", "notification", "promotion", "international"])
@pytest.mark.parametrize("status", ["approved", "in review", "rejected", "cancelled"])
def test_a_template_is_told_in_our_words(channel, simulator, kind, status):
    variables = {"name": "characterWithNumber2"}
    simulator.templates({"SMS_7": {"text": TEXT, "kind": kind, "status": status, "variables": variables}})
    found = channel.template(code="SMS_7")
    assert found == Template(code="SMS_7", text=TEXT, kind=kind, status=status, variables=variables)
    assert TEXT not in repr(found)


@pytest.mark.parametrize("status", ["approved", "in review", "rejected", "cancelled"])
@pytest.mark.parametrize(
    "filing", ["filed", "filed but unverified", "filing", "failed", "lapsed", "not filed"]
)
def test_a_signature_is_told_in_our_words(channel, simulator, status, filing):
    simulator.signatures({"测试": {"status": status, "carriers": {"telecom": filing}}})
    carriers = {"mobile": "filed", "unicom": "filed", "telecom": filing}
    found = channel.signature(name="测试")
    assert found == Signature(name="测试", status=status, carriers=carriers)
    assert "测试" not in repr(found)


def test_what_the_account_does_not_have_is_none(channel):
    assert channel.template(code="SMS_404") is None
    assert channel.signature(name="未报备") is None


@pytest.mark.parametrize("code", ["isv.SMS_SIGN_NAME_ILLEGAL", "SignatureNotFound", "SIGNATURENOTFOUND"])
def test_every_spelling_of_no_such_signature_is_none(channel, simulator, code):
    simulator.misbehave("refuse", action="GetSmsSign", code=code)
    assert channel.signature(name="测试") is None


@pytest.mark.parametrize("code", ["TemplateNotFound", "isv.sms_template_illegal"])
def test_every_spelling_of_no_such_template_is_none(channel, simulator, code):
    simulator.misbehave("refuse", action="GetSmsTemplate", code=code)
    assert channel.template(code="SMS_7") is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"fault": "refuse", "code": "isp.RAM_PERMISSION_DENY"}, CampaignDoomedError),
        ({"fault": "refuse", "code": "Forbidden.RAM", "status": 403}, CampaignDoomedError),
        ({"fault": "refuse", "code": "isv.OUT_OF_SERVICE"}, CampaignDoomedError),
        ({"fault": "refuse", "code": "isv.NEVER_HEARD_OF"}, ApiError),
        ({"fault": "refuse", "code": "DATA_NOT_EXIST"}, ApiError),
        ({"fault": "garbage"}, AmbiguousOutcomeError),
        ({"fault": "empty_after"}, AmbiguousOutcomeError),
        ({"fault": "truncate_after"}, AmbiguousOutcomeError),
        ({"fault": "drop_before"}, AmbiguousOutcomeError),
        ({"fault": "error_503"}, AmbiguousOutcomeError),
        ({"fault": "system_error"}, AmbiguousOutcomeError),
    ],
)
def test_no_other_answer_is_none(channel, simulator, fault, kind):
    simulator.templates({"SMS_7": TEXT})
    simulator.misbehave(**fault, times=None)
    with pytest.raises(kind):
        channel.template(code="SMS_7")
    with pytest.raises(kind):
        channel.signature(name="阿里云")


def test_a_template_of_a_signatures_code_is_no_missing_template(channel, simulator):
    simulator.misbehave("refuse", action="GetSmsTemplate", code="isv.SMS_SIGNATURE_ILLEGAL")
    with pytest.raises(CampaignDoomedError):
        channel.template(code="SMS_7")


def test_a_gateway_that_is_not_there_is_an_error():
    client, channel = channel_to(Endpoint(scheme="http", host="127.0.0.1:9"))
    with closing(client):
        with pytest.raises(ConnectionNotMadeError):
            channel.template(code="SMS_7")
        with pytest.raises(ConnectionNotMadeError):
            channel.signature(name="阿里云")
