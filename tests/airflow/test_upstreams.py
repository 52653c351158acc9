# SPDX-License-Identifier: Apache-2.0
"""What a task before, a run's configuration or native rendering hands over is taken where its meaning is certain."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

pytestmark = pytest.mark.airflow

GIVEN = {
    "as_it_is": {"recipients": "{{ dag_run.conf['people'] }}"},
    "as_json": {"recipients": "{{ dag_run.conf['people'] | tojson }}"},
    "whole_numbers": {"recipients": [13800000001, 13800000002]},
    "variables": {
        "recipients": ["13800000001", "13800000002"],
        "template_param": "{{ dag_run.conf['variables'] | tojson }}",
    },
    "date_as_id": {"recipients": "{{ dag_run.conf['people'] }}", "campaign_id": "{{ ds_nodash }}"},
    "number_as_id": {"recipients": "{{ dag_run.conf['people'] }}", "campaign_id": 20261001},
}
CONF = {"people": [13800000001, 13800000002], "variables": {"name": "Li"}}


def test_what_is_certain_is_taken(run_dag, simulator, aliyun_connection):
    with DAG("upstreams", render_template_as_native_obj=True) as dag:
        for name, given in GIVEN.items():
            AliyunSendBatchSmsOperator(
                task_id=name, template_code="SMS_1", sign_name="测试", dry_run=True, retries=0, **given
            )
    outcome = run_dag(dag, run_conf=CONF)
    assert outcome.states == dict.fromkeys(GIVEN, "success")
    assert {name: outcome.xcom(name)["skipped"] for name in GIVEN} == dict.fromkeys(GIVEN, 2)


def test_nothing_says_where_to_look(run_dag, simulator, aliyun_connection, capsys):
    with DAG("upstreams_none", render_template_as_native_obj=True) as dag:
        AliyunSendBatchSmsOperator(
            task_id="send", template_code="SMS_1", sign_name="测试", recipients="{{ none }}", retries=0
        )
    assert run_dag(dag).states == {"send": "failed"}
    told = capsys.readouterr().out
    assert "returned None, was skipped or failed" in told
    assert simulator.stats()["requests"] == {}
