# SPDX-License-Identifier: Apache-2.0
"""Preflight in real Airflow: what the vendor says of a template decides whether the task sends."""

from __future__ import annotations

import pytest

DAG_FILE = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.campaign.guards import Preflight
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

with DAG("{dag_id}", schedule=None, default_args={{"retries": 1, "retry_delay": timedelta(seconds=0)}}):
    AliyunSendBatchSmsOperator(
        task_id="send",
        template_code="SMS_152550005",
        sign_name="阿里云",
        recipients=[f"138000000{{i:02d}}" for i in range(30)],
        template_param={{"name": "张三"}},
        guards=[Preflight(kind="notification")],
    )
"""


@pytest.fixture
def send(run_dag, tmp_path, aliyun_connection):
    def run(dag_id):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(DAG_FILE.format(dag_id=dag_id), encoding="utf-8")
        return run_dag(path)

    return run


def test_what_the_vendor_approved_is_sent(send, simulator):
    simulator.templates({"SMS_152550005": "亲爱的${name}，您好。"})
    outcome = send("preflight_go")
    assert outcome.state == "success", outcome
    (guard,) = outcome.xcom("send")["guards"]
    assert (guard["decision"], guard["figures"]["calls"], guard["figures"]["recipients"]) == ("go", 2, 30)
    assert set(simulator.counts().values()) == {1}
    assert len(simulator.counts()) == 30


@pytest.mark.parametrize(("status", "tries"), [("in review", 2), ("rejected", 1)])
def test_what_the_vendor_did_not_approve_is_not_sent(send, simulator, status, tries):
    simulator.templates({"SMS_152550005": {"text": "亲爱的${name}，您好。", "status": status}})
    outcome = send(f"preflight_{tries}")
    assert (outcome.states["send"], outcome.tries["send"]) == ("failed", tries)
    assert "SendBatchSms" not in simulator.stats()["requests"]
    (guard,) = outcome.xcom("send", "campaign")["guards"]
    assert f"not approved: {status}" in guard["reason"]


def test_a_permission_that_is_missing_sends_nothing(send, simulator):
    simulator.templates({"SMS_152550005": "亲爱的${name}，您好。"})
    simulator.misbehave("refuse", action="GetSmsTemplate", code="Forbidden.RAM", status=403, times=None)
    outcome = send("preflight_ram")
    assert (outcome.states["send"], outcome.tries["send"]) == ("failed", 2)
    assert simulator.counts() == {}
