# SPDX-License-Identifier: Apache-2.0
"""The limit of the account as the connection names it: tasks share it by a real Redis, and without it none sends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from china_time import noon_in_china
from database_servers import NoServerError, redis_server
from launcher.processes import wait_for

from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.pacing import account, redis_store
from airflow_provider_aliyunsms.delivery import query_limiter
from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.exceptions import DeliveryTimeoutError, PaceError
from airflow_provider_aliyunsms.hooks import account_pace as hooks_pace
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
from airflow_provider_aliyunsms.notifications import alert as alerts
from airflow_provider_aliyunsms.notifications.aliyun_sms import AliyunSmsNotifier
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.products import CHINA, GLOBE
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor
from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger

REDIS = pytest.importorskip("redis")
HEAD = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)

PEOPLE = [f"8525123{{i:04d}}" for i in range(1, 7)]
GLOBE = {{"task_id": "send", "recipients": PEOPLE, "message": "Hi", "chunk_size": 1}}

with DAG("{dag_id}", schedule=None, default_args={{"retries": 0}}) as dag:
    {body}
"""


@pytest.fixture(autouse=True)
def open_at_once(monkeypatch):
    """Spare a test the first seconds, in which a new server gives nothing."""
    monkeypatch.setattr(redis_store, "GRACE", -60.0)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    try:
        with redis_server(tmp_path_factory.mktemp("redis")) as server:
            yield server
    except NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def run_task(run_dag, tmp_path):
    def run(dag_id, body):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id, body=body), encoding="utf-8")
        return run_dag(path)

    return run


@pytest.fixture
def shared(redis, simulator, set_connection):
    """Name the Redis in the connection; gives a function that changes the connection's extra."""

    def define(**extra):
        set_connection(conn_id="sms_pace", conn_type="redis", host="127.0.0.1", port=redis.port)
        set_connection(
            login="testid",
            password="testsecret",
            host=simulator.url,
            extra={"pace_conn_id": "sms_pace", **extra},
        )

    define()
    return define


def test_two_tasks_at_a_time_make_one_call_a_second_together(run_task, simulator, shared):
    """The gateway refuses what is more, so it would have refused somebody."""
    simulator.options(globe_qps=1)
    hook, over, calls = AliyunSmsHook(), threading.Event(), []
    clock = Clock()

    def other_task():
        with hook.account_pace(product=GLOBE, most=None, connections=1) as pace:
            while not over.is_set():
                began = clock.monotonic()
                if pace.take(now=began) > 0:
                    over.wait(0.02)
                    continue
                answer = hook.get_conn().batch_send_message_to_globe(to=["6591230001"], messages=["Other"])
                pace.end(started=began, now=clock.monotonic())
                calls.append(answer)

    thread = threading.Thread(target=other_task, daemon=True)
    thread.start()
    try:
        outcome = run_task("globe_shared", "AliyunBatchSendMessageToGlobeOperator(**GLOBE)")
    finally:
        over.set()
        thread.join(20)
    assert outcome.state == "success"
    assert outcome.xcom("send")["accepted"] == 6
    assert calls
    stats = simulator.stats()
    assert stats["refused"] == {}
    assert stats["worst_second"]["BatchSendMessageToGlobe"] == 1


def test_without_redis_nothing_is_sent_and_the_error_names_the_connection(
    run_task, simulator, shared, redis, capsys
):
    redis.freeze()
    try:
        outcome = run_task(
            "globe_without_redis", "AliyunBatchSendMessageToGlobeOperator(**GLOBE, network_patience=2)"
        )
    finally:
        redis.thaw()
    assert outcome.state == "failed"
    assert simulator.counts() == {}
    assert "the connection 'sms_pace' has not been reached" in capsys.readouterr().out
    # What was not sent is sent by the next run.
    assert run_task("globe_with_redis", "AliyunBatchSendMessageToGlobeOperator(**GLOBE)").state == "success"
    assert len(simulator.counts()) == 6


