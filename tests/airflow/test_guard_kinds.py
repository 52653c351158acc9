# SPDX-License-Identifier: Apache-2.0
"""Each guard stops on real Airflow what it is there to stop: nothing leaves, and the reason has its figures."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta

import pytest

PEOPLE = [{"phone_number": f"138000000{i:02d}", "template_param": {"name": "张伟"}} for i in range(20)]


@pytest.fixture
def send(run_dag, aliyun_connection, simulator):
    """Run a campaign to twenty people with some guards."""
    simulator.templates({"SMS_1": {"text": "尊敬的${name}" + "长" * 70, "kind": "notification"}})
    simulator.signatures({"测试": {}})

    def run(dag_id, *guards, people=PEOPLE, **more):
        from airflow.providers.common.compat.sdk import DAG

        from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

        fields = {"template_code": "SMS_1", "sign_name": "测试", "retries": 0} | more
        with DAG(dag_id, schedule=None) as dag:
            AliyunSendBatchSmsOperator(task_id="send", recipients=people, guards=guards, **fields)
        return run_dag(dag)

    return run


def guards_that_stop():
    from airflow_provider_aliyunsms.campaign.guards import (
        ExpectedCount,
        LikeLastRun,
        MaxCost,
        MaxMessages,
        MaxParts,
        Preflight,
    )

    return {
        "MaxMessages": (MaxMessages(19), "20"),
        "MaxParts": (MaxParts(39), "40 parts"),
        "MaxCost": (MaxCost("1 CNY", price="0.045 CNY"), "1.80 CNY"),
        "ExpectedCount": (ExpectedCount(10, tolerance=0.5), "20"),
        "LikeLastRun": (LikeLastRun(first_most=19), "20"),
        "Preflight": (Preflight(kind="promotion"), "notification"),
    }


@pytest.mark.parametrize(
    "name",
    ["MaxMessages", "MaxParts", "MaxCost", "ExpectedCount", "LikeLastRun", "Preflight"],
)
def test_it_stops_what_it_is_there_for(send, simulator, name):
    guard, figure = guards_that_stop()[name]
    outcome = send(f"stops_{name.lower()}", guard)
    assert outcome.states["send"] == "failed"
    assert simulator.counts() == {}
    (record,) = outcome.xcom("send", "campaign")["guards"]
    assert (record["guard"], record["decision"]) == (name, "fail")
    assert figure in record["reason"]


def test_a_run_that_comes_late_is_not_sent(run_dag, aliyun_connection, simulator):
    import time

    from airflow.providers.common.compat.sdk import DAG, task

    from airflow_provider_aliyunsms.campaign.guards import Fresh
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    with DAG("stops_late", schedule=None) as dag:

        @task
        def preparation():
            # The date of the gateway has whole seconds.
            time.sleep(3)

        preparation() >> AliyunSendBatchSmsOperator(
            task_id="send",
            recipients=PEOPLE,
            template_code="SMS_1",
            sign_name="测试",
            retries=0,
            guards=[Fresh(within=timedelta(seconds=1))],
        )
    outcome = run_dag(dag)
    assert (outcome.states["send"], simulator.counts()) == ("failed", {})
    (record,) = outcome.xcom("send", "campaign")["guards"]
    assert "due" in record["reason"]


def test_a_cap_is_counted_in_a_database_of_airflow(send, simulator, monkeypatch, tmp_path):
    from airflow_provider_aliyunsms.campaign.guards import DailyTotal, FrequencyCap, MaxMessages

    database = tmp_path / "claims.db"
    sqlite3.connect(database).close()
    connection = {"conn_type": "sqlite", "host": str(database)}
    monkeypatch.setenv("AIRFLOW_CONN_CLAIMS", json.dumps(connection))
    cap = FrequencyCap(1, per=timedelta(days=7), store="sql:claims")
    daily = MaxMessages(30, daily=DailyTotal(store="sql:claims"))
    first = send("cap_first", daily, cap, people=PEOPLE[:12])
    assert first.xcom("send")["accepted"] == 12
    second = send("cap_second", daily, cap)
    # Twelve have their message; the limit of the day counts the twenty who were asked for, and has room for eighteen.
    assert second.states["send"] == "failed"
    third = send("cap_third", cap)
    assert (third.xcom("send")["accepted"], third.xcom("send")["skipped"]) == (8, 12)
    assert third.xcom("send")["errors"] == {"local.FREQUENCY_CAP": 12}
    assert set(simulator.counts().values()) == {1}
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"13800000001" not in kept


def test_a_signature_that_a_carrier_has_not_filed_shows_in_the_canary(send, simulator, tmp_path):
    from airflow_provider_aliyunsms.campaign.guards import Canary, Preflight

    simulator.signatures({"测试": {"carriers": {"mobile": "not filed"}}})
    canary = Canary(size=4, min_delivered_ratio=0.9, wait=timedelta(seconds=2))
    outcome = send("unfiled", Preflight(), canary=canary, ledger_path=str(tmp_path / "ledger"))
    assert outcome.states["send"] == "failed"
    assert len(simulator.counts()) == 4
    records = {each["guard"]: each for each in outcome.xcom("send", "campaign")["guards"]}
    # The gateway takes such messages, and so the vendor's word stops nothing unless it is asked to.
    assert records["Preflight"]["decision"] == "go"
    assert "not filed" in records["Preflight"]["reason"]
    assert records["Canary"]["figures"]["codes"] == {"PORT_NOT_REGISTERED": 4}
    assert "PORT_NOT_REGISTERED" in records["Canary"]["reason"]


def test_sends_that_the_platform_would_refuse_are_skipped_and_not_made(send, simulator, tmp_path):
    from airflow_provider_aliyunsms.campaign.guards import FrequencyCap

    simulator.templates({"SMS_1": {"text": "验证码${name}", "kind": "otp"}})
    simulator.options(limits_frequency=True)
    (tmp_path / "claims").mkdir()
    cap = FrequencyCap.platform("otp", store=str(tmp_path / "claims"))
    assert send("otp_first", cap, people=PEOPLE[:5]).xcom("send")["accepted"] == 5
    second = send("otp_second", cap, people=PEOPLE[:8]).xcom("send")
    assert (second["accepted"], second["skipped"], second["rejected"]) == (3, 5, 0)
    assert second["errors"] == {"local.FREQUENCY_CAP": 5}
    assert simulator.stats()["refused"] == {}
