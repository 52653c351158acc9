# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle

import pytest

from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import china_endpoint, globe_endpoint, parse_endpoint
from airflow_provider_aliyunsms.exceptions import ConfigurationError, CredentialsError


@pytest.mark.parametrize(
    ("region", "china", "globe"),
    [
        (None, "dysmsapi.aliyuncs.com", "dysmsapi.ap-southeast-1.aliyuncs.com"),
        ("", "dysmsapi.aliyuncs.com", "dysmsapi.ap-southeast-1.aliyuncs.com"),
        ("cn-hangzhou", "dysmsapi.aliyuncs.com", "dysmsapi.aliyuncs.com"),
        ("cn-hongkong", "dysmsapi.aliyuncs.com", "dysmsapi.aliyuncs.com"),
        ("AP-southeast-5", "dysmsapi.ap-southeast-5.aliyuncs.com", "dysmsapi.ap-southeast-5.aliyuncs.com"),
        ("eu-central-1", "dysmsapi.eu-central-1.aliyuncs.com", "dysmsapi.eu-central-1.aliyuncs.com"),
        ("xx-new-9", "dysmsapi.aliyuncs.com", "dysmsapi.ap-southeast-1.aliyuncs.com"),
    ],
)
def test_regions(region, china, globe):
    assert china_endpoint(region_id=region, override=None).url == f"https://{china}/"
    assert globe_endpoint(region_id=region, override="  ").url == f"https://{globe}/"


@pytest.mark.parametrize("region", ["cn hangzhou", "cn-hangzhou/../x", "evil.example", "-"])
def test_malformed_regions(region):
    with pytest.raises(ConfigurationError):
        china_endpoint(region_id=region, override=None)


@pytest.mark.parametrize(
    ("override", "url"),
    [
        ("dysmsapi.aliyuncs.com", "https://dysmsapi.aliyuncs.com/"),
        (" https://DYSMSAPI.aliyuncs.com/ ", "https://dysmsapi.aliyuncs.com/"),
        ("https://gateway.example:8443", "https://gateway.example:8443/"),
        ("https://gateway.example:443", "https://gateway.example/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://127.8.9.10", "http://127.8.9.10/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://localhost:9", "http://localhost:9/"),
        ("localhost:9", "https://localhost:9/"),
        ("https://192.0.2.7", "https://192.0.2.7/"),
    ],
)
def test_overrides(override, url):
    assert parse_endpoint(override).url == url
    assert china_endpoint(region_id="eu-central-1", override=override).url == url


@pytest.mark.parametrize(
    "override",
    [
        "http://dysmsapi.aliyuncs.com",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://",
        "https://host/path",
        "https://host?query",
        "https://host#part",
        "https://user:hidden@host",
        "http://127.0.0.1@example",
        "https://ho st",
        "https://host:port",
        "https://host:99999",
        "https://[::1",
        "https://-host",
        "https://under_score",
        "https://主机",
        "https://host\r\nx: y",
        "https://ho\nst",
        "http://[fe80::1%25eth0]",
        "",
    ],
)
def test_refused_overrides(override):
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoint(override)
    assert "hidden" not in str(caught.value)
    assert caught.value.advice


def test_credentials_never_show():
    credentials = Credentials("LTAItestidtestid", "testsecret", "testtoken")
    shown = f"{credentials} {credentials!r} {[credentials]}"
    assert "LTAI****" in shown
    assert not [word for word in ("testid", "testsecret", "testtoken") if word in shown]
    assert "testid" not in repr(Credentials("testid", "testsecret"))


def test_credentials_travel_between_processes():
    credentials = Credentials("testid", "testsecret", "testtoken")
    assert pickle.loads(pickle.dumps(credentials)) == credentials
    assert static_credentials(credentials)() is credentials


@pytest.mark.parametrize(
    "parts",
    [
        ("", "testsecret"),
        ("testid", ""),
        ("testid", "testsecret", ""),
        ("testid ", "x"),
        ("testid", "hidden\n"),
    ],
)
def test_careless_copies_of_credentials(parts):
    with pytest.raises(CredentialsError) as caught:
        Credentials(*parts)
    assert "hidden" not in str(caught.value)
