# SPDX-License-Identifier: Apache-2.0
"""Poke, reschedule and deferrable end in the same state with the same result, against a gateway on loopback."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG
from china_time import noon_in_china

from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

pytestmark = pytest.mark.airflow

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
QUICK = {"poke_interval": 0.05, "max_wait": 0.2}

FATES = ("delivered", "failed", "pending")

GOOD = [f"1380000{n:04d}" for n in range(1, 7)]
DEAD = "13800000401"
BLACK = "13800000402"
SILENT = "13800000404"


@pytest.fixture(params=MODES)
def mode(request):
    return MODES[request.param]


@pytest.fixture
def told(capsys):
    """Give what the tasks wrote, errors included: Airflow prints it."""
    return lambda: capsys.readouterr().out


@pytest.fixture
def watched(run_dag, aliyun_connection, tmp_path):
    """Give a function that sends, waits, and says how both tasks ended."""

    def watch(numbers, *, receipts="inline", operator=None, dag_id="delivery", **sensor):
        with DAG(dag_id) as dag:
            send = operator or AliyunSendBatchSmsOperator(
                task_id="send",
                recipients=numbers,
                template_code="SMS_1",
                sign_name="测试",
                receipts_path=None if receipts == "inline" else str(tmp_path / "receipts"),
            )
            wait = AliyunSmsDeliverySensor(task_id="wait", campaign=send.output, **{**QUICK, **sensor})
            send >> wait
        return run_dag(dag)

    return watch


def result(outcome):
    found = dict(outcome.xcom("wait"))
    assert found.pop("campaign_id") == outcome.xcom("send")["campaign_id"]
    # how often it asked depends on the clock; that it counted right is seen at the gateway
    assert found.pop("calls") > 0
    # so does how many rounds it made, and so how many points there are
    series = found.pop("series", [])
    assert all(sum(counts) == sum(found[fate] for fate in FATES) for _, *counts in series)
    return found


@pytest.mark.parametrize("receipts", ["inline", "file"])
def test_everything_final_ends_it(watched, simulator, mode, receipts):
    outcome = watched([*GOOD, DEAD, BLACK], receipts=receipts, **mode)
    assert outcome.states == {"send": "success", "wait": "success"}
    assert result(outcome) == {
        "delivered": 6,
        "failed": 2,
        "pending": 0,
        "errors": {"MOBILE_IN_BLACK": 1, "MOBILE_NOT_ON_SERVICE": 1},
    }


def test_late_receipts_are_waited_for(watched, simulator, mode):
    simulator.options(delivery_delay=1.0)
    outcome = watched(GOOD, min_delivered_ratio=1.0, **mode)
    assert outcome.states["wait"] == "success"
    assert result(outcome)["delivered"] == len(GOOD)


def test_the_deadline_ends_it_with_what_is_pending(watched, simulator, mode):
    outcome = watched([*GOOD, SILENT], timeout=2, **mode)
    assert outcome.states["wait"] == "success"
    assert result(outcome) == {"delivered": 6, "failed": 0, "pending": 1, "errors": {}}


def test_a_reached_ratio_is_success_at_the_deadline(watched, simulator, mode):
    outcome = watched([*GOOD, SILENT], timeout=2, min_delivered_ratio=0.8, **mode)
    assert outcome.states["wait"] == "success"
    assert result(outcome)["pending"] == 1


def test_a_reached_ratio_ends_it_early_on_request(watched, simulator, mode):
    outcome = watched([*GOOD, SILENT], min_delivered_ratio=0.8, stop_when_reached=True, **mode)
    assert outcome.states["wait"] == "success"
    assert result(outcome)["delivered"] == 6


def test_a_missed_ratio_fails_at_the_deadline(watched, simulator, mode, told):
    outcome = watched([GOOD[0], SILENT], timeout=2, min_delivered_ratio=0.9, **mode)
    assert outcome.states["wait"] == "failed"
    text = told()
    assert "DeliveryTimeoutError" in text
    assert "1 are pending" in text


def test_a_hopeless_ratio_fails_early(watched, simulator, mode, told):
    outcome = watched([GOOD[0], DEAD, SILENT], min_delivered_ratio=0.9, **mode)
    assert outcome.states["wait"] == "failed"
    text = told()
    assert "FinalDeliveryError: " in text
    assert "DeliveryTimeoutError" not in text


@pytest.mark.parametrize("numbers", [[GOOD[0], DEAD, SILENT], [GOOD[0], SILENT]], ids=["too few", "deadline"])
def test_soft_fail_skips(watched, simulator, mode, numbers):
    outcome = watched(numbers, timeout=2, min_delivered_ratio=0.9, soft_fail=True, **mode)
    assert outcome.states["wait"] == "skipped"


@pytest.mark.parametrize("softness", [{"soft_fail": True}, {}], ids=["soft", "hard"])
def test_wrong_permissions_fail_at_once(watched, simulator, mode, softness, told):
    simulator.misbehave("doomed", action="QuerySendDetails", times=None)
    outcome = watched(GOOD, **softness, **mode)
    assert outcome.states["wait"] == "failed"
    text = told()
    assert "CampaignDoomedError" in text


def test_a_connection_lost_in_mid_poll_is_tolerated(watched, simulator, mode):
    simulator.misbehave("drop_before", action="QuerySendDetails", times=5)
    outcome = watched(GOOD, max_qps=1000, **mode)
    assert outcome.states["wait"] == "success"
    assert result(outcome)["delivered"] == len(GOOD)


def test_an_endless_outage_is_said(watched, simulator, mode, told):
    simulator.misbehave("error_503", action="QuerySendDetails", times=None)
    outcome = watched(GOOD[:1], max_failed_rounds=2, **mode)
    assert outcome.states["wait"] == "failed"
    text = told()
    assert "DeliveryError" not in text


def test_globe(watched, simulator, mode):
    operator = AliyunBatchSendMessageToGlobeOperator(
        task_id="send", recipients=["6591234567", "6591230401"], message="Hello", message_type="NOTIFY"
    )
    outcome = watched(None, operator=operator, **mode)
    assert outcome.states["wait"] == "success"
    found = result(outcome)
    assert (found["delivered"], found["failed"], found["pending"]) == (1, 1, 0)


def test_nothing_accepted_needs_neither_gateway_nor_connection(run_dag, mode):
    campaign = {
        "campaign_id": "dry",
        "api": "SendBatchSms",
        "accepted": 0,
        "finished_at": "2026-01-02T03:04:05Z",
        "receipts": [],
    }
    with DAG("nothing_accepted") as dag:
        AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, aliyun_sms_conn_id="missing", **mode)
    outcome = run_dag(dag)
    assert outcome.states == {"wait": "success"}
    assert outcome.xcom("wait")["delivered"] == 0


def test_mapped_sends_are_watched_together(run_dag, aliyun_connection, simulator, mode):
    with DAG("mapped_sends") as dag:
        send = AliyunSendBatchSmsOperator.partial(
            task_id="send", template_code="SMS_1", sign_name="测试"
        ).expand(recipients=[GOOD[:2], [*GOOD[2:4], DEAD]])
        AliyunSmsDeliverySensor(
            task_id="wait", campaign=send.output, min_delivered_ratio=0.8, **{**QUICK, **mode}
        )
    outcome = run_dag(dag)
    assert outcome.states["wait"] == "success"
    found = outcome.xcom("wait")
    assert len(found["campaign_id"]) == 2
    assert (found["delivered"], found["failed"]) == (4, 1)


def test_a_mapped_sensor(run_dag, aliyun_connection, simulator, mode):
    with DAG("mapped_sensor") as dag:
        send = AliyunSendBatchSmsOperator.partial(
            task_id="send", template_code="SMS_1", sign_name="测试"
        ).expand(recipients=[GOOD[:2], GOOD[2:]])
        AliyunSmsDeliverySensor.partial(task_id="wait", **{**QUICK, **mode}).expand(campaign=send.output)
    outcome = run_dag(dag)
    assert [outcome.xcom(f"wait[{n}]")["delivered"] for n in range(2)] == [2, 4]


@pytest.mark.parametrize("campaign", [None, "{{ none }}", 7, {"api": "SendBatchSms"}])
def test_no_campaign_is_a_clear_error(run_dag, mode, campaign, told):
    with DAG("no_campaign") as dag:
        AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, **mode)
    assert run_dag(dag).states == {"wait": "failed"}
    text = told()
    assert "ConfigurationError" in text
    assert "Next step" in text


def test_a_missing_receipts_file_is_a_clear_error(run_dag, aliyun_connection, mode, told):
    campaign = {
        "campaign_id": "elsewhere",
        "api": "SendBatchSms",
        "accepted": 1,
        "finished_at": "2026-01-02T03:04:05Z",
        "receipts_path": "/nowhere/receipts.jsonl",
    }
    with DAG("no_receipts") as dag:
        AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, **mode)
    assert run_dag(dag).states == {"wait": "failed"}
    text = told()
    assert "storage that all workers and the triggerer can read" in text


def test_no_number_in_any_log_or_rendered_field(watched, simulator, mode, caplog, told):
    caplog.set_level(logging.DEBUG, logger="airflow_provider_aliyunsms")
    simulator.misbehave("drop_before", action="QuerySendDetails", times=2)
    outcome = watched([*GOOD, DEAD], dag_id="privacy", **mode)
    assert outcome.states["wait"] == "success"
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(
            select(RenderedTaskInstanceFields).where(
                RenderedTaskInstanceFields.dag_id == "privacy", RenderedTaskInstanceFields.task_id == "wait"
            )
        ).all()
        fields = [json.dumps(row.rendered_fields) for row in rows]
    assert any("7 accepted" in each for each in fields)
    shown = "\n".join([*fields, caplog.text, told()])
    assert not [number for number in [*GOOD, DEAD] if number in shown]


def test_a_rescheduled_poke_asks_only_the_pending(watched, simulator, caplog):
    caplog.set_level(logging.INFO, logger="airflow_provider_aliyunsms.delivery")
    outcome = watched([*GOOD, SILENT], mode="reschedule", timeout=6, receipts="file")
    assert outcome.states["wait"] == "success"
    first, *later = [int(asked) for asked in re.findall(r"; (\d+) asked", caplog.text)]
    assert first == len(GOOD) + 1
    assert later
    assert set(later) == {1}


def test_a_late_sensor_asks_everyone_once(run_dag, aliyun_connection, simulator, mode):
    long_ago = (datetime.now(UTC) - timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    campaign = {
        "campaign_id": "late",
        "api": "SendBatchSms",
        "accepted": 1,
        "finished_at": long_ago,
        "receipts": [
            {
                "phone_number": GOOD[0],
                "outcome": "accepted",
                "out_id": "x",
                "time": noon_in_china(days_ago=2),
                "biz_id": None,
            }
        ],
    }
    with DAG("late") as dag:
        AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, **mode)
    assert run_dag(dag).xcom("wait")["pending"] == 1
    assert simulator.stats()["requests"]["QuerySendDetails"] == 1


@pytest.mark.parametrize("receipts", ["inline", "file"])
def test_who_the_carrier_blocks_is_kept_and_groups_are_counted_in_every_mode(
    watched, simulator, set_connection, mode, receipts, tmp_path
):
    set_connection(
        login="testid", password="testsecret", host=simulator.url, extra={"ledger_secret": "of this team"}
    )
    simulator.options(delivery_delay=0.5)
    split = Split({"a": 0.5, "b": 0.5}, salt="x")
    people = [*GOOD, DEAD, BLACK]
    outcome = watched(
        people,
        receipts=receipts,
        suppress_into=str(tmp_path / "learned"),
        split=split,
        operator=AliyunSendBatchSmsOperator(
            task_id="send",
            recipients=people,
            sign_name="测试",
            split=split,
            templates={"a": "SMS_1", "b": "SMS_2"},
            receipts_path=None if receipts == "inline" else str(tmp_path / "receipts"),
        ),
        **mode,
    )
    assert outcome.states == {"send": "success", "wait": "success"}
    groups = outcome.xcom("wait")["groups"]
    assert sum(each["delivered"] for each in groups.values()) == len(GOOD)
    assert sum(each["failed"] for each in groups.values()) == 2
    assert groups[split.group("86" + BLACK)]["failed"] >= 1
    (path,) = (tmp_path / "learned").iterdir()
    assert path.read_text() == f"phone_number,code\n+86{BLACK},MOBILE_IN_BLACK\n"
    name = hashlib.blake2b(path.read_bytes(), digest_size=16, key=b"").hexdigest()
    assert path.stem != name, "anyone could find the number by trying all"


def test_a_folder_for_opt_outs_that_was_rendered_to_nothing_is_an_error(watched, mode, tmp_path, monkeypatch):
    """Otherwise numbers would be kept in a folder named None, which no guard reads."""
    monkeypatch.chdir(tmp_path)
    outcome = watched([BLACK], suppress_into="{{ none }}", **mode)
    assert outcome.states["wait"] == "failed"
    assert [*tmp_path.iterdir()] == []
