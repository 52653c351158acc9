# SPDX-License-Identifier: Apache-2.0
"""A deadline that is missed: the example, from the DAG file through Airflow's own trigger to the phone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

NUMBER = "13800001001"
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
def home(monkeypatch, tmp_path):
    """Give a home of its own, in which the notifier counts."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return tmp_path


def miss(callback):
    """Do what the triggerer does for a missed deadline; gives the events of its trigger."""
    from airflow.triggers.callback import CallbackTrigger

    # what the scheduler adds, see Deadline.handle_miss
    context = {
        "dag_run": {"dag_id": "alert_on_deadline", "dag_run_id": "manual__1"},
        "deadline": {"id": "1", "deadline_time": datetime(2026, 1, 5, 8, tzinfo=UTC)},
    }
    trigger = CallbackTrigger(callback.path, callback_kwargs={**callback.kwargs, "context": context})

    async def run():
        return [event.payload["state"] async for event in trigger.run()]

    return asyncio.run(run())


def test_airflow_keeps_the_notifier_and_its_arguments(alert):
    assert alert.callback.path == NOTIFIER
    assert alert.callback.kwargs["phone_numbers"] == [NUMBER]
    assert alert.callback.kwargs["template_param"]["dag"] == "{{ dag_run.dag_id }}"
    assert alert.interval.total_seconds() == 2 * 60 * 60


def test_a_missed_deadline_is_one_message_that_names_the_run(alert, simulator, aliyun_connection, home):
    simulator.templates({"SMS_123456789": "流程${dag}超时，运行${run}，请检查。"})
    assert miss(alert.callback) == ["running", "success"]
    (message,) = simulator.messages()
    assert message["number"] == NUMBER
    assert message["content"] == "【阿里云】流程alert_on_deadline超时，运行manual__1，请检查。"
    assert simulator.stats()["requests"] == {"SendSms": 1}
    assert list((home / "aliyun_sms_alerts").iterdir())


def test_every_miss_renders_its_own_and_the_limit_holds_between_them(
    alert, simulator, aliyun_connection, home
):
    for _ in range(12):
        assert miss(alert.callback) == ["running", "success"]
    assert simulator.counts() == {NUMBER: 10}
