# SPDX-License-Identifier: Apache-2.0
"""The limit of the account as the connection names it: tasks share it by a real Redis, and without it none sends."""

from __future__ import annotations

import threading

import pytest
from database_servers import NoServerError, redis_server

from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
from airflow_provider_aliyunsms.products import CHINA, GLOBE

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
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    for own, kept in ((None, 2.5), (1, 1), (9, 2.5)):
        operator = AliyunSendBatchSmsOperator(
            task_id="send", recipients=[], template_code="SMS_1", max_qps=own
        )
        assert operator._policy().max_qps == kept


def test_the_china_api_has_no_shared_limit_unless_one_is_named(shared):
    assert AliyunSmsHook().account_pace(product=CHINA, most=None, connections=1) is None
    shared(china_qps=100)
    assert AliyunSmsHook().account_pace(product=CHINA, most=None, connections=1) is not None
