# SPDX-License-Identifier: Apache-2.0
"""The trigger on a real event loop, against a gateway on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
import zlib
from datetime import UTC, datetime

import psutil
import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred
from china_time import noon_in_china

from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    CampaignDoomedError,
    DeliveryError,
    WatchInterruptedError,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor
from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger

pytestmark = pytest.mark.airflow

GOOD = [f"1380000{n:04d}" for n in range(1, 7)]
DEAD = "13800000401"
SILENT = "13800000404"


@pytest.fixture
def sent(aliyun_connection, airflow_db, tmp_path):
    """Give a function that sends for real and returns what a send operator would."""

    def send(numbers, *, inline=False):
        from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

        client = AliyunSmsHook().get_conn()
        answer = client.send_batch_sms(
            phone_numbers=numbers, sign_names=["测试"] * len(numbers), template_code="SMS_1", out_id="chunk1"
        )
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        receipts = [
            {
                "phone_number": number,
                "outcome": "accepted",
                "code": None,
                "biz_id": answer.biz_id,
                "out_id": "chunk1",
                "time": noon_in_china(),
            }
            for number in numbers
        ]
        campaign = {
            "campaign_id": "spring",
            "api": "SendBatchSms",
            "accepted": len(numbers),
            "finished_at": now,
            "digest": "d1",
        }
        if inline:
            return campaign | {"receipts": receipts}
        path = tmp_path / "receipts.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in receipts))
        return campaign | {"receipts_path": str(path)}

    return send


def deferral(campaign, **settings):
    """Give what a sensor hands over when it defers."""
    settings = {"poke_interval": 0.05, "max_wait": 0.2, **settings}
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, deferrable=True, **settings)
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({})
    return caught.value


def reborn(trigger):
    """Give what another triggerer makes of the stored arguments."""
    path, kwargs = trigger.serialize()
    assert path == f"{AliyunSmsDeliveryTrigger.__module__}.{AliyunSmsDeliveryTrigger.__qualname__}"
    return AliyunSmsDeliveryTrigger(**json.loads(json.dumps(kwargs)))


async def events_of(trigger):
    return [event.payload async for event in trigger.run()]


def event_of(trigger):
    (event,) = asyncio.run(events_of(trigger))
    return event


def queries(simulator):
    return simulator.stats()["requests"].get("QuerySendDetails", 0)


def test_no_connection_idles_between_two_rounds(sent, simulator):
    """A watch may wait for hours, and a triggerer has many of them."""
    port = int(simulator.endpoint.rpartition(":")[2])

    def open_connections():
        found = psutil.Process().net_connections(kind="tcp")
        return sum(
            each.status == "ESTABLISHED" and bool(each.raddr) and each.raddr.port == port for each in found
        )

    campaign = sent([*GOOD, SILENT])
    # The connection of the test's own client is open from here on.
    assert queries(simulator) == 0
    before = open_connections()
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign)
    for _ in range(2):
        asked = queries(simulator)
        assert sensor.poke({}) is False
        assert queries(simulator) > asked
        assert open_connections() == before


@pytest.mark.parametrize("inline", [True, False])
def test_its_arguments_make_an_equal_trigger_and_hold_no_number_and_no_id(sent, simulator, inline):
    campaign = sent([*GOOD, SILENT], inline=inline)
    trigger = deferral(campaign).trigger
    assert reborn(trigger).serialize() == trigger.serialize()
    shown = repr(trigger) + everything_unpacked(trigger.serialize())
    assert not [number for number in [*GOOD, SILENT] if number in shown]
    for secret in ("testsecret", "chunk1"):
        assert secret not in shown


def everything_unpacked(value):
    """Give a value as text, with all that is packed in it."""
    if isinstance(value, dict):
        return "".join(map(everything_unpacked, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return "".join(map(everything_unpacked, value))
    text = str(value)
    with contextlib.suppress(ValueError, zlib.error):
        text += zlib.decompress(base64.b64decode(text, validate=True)).decode("latin-1")
    return text


def test_with_inline_receipts_the_trigger_waits_and_the_task_asks(sent, simulator):
    simulator.options(delivery_delay=3600)
    campaign = sent([*GOOD, DEAD], inline=True)
    sensor = AliyunSmsDeliverySensor(
        task_id="wait", campaign=campaign, deferrable=True, poke_interval=0.2, max_wait=0.2
    )
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({})
    trigger, rounds = caught.value.trigger, 0
    while True:
        asked = queries(simulator)
        event = event_of(reborn(trigger))
        assert queries(simulator) == asked
        assert event["status"] == "progress"
        rounds += 1
        if rounds == 2:
            simulator.options(delivery_delay=0)
        try:
            result = sensor.execute_complete({}, event)
        except TaskDeferred as deferred:
            trigger = deferred.trigger
        else:
            break
    assert rounds == 2
    assert (result["delivered"], result["failed"], result["pending"]) == (6, 1, 0)
    assert result["calls"] == queries(simulator)


def test_many_small_campaigns_are_asked_for_although_their_progress_travels_nowhere(
    sent, simulator, monkeypatch
):
    """As from a mapped send task, on an Airflow without a store: no look may be cut short for ever."""
    from airflow_provider_aliyunsms.delivery import checkpoint
    from airflow_provider_aliyunsms.sensors import aliyun_sms as sensors

    monkeypatch.setattr(checkpoint, "HANDED_OVER", 200)
    monkeypatch.setattr(sensors, "FIRST_LOOK", 0.05)
    simulator.misbehave("delay_before", action="QuerySendDetails", times=None, seconds=0.02)
    campaigns = [sent([number], inline=True) | {"campaign_id": number} for number in (*GOOD, SILENT)]
    sensor = AliyunSmsDeliverySensor(
        task_id="wait", campaign=campaigns, deferrable=True, poke_interval=0.3, max_wait=0.3, max_concurrency=1,
        max_qps=None, timeout=3,
    )  # fmt: skip
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({})
    trigger, waits = caught.value.trigger, []
    for _ in range(20):
        assert trigger.known["progress"] is None
        event = event_of(reborn(trigger))
        try:
            result = sensor.execute_complete({}, event)
        except TaskDeferred as deferred:
            trigger, now = deferred.trigger, time.time()
            waits.append(trigger.known["next_at"] - now)
        else:
            break
    assert (result["delivered"], result["pending"]) == (len(GOOD), 1)
    assert waits
    assert min(waits) > 0


def test_a_trigger_of_an_earlier_release_still_asks(sent, simulator):
    """Its arguments, with the packed receipts in them, may be in Airflow's database during an upgrade."""
    campaign = sent([*GOOD, DEAD], inline=True)
    (watched_campaign,) = watched_of(campaign)
    packed = base64.b64encode(zlib.compress(json.dumps(watched_campaign.receipts).encode(), 9)).decode()
    stored = {name: value for name, value in watched_campaign.to_json().items() if name != "receipts_path"}
    trigger = AliyunSmsDeliveryTrigger(
        campaigns=[stored | {"packed": packed}], end_time=time.time() + 60, poke_interval=0.05
    )
    event = event_of(reborn(trigger))
    assert (event["status"], event["delivered"], event["failed"]) == ("success", 6, 1)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_killed_sensor_makes_no_further_query(sent, simulator, deferrable):
    sensor = AliyunSmsDeliverySensor(
        task_id="wait", campaign=sent([SILENT] * 1 + GOOD), deferrable=deferrable, poke_interval=0.05
    )
    sensor.on_kill()
    with pytest.raises(WatchInterruptedError):
        sensor.execute({})
    assert queries(simulator) == 0