def test_without_a_store_each_task_keeps_the_limit_of_the_account(simulator, set_connection):
    set_connection(
        login="testid", password="testsecret", host=simulator.url, extra={"china_qps": "2.5", "globe_qps": 3}
    )
    hook = AliyunSmsHook()
    assert (hook.settings.china_qps, hook.settings.globe_qps) == (2.5, 3)
    assert hook.account_pace(product=CHINA, most=None, connections=1) is None
    for own, kept in ((None, 2.5), (1, 1), (9, 2.5)):
        operator = AliyunSendBatchSmsOperator(
            task_id="send", recipients=[], template_code="SMS_1", max_qps=own
        )
        assert operator._policy().max_qps == kept


def test_the_china_api_has_no_shared_limit_unless_one_is_named(shared):
    assert AliyunSmsHook().account_pace(product=CHINA, most=None, connections=1) is None
    shared(china_qps=100)
    assert AliyunSmsHook().account_pace(product=CHINA, most=None, connections=1) is not None


ON_CALL = [f"138000010{n:02d}" for n in range(3)]


@pytest.fixture
def notifier(tmp_path):
    def make(*phone_numbers):
        return AliyunSmsNotifier(
            phone_numbers=list(phone_numbers),
            template_code="SMS_1",
            sign_name="阿里云",
            state_dir=str(tmp_path),
        )

    return make


@contextmanager
def a_campaign_in_need():
    """A task that makes as many calls as it may, until the block ends; gives the moments of its calls."""
    over, calls, clock = threading.Event(), [], Clock()

    def work():
        with AliyunSmsHook().account_pace(product=CHINA, most=None, connections=1) as pace:
            while not over.wait(0.01):
                began = clock.monotonic()
                if pace.take(now=began) <= 0:
                    calls.append(began)
                    pace.end(started=began, now=clock.monotonic())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield calls
    finally:
        over.set()
        thread.join(20)


def test_alerts_count_against_the_limit_and_go_before_campaigns(simulator, shared, notifier, caplog):
    shared(china_qps=1)
    with a_campaign_in_need() as calls:
        wait_for(lambda: calls, timeout=20, what="the campaign calls")
        began = time.monotonic()
        notifier(ON_CALL[0])({})
        # By its turn it would wait for five seconds.
        assert time.monotonic() - began < 4.0
        asyncio.run(awaited(notifier(*ON_CALL[1:])))
        before = len(calls)
        wait_for(lambda: len(calls) > before, timeout=20, what="the campaign goes on")
    assert simulator.counts() == dict.fromkeys(ON_CALL, 1)
    assert simulator.stats()["worst_second"]["SendSms"] == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def awaited(notifier):
    await notifier


def test_an_alert_is_not_sent_without_redis_and_its_log_names_the_connection(
    simulator, shared, notifier, redis, monkeypatch, caplog
):
    shared(china_qps=1)
    monkeypatch.setattr(alerts, "PATIENCE", 3.0)
    redis.freeze()
    try:
        notifier(*ON_CALL)({})
    finally:
        redis.thaw()
    assert simulator.counts() == {}
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines[0] == "The alert to 138****1000 is not sent."
    assert "the connection 'sms_pace' has not been reached" in " ".join(lines)
    # It does not count for the hour either.
    for _ in range(10):
        shared()
        notifier(ON_CALL[0])({})
    assert simulator.counts() == {ON_CALL[0]: 10}


@pytest.fixture
def campaign(simulator, shared, tmp_path):
    """Return the result of a campaign to ten people whose messages stay pending."""
    numbers = [f"138000004{n:02d}" for n in range(10)]
    simulator.options(delivery_delay=600)
    answer = (
        AliyunSmsHook()
        .get_conn()
        .send_batch_sms(
            phone_numbers=numbers, sign_names=["测试"] * 10, template_code="SMS_1", out_id="chunk1"
        )
    )
    receipt = {"outcome": "accepted", "code": None, "biz_id": answer.biz_id, "out_id": "chunk1"}
    path = tmp_path / "receipts.jsonl"
    path.write_text(
        "".join(
            json.dumps(receipt | {"phone_number": number, "time": noon_in_china()}) + "\n"
            for number in numbers
        )
    )
    return {
        "campaign_id": "spring",
        "api": "SendBatchSms",
        "accepted": 10,
        "finished_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digest": "d1",
        "receipts_path": str(path),
    }


def queries(simulator):
    return simulator.stats()["requests"].get("QuerySendDetails", 0)


