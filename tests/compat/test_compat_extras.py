# SPDX-License-Identifier: Apache-2.0
"""TaskFlow decorators, the notifier, operator links, the retry policy."""

from __future__ import annotations

import re

import pytest

LINKS = """
import json
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session

with create_session() as session:
    run = session.query(DagRun).filter(DagRun.dag_id == "compat_extras").one()
    instance = run.get_task_instance("remind", session=session)
    stored = SerializedDagModel.get("compat_extras", session=session)
    if stored:
        dag = stored.dag
    else:
        # Airflow 2 stores no DAG when it tests one
        from airflow.models.dagbag import DagBag
        from airflow.serialization.serialized_objects import SerializedDAG

        dag = SerializedDAG.from_dict(SerializedDAG.to_dict(DagBag().get_dag("compat_extras")))
    task = dag.get_task("remind")
    links = {name: task.get_extra_links(instance, name) for name in task.extra_links}
print(json.dumps(links))
"""


@pytest.fixture(scope="module")
def extras(airflow, gateway):
    gateway.reset()
    run = airflow.dags_test("compat_extras")
    return run, gateway.counts()


def test_a_decorated_function_returns_the_recipients(extras, measured):
    run, counts = extras
    assert (run.states["remind"], run.states["greet"]) == ("success", "success"), run.output
    assert {number for number in counts if "4200" not in number} == {
        "13800041001",
        "13800041002",
        "6598000540",
    }
    measured("`@task.aliyun_sms`", "yes")


def test_neither_arguments_nor_results_show_numbers(extras):
    run, _ = extras
    assert re.search("1380004|6598000540", run.rendered + run.output) is None


def test_a_failing_task_alerts_once(extras, measured):
    run, counts = extras
    assert run.states["fail"] == "failed"
    assert counts.get("13800042001") == 1, run.output
    measured("Notifier (`on_failure_callback`)", "yes")


def test_a_task_links_to_console_and_receipts(airflow, extras, measured):
    links = airflow.answer(LINKS)
    page = "/aliyun-sms/?dag_id="
    # An empty link is a button that cannot be pressed.
    assert (page in links.pop("Campaign")) is (airflow.version >= (3, 1))
    assert set(links) == {"SMS console", "Receipts"}
    assert links["SMS console"].startswith("https://dysms.console.aliyun.com")
    # Where there is a campaign page it shows them; a browser opens no file of a worker.
    assert (
        (page in links["Receipts"]) if airflow.version >= (3, 1) else links["Receipts"].startswith("file://")
    )
    measured("Links to console and receipts", "yes")


def test_the_retry_policy_comes_with_3_3(airflow, measured):
    output = airflow.python("-c", "import airflow_provider_aliyunsms.retry_policies", check=False)
    there = "Error" not in output
    assert there is (airflow.version >= (3, 3)), output
    measured("`SEND_RETRY_POLICY`", "yes" if there else "no")
