# SPDX-License-Identifier: Apache-2.0
"""What Airflow stores of rendered fields, and shows to everybody who may see the DAG."""

from __future__ import annotations

import json
import sqlite3

import pytest
from airflow.sdk import DAG, task

from airflow_provider_aliyunsms.decorators import aliyun_sms as decorators
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)

pytestmark = pytest.mark.airflow

OPERATORS = (
    AliyunSendBatchSmsOperator,
    AliyunBatchSendMessageToGlobeOperator,
    decorators._ChinaDecorated,
    decorators._GlobeDecorated,
)


@pytest.fixture
def rendered(run_dag, simulator, aliyun_connection, airflow_home):
    """Give a function that runs a DAG and returns the stored fields of its task ``send``."""

    def fields(dag):
        assert run_dag(dag).states["send"] == "success"
        with sqlite3.connect(airflow_home / "airflow.db") as database:
            query = (
                "select rendered_fields from rendered_task_instance_fields where dag_id = ? and task_id = ?"
            )
            ((found,),) = database.execute(query, [dag.dag_id, "send"]).fetchall()
        return json.loads(found)

    return fields


def test_numbers_are_masked_and_values_hidden(rendered):
    with DAG("rendered_china", params={"field": "number", "again": False}) as dag:
        AliyunSendBatchSmsOperator(
            task_id="send",
            recipients=[{"mobile": f"1380000003{i}", "template_param": {"name": "geheim"}} for i in range(5)],
            column_mapping={"mobile": "phone_{{ params.field }}"},
            template_code="SMS_152550005",
            sign_name="测试",
            template_param={"pin": "991177", "dag": "{{ dag.dag_id }}"},
            resend_unknown="{{ params.again }}",
            campaign_id="{{ dag.dag_id }}-x",
        )
    found = rendered(dag)
    assert found["recipients"] == [
        "5 recipients, texts and variables not shown",
        "138****0030",
        "138****0031",
        "138****0032",
        "and 2 more",
    ]
    assert found["template_param"] == {"pin": "not shown", "dag": "not shown"}
    assert found["column_mapping"] == {"mobile": "phone_number"}
    shown = ("SMS_152550005", "rendered_china-x", "False")
    assert (found["template_code"], found["campaign_id"], found["resend_unknown"]) == shown
    assert not any(each in json.dumps(found) for each in ("1380000003", "geheim", "991177"))


def test_a_list_from_upstream_and_a_text_abroad(rendered):
    with DAG("rendered_globe") as dag:

        @task(show_return_value_in_logs=False)
        def prepare():
            return [{"to": "+447700900123", "template_param": {"name": "geheim"}}, "+6591234567"]

        AliyunBatchSendMessageToGlobeOperator(
            task_id="send",
            recipients=prepare(),
            message="Hello ${name}, {{ 7 * 7 }}",
            template_param={"name": "you"},
        )
    found = rendered(dag)
    assert found["recipients"][1:] == ["447****0123", "65****67"]
    assert found["message"] == "text of 17 characters with ${name}, not shown"
    assert not any(each in json.dumps(found) for each in ("7700900", "91234", "geheim", "49"))


def test_arguments_of_a_decorated_function_show_their_names(rendered):
    with DAG("rendered_decorated") as dag:

        @task.aliyun_sms(template_code="SMS_1", sign_name="阿里云")
        def send(numbers, keep):
            return numbers[:keep]

        send(["13800001001", "13800001002"], keep=1)
    found = rendered(dag)
    assert found["op_args"] == ["1 value, not shown"]
    assert found["op_kwargs"] == {"keep": "not shown"}
    assert found["recipients"] == "recipients, not shown"


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_hidden_field_has_a_renderer_that_airflow_2_knows(operator):
    renderers = operator.template_fields_renderers
    assert set(renderers.values()) <= {"doc", "json", "sql", "yaml"}
    private = {"recipients", "recipients_sql", "recipients_parameters", "template_param", "column_mapping"}
    private |= {"op_args", "op_kwargs", "message"} & set(operator.template_fields)
    assert private <= set(renderers) & set(operator.template_fields)
