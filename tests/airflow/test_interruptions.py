# SPDX-License-Identifier: Apache-2.0
"""A campaign that is cut short by Airflow, and the try after it."""

from __future__ import annotations

import pytest

DAG = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
{imports}

with DAG("{dag_id}", schedule=None) as dag:
    AliyunSendBatchSmsOperator(
        task_id="send", template_code="SMS_1", sign_name="测试", chunk_size=2, max_concurrency=2,
        recipients=[f"1380008{{i:04d}}" for i in range(60)], {parameters}
    )
"""


@pytest.fixture
def run_task(run_dag, tmp_path):
    def run(dag_id, parameters, imports=""):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(DAG.format(dag_id=dag_id, parameters=parameters, imports=imports), encoding="utf-8")
        return run_dag(path)

    return run


def test_an_execution_timeout_is_resumed_by_the_retry(run_task, simulator, aliyun_connection):
    simulator.misbehave("delay", action="SendBatchSms", times=25, seconds=0.5)
    outcome = run_task(
        "cut_timeout",
        "execution_timeout=timedelta(seconds=4), retries=5, retry_delay=timedelta(0), settle_time=2",
    )
    assert outcome.state == "success"
    assert outcome.tries["send"] > 1
    assert outcome.xcom("send")["accepted"] == 60
    assert simulator.counts(duplicates=True) == {}
    assert len(simulator.counts()) == 60


def test_the_policy_waits_and_retries_where_the_network_failed(run_task, simulator, set_connection):
    set_connection(login="testid", password="testsecret", host="http://127.0.0.1:9", extra={"sign_name": "x"})
    outcome = run_task(
        "policy_network",
        "retries=1, retry_delay=timedelta(0), retry_policy=PATIENT, network_patience=0.5",
        imports=(
            "from dataclasses import replace\n"
            "from airflow_provider_aliyunsms.retry_policies import SEND_RETRY_POLICY\n"
            "from airflow.sdk import ExceptionRetryPolicy\n"
            "PATIENT = ExceptionRetryPolicy("
            "rules=[replace(rule, retry_delay=timedelta(0)) for rule in SEND_RETRY_POLICY.rules])"
        ),
    )
    assert outcome.state == "failed"
    assert outcome.tries["send"] == 2


def test_the_policy_does_not_retry_what_is_wrong(run_task, simulator, aliyun_connection):
    outcome = run_task(
        "policy_wrong",
        "retries=3, retry_delay=timedelta(0), retry_policy=SEND_RETRY_POLICY, encoding='utf-8'",
        imports="from airflow_provider_aliyunsms.retry_policies import SEND_RETRY_POLICY",
    )
    assert outcome.state == "failed"
    assert outcome.tries["send"] == 1


def test_without_a_ledger_a_retry_refuses_to_send(run_task, simulator, aliyun_connection):
    simulator.misbehave("delay", action="SendBatchSms", times=25, seconds=0.3)
    outcome = run_task(
        "cut_not_durable",
        "durable=False, execution_timeout=timedelta(seconds=1.0), retries=2, retry_delay=timedelta(0)",
    )
    assert outcome.state == "failed"
    assert outcome.tries["send"] == 2, "the second try refuses, and there is no third"
    assert simulator.counts(duplicates=True) == {}


def test_a_ledger_on_a_path_spans_runs(run_task, simulator, aliyun_connection, tmp_path):
    parameters = f"ledger_path={str(tmp_path / 'ledger')!r}, campaign_id='spring'"
    first = run_task("path_ledger", parameters)
    second = run_task("path_ledger", parameters)
    assert first.run_id != second.run_id
    assert second.xcom("send") == {**first.xcom("send")}
    assert simulator.counts(duplicates=True) == {}
    kept = "".join(path.read_text() for path in (tmp_path / "ledger").rglob("*.json"))
    assert "1380008" not in kept


def test_receipts_that_are_lost_come_back_as_they_were(run_task, simulator, aliyun_connection, tmp_path):
    receipts = tmp_path / "receipts.jsonl"
    parameters = (
        f"ledger_path={str(tmp_path / 'ledger')!r}, campaign_id='autumn', receipts_path={str(receipts)!r}"
    )
    assert run_task("lost_receipts", parameters).state == "success"
    written, requests = receipts.read_bytes(), simulator.stats()["requests"]
    assert len(written.splitlines()) == 60
    receipts.unlink()
    # to the sender a run with the same campaign_id and ledger is what a Clear is
    again = run_task("lost_receipts", parameters)
    assert again.state == "success"
    assert receipts.read_bytes() == written
    assert simulator.stats()["requests"] == requests
    assert simulator.counts(duplicates=True) == {}
    assert len(simulator.counts()) == 60
