# SPDX-License-Identifier: Apache-2.0
"""The hook, its connection and its test, which is what the *Test* button runs."""

from __future__ import annotations

import pytest

ASK = """
import json
from airflow.providers.common.compat.sdk import BaseHook
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

connection = BaseHook.get_connection("aliyun_sms_default")
print(json.dumps({
    "connection": [connection.conn_type, connection.login],
    "hook": type(BaseHook.get_hook("aliyun_sms_default")).__module__,
    "right": AliyunSmsHook().test_connection(),
    "wrong": AliyunSmsHook(aliyun_sms_conn_id="wrong_secret").test_connection(),
}))
"""


@pytest.fixture(scope="module")
def answers(airflow, gateway):
    gateway.reset()
    return airflow.answer(ASK), gateway.counts()


def test_a_connection_finds_its_hook(answers):
    found, _ = answers
    assert found["connection"] == ["aliyun_sms", "testid"]
    assert found["hook"] == "airflow_provider_aliyunsms.hooks.aliyun_sms"


def test_the_right_secret_passes_and_sends_nothing(answers, measured):
    found, counts = answers
    ok, text = found["right"]
    assert ok is True, text
    assert counts == {}
    measured("Connection test (*Test* button)", "yes")


def test_a_wrong_secret_is_said_and_not_shown(answers):
    found, _ = answers
    ok, text = found["wrong"]
    assert ok is False
    assert "secret" in text.lower()
    assert "wrongsecret" not in text