def test_it_ends_in_one_event(sent, simulator):
    simulator.options(delivery_delay=1.0)
    trigger = deferral(sent([*GOOD, DEAD])).trigger
    event = event_of(reborn(trigger))
    assert event.pop("calls") == queries(simulator)
    assert event.pop("series")[-1][1:] == [6, 1, 0]
    assert event == {
        "status": "success",
        "campaign_id": "spring",
        "delivered": 6,
        "failed": 1,
        "pending": 0,
        "errors": {"MOBILE_NOT_ON_SERVICE": 1},
        "population": None,
    }


def test_a_restart_asks_only_for_the_pending(sent, simulator):
    trigger = deferral(sent([*GOOD, SILENT])).trigger
    asked = queries(simulator)
    trigger.end_time = time.time()
    for _ in range(2):
        assert event_of(reborn(trigger))["pending"] == 1
    assert queries(simulator) == asked + 2


def test_a_deadline_that_passed_long_ago_still_gets_an_answer(sent, simulator):
    simulator.options(delivery_delay=1.0)
    trigger = deferral(sent(GOOD), min_delivered_ratio=1.0).trigger
    trigger.end_time = time.time() - 3600
    assert event_of(reborn(trigger))["status"] == "timed_out"


def test_a_lost_connection_is_tolerated(sent, simulator):
    simulator.options(delivery_delay=1.0)
    trigger = deferral(sent(GOOD)).trigger
    simulator.misbehave("drop_before", action="QuerySendDetails", times=8)
    assert event_of(reborn(trigger))["delivered"] == len(GOOD)
    assert simulator.stats()["faults_played"]["drop_before"] == 8


def test_a_gateway_that_is_gone_is_an_error_in_the_end(sent, simulator, set_connection):
    trigger = deferral(sent([SILENT]), max_failed_rounds=2).trigger
    set_connection(login="testid", password="testsecret", host="http://127.0.0.1:9")
    event = event_of(reborn(trigger))
    assert (event["status"], event["error"]) == ("error", "ConnectionNotMadeError")


def test_permissions_lost_in_mid_poll_are_said(sent, simulator):
    trigger = deferral(sent([SILENT])).trigger
    simulator.misbehave("doomed", action="QuerySendDetails", times=None)
    event = event_of(reborn(trigger))
    with pytest.raises(CampaignDoomedError):
        AliyunSmsDeliverySensor(task_id="wait", campaign=None).execute_complete({}, event)


def test_a_missing_connection_is_an_error_event(sent, simulator, monkeypatch):
    trigger = deferral(sent([SILENT])).trigger
    trigger.aliyun_sms_conn_id = "not_there"
    event = event_of(reborn(trigger))
    assert (event["status"], event["error"]) == ("error", "AirflowNotFoundException")


