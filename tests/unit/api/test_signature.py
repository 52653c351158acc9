# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import re
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from alibabacloud_tea_openapi.utils import Utils
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.api.endpoints import Endpoint
from airflow_provider_aliyunsms.api.signature import Envelope, canonical_request, encode_form, sign_acs3
from airflow_provider_aliyunsms.exceptions import ConfigurationError

ENVELOPE = Envelope(date="2026-01-02T03:04:05Z", nonce="45e25e9b0a6f40708c852956eda1b466")
CHINA_FORM = {
    "PhoneNumberJson": '["15900000000","13500000000"]',
    "SignNameJson": '["阿里云","阿里云"]',
    "TemplateParamJson": '[{"name":"张三 A+B"},{"name":"li*~si/1"}]',
}
GLOBE_PARAMETERS = {
    "To": '["8521245567","6581000000"]',
    "Message": '["Hi A","Hi B & C"]',
    "Type": "NOTIFY",
    "From": "Alicloud321",
    "TaskId": "camp-1",
}
CHINA = {
    "endpoint": Endpoint(scheme="https", host="dysmsapi.aliyuncs.com"),
    "action": "SendBatchSms",
    "version": "2017-05-25",
    "query": {"OutId": "camp-1:batch-1", "TemplateCode": "SMS_152550005"},
    "form": CHINA_FORM,
    "credentials": Credentials("testid", "testsecret"),
    "envelope": ENVELOPE,
}
GLOBE = {
    **CHINA,
    "endpoint": Endpoint(scheme="https", host="dysmsapi.ap-southeast-1.aliyuncs.com"),
    "action": "BatchSendMessageToGlobe",
    "version": "2018-05-01",
    "query": GLOBE_PARAMETERS,
    "form": {},
}
VECTORS = {
    "A": (
        CHINA,
        "5437a3dce79b6c41b7c9b8dae8436daf289a4c64cde5cea94cbe133b858002b2",
        "09311fefb1a984adfefc2792c7c72eece878437e90b7be298e190ea3eeb3d124",
    ),
    "B query only": (
        GLOBE,
        "1e99ba3a32e87a1606de77f1c55b647d3c97d3545606d5e9596f15dbcefa8d68",
        "f315de83b3f270cbca344348c0ea6b1aecc4ac579f1e257f705668bb4d33cf22",
    ),
    "C with a token": (
        {**CHINA, "credentials": Credentials("testid", "testsecret", "stsTok/+==")},
        "791ebd1f9452a99c54dd00e2dd5b6fa7918e8c149b0ce0d37df050d704f3af54",
        "5f5f164c22cc01c1709754f36df087acb036fe8635cfdbb9997165d8f2721bac",
    ),
    "D form only": (
        {**GLOBE, "query": {}, "form": GLOBE_PARAMETERS},
        "32022d31c3fb4c24ebb8a4ed024c5e62c62c5de5a91d1c33826cff3be6b6783c",
        "659bc9cfac6699d764fcd82f43a90df750f8b63d5d039ddcf88877748da12c4c",
    ),
    "E published control": (
        {
            "endpoint": Endpoint(scheme="https", host="ecs.cn-shanghai.aliyuncs.com"),
            "action": "RunInstances",
            "version": "2014-05-26",
            "query": {
                "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
                "RegionId": "cn-shanghai",
            },
            "form": {},
            "credentials": Credentials("YourAccessKeyId", "YourAccessKeySecret"),
            "envelope": Envelope(date="2023-10-26T10:22:32Z", nonce="3156853299f313e23d1673dc12e1703d"),
        },
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259",
        "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
    ),
}


def signed_parts(request):
    match = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
        request.headers["authorization"],
    )
    assert match
    return match.groups()


@pytest.mark.parametrize(("inputs", "request_hash", "signature"), VECTORS.values(), ids=VECTORS)
def test_published_vectors(inputs, request_hash, signature):
    request = sign_acs3(**inputs)
    key_id, names, found = signed_parts(request)
    canonical = canonical_request(
        query=urlsplit(request.url).query,
        headers={name: request.headers[name] for name in names.split(";")},
        body_sha256=hashlib.sha256(request.body).hexdigest(),
    )
    assert (key_id, found) == (inputs["credentials"].access_key_id, signature)
    assert hashlib.sha256(canonical.encode()).hexdigest() == request_hash


def test_body_of_the_vectors():
    assert sign_acs3(**VECTORS["D form only"][0]).body == (
        b"From=Alicloud321&Message=%5B%22Hi+A%22%2C%22Hi+B+%26+C%22%5D&TaskId=camp-1"
        b"&To=%5B%228521245567%22%2C%226581000000%22%5D&Type=NOTIFY"
    )


NAMES = st.text(alphabet="abcXYZ0189_.", min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["", "阿里云", "👩‍👩‍👧 + * ~ / & =", "a\r\nb", "%20%zz", " x ", "𠮷"]
)


@given(query=st.dictionaries(NAMES, VALUES, max_size=4), form=st.dictionaries(NAMES, VALUES, max_size=4))
@example(query={"a.b": "x", "a": "y", "aB": "z"}, form={"b": "~*+ /&=", "": ""})
def test_agrees_with_the_official_signer(query, form):
    request = sign_acs3(**{**CHINA, "query": query, "form": form})
    _, names, _ = signed_parts(request)
    official = SimpleNamespace(
        method="POST", pathname="/", query=query, headers={n: request.headers[n] for n in names.split(";")}
    )
    payload = hashlib.sha256(request.body).hexdigest()
    assert request.headers["authorization"] == Utils.get_authorization(
        official, "ACS3-HMAC-SHA256", payload, "testid", "testsecret"
    )
    assert request.headers["x-acs-content-sha256"] == payload


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_forms_are_read_back_unchanged(form):
    body = encode_form(form).decode("ascii")
    assert dict(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(form))) == form
    assert body == "&".join(f"{quote_plus(name)}={quote_plus(form[name])}" for name in sorted(form))


def test_the_same_envelope_gives_the_same_bytes():
    first, second = sign_acs3(**CHINA), sign_acs3(**CHINA)
    assert (first.url, dict(first.headers), first.body) == (second.url, dict(second.headers), second.body)


def test_order_of_parameters_does_not_matter():
    turned = dict(reversed(CHINA_FORM.items()))
    assert sign_acs3(**{**CHINA, "form": turned}).body == sign_acs3(**CHINA).body


def test_new_envelopes_are_unique_and_well_formed():
    envelopes = [Envelope.new() for _ in range(100)]
    assert len({one.nonce for one in envelopes}) == 100
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one.date) for one in envelopes)


def test_every_header_of_the_protocol_is_signed():
    request = sign_acs3(**VECTORS["C with a token"][0])
    _, names, _ = signed_parts(request)
    protocol = {n for n in request.headers if n.startswith("x-acs-")} | {"host", "content-type"}
    assert set(names.split(";")) == protocol


def test_repr_shows_nothing():
    assert repr(sign_acs3(**CHINA)) == "SignedRequest()"


def test_half_a_surrogate_is_refused_without_showing_the_text():
    with pytest.raises(ConfigurationError) as caught:
        sign_acs3(**{**CHINA, "form": {"PhoneNumberJson": "13800001234\ud83d"}})
    assert "13800001234" not in repr(caught.value) + str(caught.value) + repr(caught.value.__context__)
