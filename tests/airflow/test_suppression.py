# SPDX-License-Identifier: Apache-2.0
"""Suppress in real Airflow: who is on the list gets nothing, who the gateway blocks is on it the next time."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG

from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.guards import MaxParts, Suppress
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

pytestmark = pytest.mark.airflow

PEOPLE = [f"1380000{number:04d}" for number in range(1, 9)]
BLACK = "13800000503"


def send(run_dag, dag_id, guards, people=PEOPLE, **more):
    with DAG(dag_id) as dag:
        AliyunSendBatchSmsOperator(
            task_id="send",
            recipients=people,
            sign_name="测试",
            guards=guards,
            **({"template_code": "SMS_1"} | more),
        )
    return run_dag(dag)


def test_who_is_on_the_list_or_was_learned_gets_nothing(run_dag, simulator, aliyun_connection, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"phone_number\n+86 {PEOPLE[0]}\n")
    guard = Suppress(str(path), learned=str(tmp_path / "learned"))
    first = send(run_dag, "first", [guard], [*PEOPLE, BLACK], refusal_wait=0)
    assert first.state == "success"
    summary = first.xcom("send")
    assert summary["errors"] == {"isv.BLACK_KEY_CONTROL_LIMIT": 1, "local.SUPPRESSED": 1}
    assert summary["guards"][0]["figures"] == {"suppressed": 1, "listed": 1, "learned": 0, "bad_rows": 0}
    second = send(run_dag, "second", [guard], [*PEOPLE, BLACK]).xcom("send")
    assert second["errors"] == {"local.SUPPRESSED": 2}
    assert simulator.counts() == dict.fromkeys(PEOPLE[1:], 2)
    assert "1380000" not in str(summary["guards"])


def test_a_list_that_is_not_there_sends_to_nobody(run_dag, simulator, aliyun_connection, tmp_path):
    outcome = send(run_dag, "missing", [Suppress(str(tmp_path / "none.csv"))])
    assert outcome.state == "failed"
    assert simulator.counts() == {}


def test_the_path_of_the_list_may_be_a_template(run_dag, simulator, aliyun_connection, tmp_path):
    (tmp_path / "templated.txt").write_text(PEOPLE[2])
    outcome = send(run_dag, "templated", [Suppress(str(tmp_path) + "/{{ dag.dag_id }}.txt")])
    assert outcome.xcom("send")["errors"] == {"local.SUPPRESSED": 1}


def test_a_rehearsal_of_a_split_counts_only_who_would_get_something(run_dag, simulator, aliyun_connection):
    split = Split({"a": 0.5, "holdout": 0.5}, salt="x")
    outcome = send(
        run_dag, "split", [], template_code=None, templates={"a": "SMS_1"}, split=split, dry_run=True
    )
    summary = outcome.xcom("send")
    assert summary["rehearsal"]["recipients"] == split.groups(["86" + each for each in PEOPLE]).count("a")


def test_a_split_whose_templates_the_vendor_does_not_know_is_not_counted_and_not_sent(
    run_dag, simulator, aliyun_connection
):
    split = Split({"a": 0.5, "holdout": 0.5}, salt="x")
    outcome = send(
        run_dag, "split_parts", [MaxParts(5)], template_code=None, templates={"a": "SMS_NONE"}, split=split
    )
    assert outcome.state == "failed"
    assert simulator.counts() == {}
