# SPDX-License-Identifier: Apache-2.0
"""The gateway's door: identity, freshness, replay, shape of its refusals."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
import requests

from airflow_provider_aliyunsms.simulator.memory.nonces import FRESHNESS_S, Nonces
from airflow_provider_aliyunsms.simulator.server import running


def stamp(**ago):
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def v1_pairs(form, **changes):
    """The signed parameters of an old-style call; a change is made before signing."""
    values = {
        "AccessKeyId": "testid",
        "Action": "SendBatchSms",
        "Version": "2017-05-25",
        "Format": "JSON",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": stamp(),
        **form,
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def v1_signed(values, method):
    canonical = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(values.items()))
    text = f"{method}&%2F&{quote(canonical, safe='~')}"
    digest = hmac.new(b"testsecret&", text.encode(), hashlib.sha1).digest()
    return {**values, "Signature": base64.b64encode(digest).decode()}


def test_the_same_request_twice_is_accepted_once(raw, simulator):
    signed = raw.sign("SendBatchSms", raw.batch("13800001234"))
    assert signed.send().json()["Code"] == "OK"
    again = signed.send()
    assert (again.status_code, again.json()["Code"]) == (400, "SignatureNonceUsed")
    assert simulator.counts() == {"13800001234": 1}


def test_a_refused_request_uses_its_nonce_up_as_well(raw):
    signed = raw.sign("SendBatchSms", raw.batch("13800000501"))
    assert signed.send().json()["Code"] == "isv.MOBILE_NUMBER_ILLEGAL"
    assert signed.send().json()["Code"] == "SignatureNonceUsed"


def test_a_request_with_a_wrong_signature_leaves_its_nonce_free(raw, raw_client):
    nonce = uuid.uuid4().hex
    forged = raw_client(raw.url, secret="other")
    assert forged.call("QuerySmsSignList", nonce=nonce).json()["Code"] == "SignatureDoesNotMatch"
    assert raw.call("QuerySmsSignList", nonce=nonce).json()["Code"] == "OK"


def test_nonces_are_forgotten_after_fifteen_minutes():
    nonces = Nonces()
    nonces.add(key_id="a", nonce="n", at=1000.0)
    assert nonces.knows(key_id="a", nonce="n", now=1000.0 + FRESHNESS_S - 1)
    assert not nonces.knows(key_id="b", nonce="n", now=1000.0)
    assert not nonces.knows(key_id="a", nonce="n", now=1000.0 + FRESHNESS_S)


@pytest.mark.parametrize(
    ("minutes", "code"),
    [(14, "OK"), (-14, "OK"), (16, "InvalidTimeStamp.Expired"), (-16, "InvalidTimeStamp.Expired")],
    ids=["old", "early", "too old", "too early"],
)
def test_the_timestamp_must_be_within_fifteen_minutes(raw, minutes, code):
    assert raw.call("QuerySmsSignList", date=stamp(minutes=minutes)).json()["Code"] == code


def test_a_timestamp_must_have_its_shape(raw):
    answer = raw.call("QuerySmsSignList", date="2026-01-02 03:04:05")
    assert answer.json()["Code"] == "InvalidTimeStamp.Format"


def test_an_unknown_key_is_not_found(raw, raw_client):
    answer = raw_client(raw.url, key_id="nobody").call("QuerySmsSignList")
    assert (answer.status_code, answer.json()["Code"]) == (404, "InvalidAccessKeyId.NotFound")


def test_a_changed_body_does_not_match(raw):
    signed = raw.sign("SendBatchSms", raw.batch("13800001234"))
    changed = type(signed)(signed.method, signed.url, signed.headers, signed.body.replace(b"1234", b"5678"))
    assert changed.send().json()["Code"] == "SignatureDoesNotMatch"


def test_a_changed_header_does_not_match(raw):
    signed = raw.sign("QuerySmsSignList").with_header("x-acs-signature-nonce", "another")
    assert signed.send().json()["Code"] == "SignatureDoesNotMatch"


def test_a_header_of_the_gateway_must_be_signed(raw):
    signed = raw.sign("QuerySmsSignList").with_header("x-acs-extra", "unsigned")
    assert signed.send().json()["Code"] == "IncompleteSignature"


@pytest.mark.parametrize("value", ["Bearer x", "ACS3-HMAC-SHA256 Credential=testid"])
def test_an_unreadable_authorization_is_incomplete(raw, value):
    answer = raw.sign("QuerySmsSignList").with_header("authorization", value).send()
    assert (answer.status_code, answer.json()["Code"]) == (400, "IncompleteSignature")


def test_an_unsigned_request_is_told_what_is_missing(simulator):
    answer = requests.get(f"{simulator.url}/?Action=SendSms&Version=2017-05-25", timeout=5)
    assert (answer.status_code, answer.json()["Code"]) == (400, "MissingAccessKeyId")


@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        ({"version": "2018-05-01"}, 404, "InvalidAction.NotFound"),
        ({"version": "2019-01-01"}, 400, "InvalidVersion"),
    ],
)
def test_the_wrong_version_is_refused(raw, settings, status, code):
    answer = raw.call("SendBatchSms", raw.batch("13800001234"), **settings)
    assert (answer.status_code, answer.json()["Code"]) == (status, code)


def test_an_unknown_action_is_refused_in_the_gateways_envelope(raw):
    answer = raw.call("SendPigeon")
    assert answer.status_code == 404
    assert answer.json().keys() == {"Code", "Message", "RequestId", "HostId", "Recommend"}
    assert answer.json()["HostId"] in raw.url


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("token/+==", "OK"),
        ("another", "InvalidSecurityToken.Malformed"),
        (None, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
def test_an_sts_account_needs_its_token(raw_client, token, code):
    with running(security_token="token/+==") as simulator:
        assert raw_client(simulator.url, token=token).call("QuerySmsSignList").json()["Code"] == code


def test_a_token_nobody_asked_for_is_refused(raw, raw_client):
    answer = raw_client(raw.url, token="token").call("QuerySmsSignList")
    assert answer.json()["Code"] == "InvalidSecurityToken.MismatchWithAccessKey"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_old_style_calls_work_with_everything_in_the_query(raw, simulator, method):
    values = v1_signed(v1_pairs(raw.batch("13800001234")), method)
    answer = requests.request(method, f"{simulator.url}/", params=values, timeout=5)
    assert answer.json()["Code"] == "OK"
    assert simulator.counts() == {"13800001234": 1}


def test_old_style_parameters_may_be_split_between_query_and_form(raw, simulator):
    values = v1_signed(v1_pairs(raw.batch("13800001234")), "POST")
    query = {name: values.pop(name) for name in ("TemplateCode", "Signature", "Timestamp")}
    answer = requests.post(f"{simulator.url}/", params=query, data=values, timeout=5)
    assert answer.json()["Code"] == "OK"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SignatureMethod": "HMAC-SHA256"}, "InvalidSignatureMethod"),
        ({"SignatureNonce": None}, "MissingSignatureNonce"),
        ({"Timestamp": None}, "MissingTimestamp"),
        ({"Timestamp": stamp(hours=1)}, "InvalidTimeStamp.Expired"),
        ({"AccessKeyId": "nobody"}, "InvalidAccessKeyId.NotFound"),
    ],
)
def test_old_style_calls_are_refused_for_the_same_reasons(raw, simulator, changes, code):
    values = v1_signed(v1_pairs(raw.batch("13800001234"), **changes), "POST")
    assert requests.post(f"{simulator.url}/", data=values, timeout=5).json()["Code"] == code


def test_an_old_style_replay_is_refused(raw, simulator):
    body = urlencode(v1_signed(v1_pairs(raw.batch("13800001234")), "POST"))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    codes = [
        requests.post(f"{simulator.url}/", data=body, headers=headers, timeout=5).json()["Code"]
        for _ in range(2)
    ]
    assert codes == ["OK", "SignatureNonceUsed"]


def test_xml_is_answered_when_asked_for(raw, today):
    raw.call("SendBatchSms", raw.batch("13800001234", OutId="a<b>&c"))
    query = {
        "PhoneNumber": "13800001234",
        "SendDate": today,
        "PageSize": "5",
        "CurrentPage": "1",
        "Format": "XML",
    }
    answer = raw.call("QuerySendDetails", query=query)
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.content)
    assert (root.tag, root.findtext("Code")) == ("QuerySendDetailsResponse", "OK")
    assert root.findtext("SmsSendDetailDTOs/SmsSendDetailDTO/OutId") == "a<b>&c"


def test_xml_errors_have_the_gateways_root(raw):
    root = ET.fromstring(raw.call("SendPigeon", query={"Format": "xml"}).content)
    assert (root.tag, root.findtext("Code")) == ("Error", "InvalidAction.NotFound")
