# SPDX-License-Identifier: Apache-2.0
"""A deadline that is missed: the example, from the DAG file through Airflow's own trigger to the phone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from written import in_database

pytestmark = pytest.mark.airflow

# in two parts, because Airflow stores the source of a DAG, and this file is one
NUMBER = "1380000" + "4477"
EXAMPLE = Path(__file__).parents[2] / "dags_examples" / "alert_on_deadline.py"
NOTIFIER = "airflow_provider_aliyunsms.notifications.aliyun_sms.AliyunSmsNotifier"


@pytest.fixture
def alert(airflow_db):
    """Give the example's deadline alert as the scheduler has it: written into the database and read back."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.decoders import decode_deadline_alert
    from airflow.serialization.encoders import encode_deadline_alert

    bag = DagBag(str(EXAMPLE), bundle_name="dags-folder")
    assert not bag.import_errors
    (declared,) = bag.dags["alert_on_deadline"].deadline
    return decode_deadline_alert(encode_deadline_alert(declared))


@pytest.fixture
def aliyun_connection(simulator, set_connection):
    """The default connection with the numbers of those on call, which the arguments must not hold."""
    extra = {"alert_phone_numbers": NUMBER}
    set_connection(login="testid", password="testsecret", host=simulator.url, extra=extra)


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Give a home of its own, in which the notifier counts."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def miss(alert, run_dag):
    """Give a function that lets a run miss the deadline; it gives the run's id and the events of the trigger."""
    from airflow.models import DagRun
    from airflow.models.deadline import Deadline
    from airflow.models.trigger import Trigger
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
    from airflow.triggers.callback import CallbackTrigger
    from airflow.utils.session import create_session

    # a run of its own: DAG.test of Airflow 3.3 cannot end one of a DAG with a deadline
    with DAG("late", schedule=None) as dag:
        EmptyOperator(task_id="load")

    async def states(trigger):
        return [event.payload["state"] async for event in trigger.run()]

    def let_pass():
        run_id = run_dag(dag).run_id
        with create_session() as session:
            run = session.query(DagRun).filter_by(run_id=run_id).one()
            deadline = Deadline(datetime(2026, 1, 5, tzinfo=UTC), alert.callback, run.id, None)
            session.add(deadline)
            session.flush()
            # the scheduler's part ...
            deadline.handle_miss(session)
            row = session.get(Trigger, deadline.callback.trigger_id)
            trigger = CallbackTrigger(**row.kwargs)
        # ... and the triggerer's
        return run_id, asyncio.run(states(trigger))

    return let_pass


def test_airflow_keeps_the_notifier_and_its_arguments(alert):
    assert alert.callback.path == NOTIFIER
    assert NUMBER not in str(alert.callback.kwargs)
    assert alert.callback.kwargs["template_param"]["dag"] == "{{ dag_run.dag_id }}"
    assert alert.interval.total_seconds() == 2 * 60 * 60


def test_a_missed_deadline_is_one_message_that_names_the_run(miss, simulator, aliyun_connection, home):
    simulator.templates({"SMS_123456789": "流程${dag}超时，运行${run}，请检查。"})
    run_id, states = miss()
    assert states == ["running", "success"]
    (message,) = simulator.messages()
    assert message["number"] == NUMBER
    assert message["content"] == f"【阿里云】流程late超时，运行{run_id[:35]}，请检查。"
    assert simulator.stats()["requests"] == {"SendSms": 1}
    assert list((home / "aliyun_sms_alerts").iterdir())


def test_every_run_is_named_and_the_limit_holds_between_them(alert, miss, simulator, aliyun_connection, home):
    alert.callback.kwargs["max_per_hour"] = 2
    seen = [miss() for _ in range(3)]
    assert [states for _, states in seen] == [["running", "success"]] * 3
    texts = {message["content"] for message in simulator.messages()}
    assert texts == {f"【阿里云】SMS_123456789 dag: late，run: {run_id[:35]}" for run_id, _ in seen[:2]}


def test_nothing_of_a_missed_deadline_in_the_database_has_the_number(
    miss, simulator, aliyun_connection, home, airflow_home
):
    """Neither the callback nor the trigger nor their arguments; whoever reads the database reads them all."""
    miss()
    assert simulator.counts() == {NUMBER: 1}
    assert in_database(airflow_home / "airflow.db", [NUMBER]) == {}
