# SPDX-License-Identifier: Apache-2.0
"""The helpers of conftest.py themselves: a DAG test that cannot fail would prove nothing."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task

DAG_FILE = """
from airflow.sdk import dag, task

@dag
def from_a_file():
    @task
    def double(number):
        return number * 2
    double.expand(number=[1, 2])

from_a_file()
"""


@pytest.mark.airflow
def test_states_tries_and_xcoms_of_a_dag_built_in_a_test(run_dag):
    with DAG("built_in_a_test") as dag:

        @task(retries=1, retry_delay=0)
        def second_time_lucky(**context):
            store = context["task_state_store"]
            if store.get("seen") is None:
                store.set("seen", True)
                raise ValueError("first try")
            return {"seen": store.get("seen")}

        second_time_lucky()

    first, second = run_dag(dag), run_dag(dag)
    assert first.state == second.state == "success"
    assert first.tries == second.tries == {"second_time_lucky": 2}
    assert first.xcom("second_time_lucky") == {"seen": True}
    assert first.run_id != second.run_id


@pytest.mark.airflow
def test_a_failing_dag_is_reported_as_failed(run_dag):
    with DAG("failing") as dag:

        @task(retries=0)
        def fail():
            raise ValueError("as it should")

        fail()

    outcome = run_dag(dag)
    assert outcome.state == "failed"
    assert outcome.states == {"fail": "failed"}
    with pytest.raises(KeyError):
        outcome.xcom("fail")


@pytest.mark.airflow
def test_a_dag_file_with_mapped_tasks(run_dag, tmp_path):
    path = tmp_path / "a_dag.py"
    path.write_text(DAG_FILE)
    outcome = run_dag(path)
    assert outcome.state == "success"
    assert {name: outcome.xcom(name) for name in outcome.xcoms} == {"double[0]": 2, "double[1]": 4}
