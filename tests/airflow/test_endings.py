# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a campaign that was refused: a red task, its reason, its receipts, and a Clear that mends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)

pytestmark = pytest.mark.airflow

PEOPLE = [f"1380006{n:04d}" for n in range(4)]
CODE = "isv.TEMPLATE_MISSING_PARAMETERS"


@pytest.fixture
def sent(run_dag, simulator, aliyun_connection, tmp_path, capsys):
    """Give a function that runs a campaign of one id; returns the outcome and what was printed."""

    def send(operator=AliyunSendBatchSmsOperator, **parameters):
        fixed = {"campaign_id": "spring", "ledger_path": str(tmp_path / "ledger"), "retries": 2}
        if operator is AliyunSendBatchSmsOperator:
            fixed |= {"template_code": "SMS_1", "sign_name": "测试", "refusal_wait": 1}
        with DAG("endings") as dag:
            operator(task_id="send", **{**fixed, **parameters})
        outcome = run_dag(dag)
        return outcome, capsys.readouterr().out

    return send


@pytest.mark.parametrize("chunk_size", [1, 100])
def test_everybody_refused_for_one_cause_is_red_and_a_clear_after_mending_serves_them(
    sent, simulator, chunk_size
):
    simulator.templates({"SMS_1": "hello ${name}"})
    outcome, told = sent(recipients=PEOPLE, chunk_size=chunk_size)
    assert outcome.states == {"send": "failed"}
    assert outcome.tries == {"send": 1}, "another try would meet the same refusal"
    assert f"4 x {CODE}" in told
    assert "clear the task" in told
    summary = outcome.xcom("send", "campaign")
    assert (summary["rejected"], summary["errors"]) == (4, {CODE: 4})
    assert [one["code"] for one in summary["receipts"]] == [CODE] * 4

    simulator.templates({"SMS_1": "hello"})
    mended, _ = sent(recipients=PEOPLE, chunk_size=chunk_size)
    assert mended.state == "success"
    assert mended.xcom("send")["accepted"] == 4
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)


def test_a_doomed_campaign_leaves_its_receipts(sent, simulator, tmp_path):
    outcome, told = sent(
        recipients=PEOPLE, template_code="SMS_404", receipts_path=str(tmp_path / "receipts.jsonl")
    )
    assert outcome.states == {"send": "failed"}
    assert "0 accepted, 0 rejected, 4 skipped" in told
    summary = outcome.xcom("send", "campaign")
    assert summary["errors"] == {"local.NOT_STARTED": 4}
    lines = Path(summary["receipts_path"]).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["skipped"] * 4


def test_a_globe_campaign_refused_as_a_whole_is_red(sent, simulator):
    send = {"recipients": ["6591230503"], "message": "hello", "max_qps": 50}
    outcome, told = sent(AliyunBatchSendMessageToGlobeOperator, **send)
    assert outcome.states == {"send": "failed"}
    assert "1 x MOBILE_NUMBER_ILLEGAL" in told
    assert "resend_rejected=True" in told
    calls = simulator.stats()["requests"]
    again, _ = sent(AliyunBatchSendMessageToGlobeOperator, **send)
    assert again.states == {"send": "failed"}
    assert simulator.stats()["requests"] == calls
