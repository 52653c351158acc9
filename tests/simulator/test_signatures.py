# SPDX-License-Identifier: Apache-2.0
"""The verifier against published vectors and against the official SDK's own signing code."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from alibabacloud_tea_openapi.utils import Utils
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.simulator.call import Call, read_call
from airflow_provider_aliyunsms.simulator.gateway.signatures import (
    check_v1,
    check_v3,
    v1_signature,
    v1_string_to_sign,
    v3_signature,
)

V1_A = {
    "AccessKeyId": "testid",
    "Action": "SendBatchSms",
    "Format": "json",
    "OutId": "camp-1:batch-1",
    "PhoneNumberJson": '["15900000000","13500000000"]',
    "SignNameJson": '["阿里云","阿里云"]',
    "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
    "SignatureVersion": "1.0",
    "TemplateCode": "SMS_152550005",
    "TemplateParamJson": '[{"name":"张三 A+B"},{"name":"li*~si/1"}]',
    "Timestamp": "2026-01-02T03:04:05Z",
    "Version": "2017-05-25",
}
V1_B = {**V1_A, "SecurityToken": "stsTok/+=="}
V1_C = {
    "AccessKeyId": "testid",
    "Action": "DescribeRegions",
    "Format": "XML",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
    "SignatureVersion": "1.0",
    "Timestamp": "2016-02-23T12:46:24Z",
    "Version": "2014-05-26",
}
V1_C_TEXT = (
    "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1%26"
    "SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0%26"
    "Timestamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
)
V1_VECTORS = [
    ("POST", V1_A, "odgwF0UtBLoBe/P9yNlqAtaJOhg="),
    ("POST", V1_B, "tS5zxA361TBZH8EIuPdQAE151gs="),
    ("GET", V1_C, "OLeaidS1JvxuMvnyHOwuJ+uX5qY="),
]
CHINA_BODY = (
    b"PhoneNumberJson=%5B%2215900000000%22%2C%2213500000000%22%5D&SignNameJson=%5B%22%E9%98%BF%E9%87%8C%E4%BA%91%22"
    b"%2C%22%E9%98%BF%E9%87%8C%E4%BA%91%22%5D&TemplateParamJson=%5B%7B%22name%22%3A%22%E5%BC%A0%E4%B8%89+A%2BB%22"
    b"%7D%2C%7B%22name%22%3A%22li%2A~si%2F1%22%7D%5D"
)
GLOBE = (
    "From=Alicloud321&Message=%5B%22Hi+A%22%2C%22Hi+B+%26+C%22%5D&TaskId=camp-1"
    "&To=%5B%228521245567%22%2C%226581000000%22%5D&Type=NOTIFY"
)
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CHINA_HEADERS = {
    "content-type": "application/x-www-form-urlencoded",
    "host": "dysmsapi.aliyuncs.com",
    "x-acs-action": "SendBatchSms",
    "x-acs-content-sha256": "e4f1fff665d54d2c250d5c4fe0742d0dc19b3f3e92cceb2df96229f8064b8a49",
    "x-acs-date": "2026-01-02T03:04:05Z",
    "x-acs-signature-nonce": "45e25e9b0a6f40708c852956eda1b466",
    "x-acs-version": "2017-05-25",
}
GLOBE_HEADERS = {
    **CHINA_HEADERS,
    "host": "dysmsapi.ap-southeast-1.aliyuncs.com",
    "x-acs-action": "BatchSendMessageToGlobe",
    "x-acs-version": "2018-05-01",
}
ECS_HEADERS = {
    "host": "ecs.cn-shanghai.aliyuncs.com",
    "x-acs-action": "RunInstances",
    "x-acs-content-sha256": EMPTY_HASH,
    "x-acs-date": "2023-10-26T10:22:32Z",
    "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
    "x-acs-version": "2014-05-26",
}
CHINA_QUERY = "OutId=camp-1%3Abatch-1&TemplateCode=SMS_152550005"


def without_form(headers):
    return {**{k: v for k, v in headers.items() if k != "content-type"}, "x-acs-content-sha256": EMPTY_HASH}


V3_VECTORS = {
    "A": (
        CHINA_QUERY,
        CHINA_HEADERS,
        CHINA_BODY,
        "09311fefb1a984adfefc2792c7c72eece878437e90b7be298e190ea3eeb3d124",
    ),
    # the plus signs of this query are spaces: the gateway signs what it decoded
    "B": (
        GLOBE,
        without_form(GLOBE_HEADERS),
        b"",
        "f315de83b3f270cbca344348c0ea6b1aecc4ac579f1e257f705668bb4d33cf22",
    ),
    "C": (
        CHINA_QUERY,
        {**CHINA_HEADERS, "x-acs-accesskey-id": "testid", "x-acs-security-token": "stsTok/+=="},
        CHINA_BODY,
        "5f5f164c22cc01c1709754f36df087acb036fe8635cfdbb9997165d8f2721bac",
    ),
    "D": (
        "",
        {
            **GLOBE_HEADERS,
            "x-acs-content-sha256": "16731422cd405cd45c25b3985d5b82b4cb564d6620a112519796726303b33f78",
        },
        GLOBE.encode(),
        "659bc9cfac6699d764fcd82f43a90df750f8b63d5d039ddcf88877748da12c4c",
    ),
}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
VALUES = st.dictionaries(NAMES.filter(lambda name: name != "Signature"), st.text(max_size=20), max_size=8)


@pytest.mark.parametrize(("method", "values", "signature"), V1_VECTORS, ids="ABC")
def test_v1_vectors(method, values, signature):
    assert v1_signature(method=method, pairs=list(values.items()), secret="testsecret") == signature


def test_the_published_string_to_sign():
    assert v1_string_to_sign(method="GET", pairs=list(V1_C.items())) == V1_C_TEXT


@pytest.mark.parametrize("split", range(0, len(V1_A) + 1, 3))
@pytest.mark.parametrize(("method", "values", "signature"), V1_VECTORS, ids="ABC")
def test_v1_is_verified_wherever_the_parameters_travel(method, values, signature, split):
    pairs = [*values.items(), ("Signature", signature)]
    call = read_call(
        method=method,
        query=urlencode(pairs[:split]),
        headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        body=urlencode(pairs[split:]).encode(),
    )
    assert check_v1(call, secret="testsecret") is None
    assert check_v1(call, secret="other").code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", sorted(V1_A))
def test_v1_notices_a_change_of_any_parameter(name):
    changed = {**V1_A, name: V1_A[name] + "x", "Signature": V1_VECTORS[0][2]}
    call = Call(method="POST", query=list(changed.items()), form=[], headers={}, body=b"")
    expected = "InvalidSignatureMethod" if name == "SignatureMethod" else "SignatureDoesNotMatch"
    assert check_v1(call, secret="testsecret").code == expected


@given(VALUES)
def test_v1_agrees_with_the_official_sdk(values):
    assert v1_signature(method="POST", pairs=list(values.items()), secret="s") == Utils.get_rpcsignature(
        values, "POST", "s"
    )


@pytest.mark.parametrize("name", V3_VECTORS)
def test_v3_vectors(name):
    query, headers, body, signature = V3_VECTORS[name]
    names = ";".join(sorted(headers))
    authorization = f"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={names},Signature={signature}"
    call = read_call(
        method="POST", query=query, headers={**headers, "authorization": authorization}, body=body
    )
    assert check_v3(call, secret="testsecret") is None
    assert check_v3(call, secret="other").code == "SignatureDoesNotMatch"


def test_the_published_v3_control_vector():
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    call = read_call(method="POST", query=query, headers=ECS_HEADERS, body=b"")
    signature = v3_signature(call, signed=sorted(ECS_HEADERS), secret="YourAccessKeySecret")
    assert signature == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