def trigger_of(campaign, **settings):
    return AliyunSmsDeliveryTrigger(
        campaigns=[each.to_json() for each in watched(campaign)], poke_interval=0.05, max_wait=0.1, **settings
    )


async def events_of(trigger):
    return [event.payload async for event in trigger.run()]


def test_sensors_and_triggers_share_one_limit(simulator, shared, campaign):
    shared(query_qps=5)
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, max_qps=None)
    poke = threading.Thread(target=sensor.poke, args=({},), daemon=True)

    async def watch():
        triggers = [trigger_of(campaign, end_time=time.time(), max_qps=None) for _ in range(2)]
        return await asyncio.gather(*map(events_of, triggers))

    poke.start()
    events = asyncio.run(watch())
    poke.join(30)
    assert [event["pending"] for (event,) in events] == [10, 10]
    stats = simulator.stats()
    assert stats["requests"]["QuerySendDetails"] == 30
    assert stats["worst_second"]["QuerySendDetails"] <= 5
    assert sensor._watch.tally.pending == 10


def test_without_a_store_the_limit_holds_for_each_sensor(simulator, set_connection, campaign):
    set_connection(login="testid", password="testsecret", host=simulator.url, extra={"query_qps": "4"})
    for own, kept in ((None, 4), (2, 2), (20, 4)):
        sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, max_qps=own)
        watch = sensor._make_watch(campaigns=sensor._campaigns(), known=None)
        assert watch._poller.limiter.limits.max_qps == kept


@pytest.fixture
def impatient(monkeypatch):
    """Notice in less than a second that the store does not respond."""
    monkeypatch.setattr(account, "LASTS", 1.0)
    monkeypatch.setattr(query_limiter, "STORE_PATIENCE", 0.5)
    monkeypatch.setattr(hooks_pace, "TIMEOUT", 0.5)


def test_a_sensor_without_redis_asks_nothing_and_asks_when_it_is_back(
    simulator, shared, campaign, redis, impatient, caplog
):
    shared(query_qps=50)
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, max_failed_rounds=2)
    redis.freeze()
    try:
        assert sensor.poke({}) is False
        assert queries(simulator) == 0
        assert "the connection 'sms_pace' cannot be reached" in caplog.text
    finally:
        redis.thaw()
    # A round right after it came back may still meet a store that is slow, and ask only some of them.
    wait_for(lambda: sensor.poke({}) is False and queries(simulator) >= 10, timeout=30, what="all are asked")
    asked = queries(simulator)
    redis.freeze()
    try:
        assert sensor.poke({}) is False
        with pytest.raises(PaceError, match="the connection 'sms_pace' has not been reached"):
            sensor.poke({})
        late = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, timeout=0, min_delivered_ratio=0.5)
        with pytest.raises(DeliveryTimeoutError, match="'sms_pace'"):
            late.poke({})
    finally:
        redis.thaw()
    assert queries(simulator) == asked


def test_a_trigger_without_redis_waits_without_blocking_the_loop(
    simulator, shared, campaign, redis, impatient
):
    shared(query_qps=50)

    async def measured():
        worst, thawed = 0.0, False
        done = asyncio.ensure_future(events_of(trigger_of(campaign, end_time=time.time() + 6.0)))
        began = time.monotonic()
        while not done.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before - 0.01)
            if not thawed and time.monotonic() > began + 3.0:
                assert queries(simulator) == 0
                thawed = True
                redis.thaw()
        return worst, done.result()

    redis.freeze()
    try:
        worst, (event,) = asyncio.run(measured())
    finally:
        redis.thaw()
    assert event["pending"] == 10
    assert queries(simulator) >= 10
    assert worst < 0.3


def test_look_ups_of_a_send_keep_the_limit_for_queries(run_task, simulator, shared):
    shared(query_qps=2)
    simulator.misbehave("drop_after", action="SendBatchSms", times=1)
    outcome = run_task(
        "looked_up",
        "AliyunSendBatchSmsOperator(task_id='send', recipients=['13800000001', '13800000002', '13800000003'],"
        " template_code='SMS_1', sign_name='测试')",
    )
    assert outcome.xcom("send")["accepted"] == 3
    stats = simulator.stats()
    assert stats["requests"]["QuerySendDetails"] >= 3
    assert stats["worst_second"]["QuerySendDetails"] <= 2
    assert set(simulator.counts().values()) == {1}
