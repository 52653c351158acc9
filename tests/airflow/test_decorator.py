# SPDX-License-Identifier: Apache-2.0
"""@task.aliyun_sms: what the function returns is who gets the message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import DAG, task

from airflow_provider_aliyunsms.exceptions import ConfigurationError

EXAMPLE = Path(__file__).parents[2] / "dags_examples" / "taskflow_recipients.py"

pytestmark = pytest.mark.airflow


def rendered(outcome, dag_id, task_id, map_index=-1):
    """What Airflow keeps, and shows to everybody, of a task's rendered fields."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(
            select(RenderedTaskInstanceFields).where(
                RenderedTaskInstanceFields.dag_id == dag_id,
                RenderedTaskInstanceFields.run_id == outcome.run_id,
                RenderedTaskInstanceFields.task_id == task_id,
                RenderedTaskInstanceFields.map_index == map_index,
            )
        )
        return json.dumps([row.rendered_fields for row in found], ensure_ascii=False, default=str)


def test_the_example_sends_to_whom_the_function_returns_and_is_mapped(run_dag, simulator, aliyun_connection):
    outcome = run_dag(EXAMPLE)
    assert outcome.state == "success"
    assert simulator.counts() == {"13800001001": 2, "13800001002": 1, "13800001003": 2}
    assert outcome.xcom("remind")["accepted"] == 2
    assert [outcome.xcom(f"announce[{index}]")["accepted"] for index in (0, 1)] == [1, 2]
    contents = {message["content"] for message in simulator.messages(number="13800001001")}
    assert contents == {"【阿里云】SMS_152550005 name: 张伟", "【阿里云】SMS_152550006"}


def test_recipients_handed_over_from_upstream_do_not_show(run_dag, simulator, aliyun_connection):
    with DAG("decorator_upstream") as dag:

        @task(show_return_value_in_logs=False)
        def pick():
            return ["13800001001", "13800001002"]

        @task.aliyun_sms(
            template_code="SMS_1", sign_name="阿里云", campaign_id="{{ dag.dag_id }}-{{ run_id }}"
        )
        def send(numbers, keep, run_id=None):
            assert run_id
            return numbers[:keep]

        send(pick(), keep=1)
    outcome = run_dag(dag)
    assert outcome.state == "success"
    assert simulator.counts() == {"13800001001": 1}
    assert outcome.xcom("send")["campaign_id"] == f"decorator_upstream-{outcome.run_id}"
    shown = rendered(outcome, "decorator_upstream", "send")
    assert "not shown" in shown
    assert "1380000100" not in shown


def test_a_path_may_be_returned_and_no_template_is_looked_for_in_recipients(
    run_dag, simulator, aliyun_connection, tmp_path
):
    path = tmp_path / "audience.csv"
    path.write_text("phone_number,name\n13800001001,{{ run_id }}\n", encoding="utf-8")
    with DAG("decorator_path") as dag:

        @task.aliyun_sms(template_code="SMS_1", sign_name="阿里云")
        def from_file():
            return str(path)

        @task.aliyun_sms(template_code="SMS_2", sign_name="阿里云")
        def from_list():
            return [{"phone_number": "13800001002", "template_param": {"name": "{{ run_id }}"}}]

        from_file()
        from_list()
    assert run_dag(dag).state == "success"
    assert {message["content"].partition(" ")[2] for message in simulator.messages()} == {
        "name: {{ run_id }}"
    }


def test_globe_has_a_name_of_its_own(run_dag, simulator, aliyun_connection):
    with DAG("decorator_globe") as dag:

        @task.aliyun_sms_globe(message="Hello ${name}")
        def send():
            return [{"to": "+447700900123", "template_param": {"name": "Amelia"}}]

        send()
    assert run_dag(dag).xcom("send")["api"] == "BatchSendMessageToGlobe"
    assert simulator.messages()[0]["content"] == "Hello Amelia"


def test_a_retry_calls_the_function_again_and_sends_to_nobody_twice(
    run_dag, simulator, aliyun_connection, tmp_path
):
    calls = tmp_path / "calls"
    with DAG("decorator_retry") as dag:

        @task.aliyun_sms(
            template_code="SMS_1",
            sign_name="阿里云",
            retries=1,
            chunk_size=1,
            max_concurrency=1,
            ledger_path=str(tmp_path / "ledger"),
            error_threshold=None,
        )
        def send():
            with calls.open("a") as file:
                file.write("x")
            if calls.read_text() == "x":
                raise RuntimeError("not yet")
            return ["13800001001"]

        send()
    outcome = run_dag(dag)
    assert outcome.state == "success"
    assert calls.read_text() == "xx"
    assert simulator.counts() == {"13800001001": 1}


@pytest.mark.parametrize(("returned", "state"), [(None, "failed"), ([], "skipped"), (17, "failed")])
def test_nothing_an_empty_list_and_rubbish(run_dag, simulator, aliyun_connection, returned, state):
    with DAG(f"decorator_returns_{state}_{type(returned).__name__}") as dag:

        @task.aliyun_sms(template_code="SMS_1", sign_name="阿里云", retries=0)
        def send():
            return returned

        send()
    assert run_dag(dag).states == {"send": state}
    assert simulator.counts() == {}


def test_a_missing_template_is_an_error_of_the_dag_file():
    with DAG("decorator_wrong"):
        send = task.aliyun_sms(task_id="send", sign_name="阿里云")(lambda: ["13800001001"])
        with pytest.raises(ConfigurationError, match="template_code"):
            send()


def test_a_try_that_failed_over_its_connection_does_not_have_the_next_one_refuse(
    run_dag, simulator, set_connection, tmp_path
):
    with DAG("false_start") as dag:

        @task.aliyun_sms(
            template_code="SMS_1", sign_name="阿里云", retries=1, ledger_path=str(tmp_path / "ledger")
        )
        def send():
            if calls:
                set_connection(login="testid", password="testsecret", host=simulator.url)
            calls.append(1)
            return ["13800001001"]

        send()
    # at first there is none
    calls = []
    outcome = run_dag(dag)
    assert (outcome.state, outcome.tries["send"]) == ("success", 2)
    assert simulator.counts() == {"13800001001": 1}
