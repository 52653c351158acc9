# SPDX-License-Identifier: Apache-2.0
"""The simulator behind a certificate, for clients that speak https alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests
from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from certificates import self_signed

import airflow_provider_aliyunsms
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.simulator.server import Certificate, running

ROOT = Path(airflow_provider_aliyunsms.__file__).parents[1]
NUMBER = "13800001234"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secured(certificate):
    with running(certificate=certificate, delivery_delay=0) as simulator:
        yield simulator


def test_an_sdk_that_speaks_https_sends(secured, certificate, config_for):
    config = config_for(secured, protocol="https", ca=str(certificate.chain))
    request = models.SendSmsRequest(
        phone_numbers=NUMBER, sign_name="阿里云", template_code="SMS_1", template_param="{}"
    )
    assert Client(config).send_sms(request).body.code == "OK"
    assert secured.counts() == {NUMBER: 1}


def test_its_url_says_so(secured):
    assert secured.url.startswith("https://127.0.0.1:")


def test_the_same_page_may_use_it_and_another_may_not(secured, certificate):
    def status(origin):
        headers = {"Origin": origin}
        url = f"{secured.url}/_simulator/reset"
        return requests.post(
            url, json={}, headers=headers, verify=str(certificate.chain), timeout=5
        ).status_code

    assert status(secured.url) == 200
    assert status(secured.url.replace("https", "http")) == 403


def test_a_dropped_answer_is_a_dropped_answer(secured, certificate, raw_client):
    secured.misbehave("drop_after")
    raw = raw_client(secured.url)
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    with pytest.raises(requests.ConnectionError):
        requests.post(
            signed.url, headers=signed.headers, data=signed.body, verify=str(certificate.chain), timeout=5
        )
    assert secured.counts() == {NUMBER: 1}


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_is_no_certificate_is_a_plain_error(tmp_path, content):
    path = tmp_path / "chain.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="certificate"), running(certificate=Certificate(chain=path)):
        pass


def test_the_command_takes_the_files(certificate):
    command = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0"]
    options = ["--tls-certificate", str(certificate.chain), "--tls-key", str(certificate.key)]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        health = requests.get(f"{url}/_simulator/health", verify=str(certificate.chain), timeout=5)
        assert health.json() == {"status": "ok"}
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_a_key_without_a_certificate_is_refused(certificate):
    command = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--tls-key", "key.pem"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "--tls-certificate" in done.stderr) == (2, True)
