# SPDX-License-Identifier: Apache-2.0
"""One simulator for all tests of this folder, made new before each, and three ways to talk to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest
import requests
from alibabacloud_dysmsapi20170525.client import Client as ChinaClient
from alibabacloud_dysmsapi20180501.client import Client as GlobeClient
from alibabacloud_tea_openapi.models import Config

from airflow_provider_aliyunsms.simulator.server import running

FORM = "application/x-www-form-urlencoded"
VERSIONS = {
    "BatchSendMessageToGlobe": "2018-05-01",
    "SendMessageToGlobe": "2018-05-01",
    "QueryMessage": "2018-05-01",
}


@dataclass(frozen=True)
class Signed:
    """A signed request that can be sent as often as one likes."""

    method: str
    url: str
    headers: dict
    body: bytes

    def send(self, timeout=10):
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                self.method, self.url, headers=self.headers, data=self.body, timeout=timeout
            )

    def with_header(self, name, value):
        return replace(self, headers={**self.headers, name: value})


@dataclass(frozen=True)
class RawClient:
    """A hand-made V3 client that lets a test break every single part."""

    url: str
    key_id: str = "testid"
    secret: str = "testsecret"
    token: str | None = None

    def sign(self, action, form=None, *, query=None, version=None, date=None, nonce=None, method="POST"):
        body = urlencode(form or {}).encode()
        query = urlencode(sorted((query or {}).items()), quote_via=quote)
        headers = {
            "host": self.url.partition("://")[2],
            "x-acs-action": action,
            "x-acs-version": version or VERSIONS.get(action, "2017-05-25"),
            "x-acs-date": date or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": nonce or uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        if body:
            headers["content-type"] = FORM
        if self.token:
            headers["x-acs-security-token"] = self.token
        names = sorted(headers)
        canonical = "".join(f"{name}:{headers[name]}\n" for name in names)
        request = "\n".join([method, "/", query, canonical, ";".join(names), headers["x-acs-content-sha256"]])
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key_id},SignedHeaders={';'.join(names)},Signature={signature}"
        )
        return Signed(method, f"{self.url}/?{query}", headers, body)

    def call(self, action, form=None, **settings):
        return self.sign(action, form, **settings).send()

    def batch(self, *numbers, **changes):
        """The form of a good SendBatchSms; a change to None leaves the parameter out."""
        form = {
            "PhoneNumberJson": json.dumps(numbers),
            "SignNameJson": json.dumps(["阿里云"] * len(numbers)),
            "TemplateCode": "SMS_152550005",
            "TemplateParamJson": json.dumps([{"name": f"member {index}"} for index in range(len(numbers))]),
        }
        return {name: value for name, value in {**form, **changes}.items() if value is not None}

    def globe(self, *numbers, **changes):
        """The form of a good BatchSendMessageToGlobe."""
        form = {
            "To": json.dumps(numbers),
            "Message": json.dumps([f"Hello {index}" for index in range(len(numbers))]),
        }
        return {name: value for name, value in {**form, **changes}.items() if value is not None}

    def details(self, number, **changes):
        """The answer of a QuerySendDetails for today."""
        return self.call("QuerySendDetails", details_form(number, **changes)).json()


def details_form(number, **changes):
    day = changes.pop("SendDate", None) or beijing_day()
    return {"PhoneNumber": number, "SendDate": day, "PageSize": "50", "CurrentPage": "1", **changes}


def beijing_day():
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + 8 * 3600, UTC).strftime("%Y%m%d")


@pytest.fixture(scope="session")
def shared_simulator():
    with running(delivery_delay=0) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator):
    shared_simulator.reset()
    return shared_simulator


@pytest.fixture
def raw(simulator):
    return RawClient(simulator.url)


@pytest.fixture
def raw_client():
    """The class itself, for simulators a test starts on its own."""
    return RawClient


def sdk_config(simulator, **changes):
    settings = {"access_key_id": "testid", "access_key_secret": "testsecret"}
    settings |= {"endpoint": simulator.endpoint, "protocol": "http", "read_timeout": 5000, **changes}
    return Config(**settings)


@pytest.fixture
def china(simulator):
    return ChinaClient(sdk_config(simulator))


@pytest.fixture
def globe(simulator):
    return GlobeClient(sdk_config(simulator))


@pytest.fixture
def config_for():
    return sdk_config


@pytest.fixture
def today():
    return beijing_day()