def test_receipts_the_triggerer_cannot_see_are_an_error_event(sent, simulator, tmp_path):
    trigger = deferral(sent([SILENT])).trigger
    (tmp_path / "receipts.jsonl").unlink()
    event = event_of(reborn(trigger))
    assert (event["status"], event["error"]) == ("error", "ConfigurationError")


def test_the_event_loop_is_not_blocked(sent, simulator):
    simulator.misbehave("delay_before", action="QuerySendDetails", times=None, seconds=0.4)
    campaign = sent([*GOOD, SILENT])
    trigger = AliyunSmsDeliveryTrigger(
        campaigns=[each.to_json() for each in watched_of(campaign)], end_time=time.time(), poke_interval=0.05
    )

    async def measured():
        worst, ticks, done = 0.0, 0, asyncio.ensure_future(events_of(trigger))
        while not done.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before - 0.01)
            ticks += 1
        return worst, ticks, done.result()

    worst, ticks, (event,) = asyncio.run(measured())
    assert event["pending"] == 1
    assert ticks > 20
    assert worst < 0.3


def test_cancelling_ends_the_questions_and_hides_nothing(sent, simulator):
    simulator.misbehave("delay_before", action="QuerySendDetails", times=None, seconds=0.1)
    everyone = [f"1390000{n:04d}" for n in range(1, 90)]
    campaign = sent(everyone)
    trigger = AliyunSmsDeliveryTrigger(
        campaigns=[each.to_json() for each in watched_of(campaign)], end_time=time.time() + 60, max_qps=20
    )

    async def cancelled():
        running = asyncio.ensure_future(events_of(trigger))
        while queries(simulator) < 3:  # noqa: ASYNC110 - the gateway has no event to wait for
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    wait_for_threads("aliyun-sms-delivery")
    asked = queries(simulator)
    assert asked < len(everyone)


def watched_of(campaign):
    from airflow_provider_aliyunsms.delivery.campaigns import watched

    return watched(campaign)


def wait_for_threads(prefix):
    import threading

    for thread in threading.enumerate():
        if thread.name.startswith(prefix):
            thread.join(10)
            assert not thread.is_alive()


def test_the_deferral_outlives_the_trigger(sent, simulator):
    deferred = deferral(sent([SILENT]), timeout=120)
    remaining = deferred.trigger.end_time - time.time()
    assert 100 < remaining < 121
    assert remaining < deferred.timeout.total_seconds() < remaining + 3600


@pytest.mark.parametrize("event", [None, {}, {"status": "done"}])
def test_only_our_events_end_the_task(event):
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=None)
    with pytest.raises(AliyunSmsError):
        sensor.execute_complete({}, event)


def test_never_fail_and_soft_fail_come_back_as_skips():
    event = {
        "status": "too_few",
        "campaign_id": "x",
        "delivered": 0,
        "failed": 1,
        "pending": 0,
        "errors": {"NO_ROUTE": 1},
    }
    with pytest.raises(DeliveryError):
        AliyunSmsDeliverySensor(task_id="w", campaign=None).execute_complete({}, event)
    for softness in ({"soft_fail": True}, {"never_fail": True}):
        sensor = AliyunSmsDeliverySensor(task_id="w", campaign=None, **softness)
        with pytest.raises(AirflowSkipException):
            sensor.execute_complete({}, event)
    with pytest.raises(AirflowSkipException):
        AliyunSmsDeliverySensor(task_id="w", campaign=None, never_fail=True).execute_complete({}, None)
    with pytest.raises(AliyunSmsError):
        AliyunSmsDeliverySensor(task_id="w", campaign=None, soft_fail=True).execute_complete({}, None)


@pytest.mark.parametrize("wrong", [{"min_delivered_ratio": 95}, {"stop_when_reached": True}, {"max_qps": 0}])
def test_a_wrong_parameter_breaks_the_dag_file_not_the_run(wrong):
    from airflow_provider_aliyunsms.exceptions import ConfigurationError

    with pytest.raises(ConfigurationError):
        AliyunSmsDeliverySensor(task_id="w", campaign=None, **wrong)


def test_a_killed_send_task_makes_no_further_look_up(sent, simulator):
    from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
    from airflow_provider_aliyunsms.campaign.chunks import make_chunk
    from airflow_provider_aliyunsms.campaign.ports import Evidence
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    sending = AliyunSendBatchSmsOperator(
        task_id="send", recipients=GOOD, template_code="SMS_1", sign_name="x"
    )
    channel = sending.make_channel()
    chunk = make_chunk(campaign="c", members=Members.of([(1, Recipient(number=GOOD[0], sign_name="x"))]))
    now = time.time()
    asking = {"chunk": chunk, "since": now, "until": now, "turn": 0, "thorough": False}
    assert channel.look_up(**asking).evidence is Evidence.EMPTY
    asked = queries(simulator)
    sending.on_kill()
    assert channel.look_up(**asking).evidence is Evidence.INCONCLUSIVE
    assert queries(simulator) == asked
