# SPDX-License-Identifier: Apache-2.0
"""Thousands of messages, restarts in between, and a gateway that keeps count."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG
from china_time import noon_in_china

from airflow_provider_aliyunsms.delivery import watch
from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.exceptions import CampaignDoomedError, ConfigurationError
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor
from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger

pytestmark = pytest.mark.airflow

CHUNK = 100


def good_numbers(count):
    """Give numbers whose last four digits the simulator delivers to."""
    return [f"138{n // 1000:04d}5{n % 1000:03d}" for n in range(count)]


def silent_numbers(count):
    return [f"139{n:04d}0404" for n in range(count)]


@pytest.fixture
def sent(aliyun_connection, airflow_db, tmp_path):
    """Give a function that sends for real and leaves the receipts in a file."""

    def send(numbers, *, accepted_at=None):
        from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

        client = AliyunSmsHook().get_conn()
        now = datetime.now(UTC)
        path = tmp_path / "receipts.jsonl"
        with path.open("w") as stream:
            for start in range(0, len(numbers), CHUNK):
                chunk = numbers[start : start + CHUNK]
                answer = client.send_batch_sms(
                    phone_numbers=chunk,
                    sign_names=["测试"] * len(chunk),
                    template_code="SMS_1",
                    out_id=f"c{start}",
                )
                for number in chunk:
                    receipt = {
                        "phone_number": number,
                        "outcome": "accepted",
                        "biz_id": answer.biz_id,
                        "out_id": f"c{start}",
                        "time": accepted_at.strftime("%Y-%m-%dT%H:%M:%SZ")
                        if accepted_at
                        else noon_in_china(),
                    }
                    stream.write(json.dumps(receipt) + "\n")
        return {
            "campaign_id": "spring",
            "api": "SendBatchSms",
            "accepted": len(numbers),
            "finished_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "digest": "d1",
            "receipts_path": str(path),
        }

    return send


def queries(simulator):
    return simulator.stats()["requests"].get("QuerySendDetails", 0)


def ended(trigger):
    """Run a trigger in "another process" and give its one event, as the database brings it back."""

    async def events():
        _, kwargs = trigger.serialize()
        reborn = AliyunSmsDeliveryTrigger(**json.loads(json.dumps(kwargs)))
        return [event.payload async for event in reborn.run()]

    (event,) = asyncio.run(events())
    return json.loads(json.dumps(event))


def trigger_for(campaign, **settings):
    settings = {"end_time": time.time(), "poke_interval": 0.05, "max_wait": 0.1, **settings}
    return AliyunSmsDeliveryTrigger(campaigns=[each.to_json() for each in watched(campaign)], **settings)


def sensor_for(campaign, **settings):
    settings = {"poke_interval": 0.05, "max_wait": 0.1, "max_qps": None, **settings}
    return AliyunSmsDeliverySensor(task_id="wait", campaign=campaign, deferrable=True, **settings)


def deferral_of(call):
    with pytest.raises(TaskDeferred) as caught:
        call()
    return caught.value.trigger


class Store(dict):
    """A task state store in memory."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))


def test_five_thousand_are_asked_once_each_and_no_second_holds_too_many(sent, simulator):
    campaign = sent(good_numbers(5000))
    began = time.monotonic()
    event = ended(trigger_for(campaign, max_qps=400, max_concurrency=16))
    took = time.monotonic() - began
    assert (event["status"], event["delivered"], event["calls"]) == ("success", 5000, 5000)
    assert queries(simulator) == 5000
    assert simulator.stats()["worst_second"]["QuerySendDetails"] <= 400
    assert took >= 5000 / 400 - 1


def test_slow_answers_do_not_hold_up_the_pace(sent, simulator):
    """One at a time would take twenty seconds."""
    campaign = sent(good_numbers(100))
    simulator.misbehave("delay_before", action="QuerySendDetails", times=None, seconds=0.2)
    began = time.monotonic()
    assert ended(trigger_for(campaign, max_qps=None, max_concurrency=10))["delivered"] == 100
    assert time.monotonic() - began < 12


def test_both_dates_near_midnight_and_every_retry_count(sent, simulator):
    """What was sent at ten past midnight in China may be filed under either date: two queries a message."""
    past_midnight = (datetime.now(UTC) - timedelta(days=1)).replace(hour=16, minute=10)
    campaign = sent(good_numbers(30), accepted_at=past_midnight)
    simulator.misbehave("drop_before", action="QuerySendDetails", times=3)
    event = ended(trigger_for(campaign, max_qps=20))
    # the dropped ones never became requests that the gateway counts
    stats = simulator.stats()
    assert event["calls"] >= 60
    assert event["calls"] == stats["requests"]["QuerySendDetails"]
    assert stats["worst_second"]["QuerySendDetails"] <= 20


def test_max_calls_ends_it_in_every_process_together(sent, simulator, monkeypatch):
    monkeypatch.setattr(watch, "LEG", 0.2)
    campaign = sent([*good_numbers(10), *silent_numbers(10)])
    sensor = sensor_for(campaign, max_calls=64)
    event, store = {"status": "progress"}, Store()
    trigger = deferral_of(lambda: sensor.execute({"task_state_store": store}))
    while (event := ended(trigger))["status"] == "progress":
        progress = event
        trigger = deferral_of(lambda: sensor.execute_complete({"task_state_store": store}, progress))  # noqa: B023 - called at once
    assert queries(simulator) == 64
    found = sensor.execute_complete({"task_state_store": store}, event)
    assert (found["calls"], found["delivered"], found["pending"]) == (64, 10, 10)


@pytest.mark.parametrize("with_store", [True, False], ids=["with a store", "without"])
def test_a_restart_costs_one_leg_at_most(sent, simulator, monkeypatch, with_store):
    """Every leg runs twice, as if the triggerer were killed at its very end; nobody is asked a third time."""
    monkeypatch.setattr("airflow_provider_aliyunsms.sensors.aliyun_sms.FIRST_LOOK", 0.0)
    monkeypatch.setattr(watch, "LEG", 1.5)
    campaign = sent(good_numbers(400))
    context = {"task_state_store": Store()} if with_store else {}
    sensor = sensor_for(campaign, max_qps=100)
    trigger, legs, counted = deferral_of(lambda: sensor.execute(context)), 0, []
    while legs < 20:
        legs += 1
        ended(trigger)
        event = ended(trigger)
        if event["status"] != "progress":
            break
        counted.append(sum(each["delivered"] for each in event["known"]["progress"]))
        trigger = deferral_of(lambda event=event: sensor.execute_complete(context, event))
    assert legs >= 3
    assert counted == sorted(set(counted))
    found = sensor.execute_complete(context, event)
    assert (found["delivered"], found["pending"]) == (400, 0)
    assert queries(simulator) <= 2 * 400 + 20 * legs


def test_a_retry_asks_only_for_the_pending(sent, simulator):
    campaign, store = sent([*good_numbers(50), *silent_numbers(5)]), Store()
    for expected in (55, 5):
        before = queries(simulator)
        deferral_of(lambda: sensor_for(campaign).execute({"task_state_store": store}))
        assert queries(simulator) - before == expected


def test_a_store_that_fails_only_costs_questions(sent, simulator, caplog):
    class Broken(Store):
        def set(self, key, value):
            raise ConnectionResetError(f"could not write {key}")

    sensor = sensor_for(sent(silent_numbers(5)))
    trigger = deferral_of(lambda: sensor.execute({"task_state_store": Broken()}))
    assert trigger.known["calls"] == 5
    assert "could not be kept (ConnectionResetError)" in caplog.text


@pytest.mark.parametrize("failing", ["get", "set"])
def test_a_result_is_not_lost_over_a_store_that_fails(sent, simulator, caplog, failing):
    def fail(*args):
        raise ConnectionResetError(f"could not {failing}")

    store = Store({"aliyun_sms.delivery.head": {}})
    setattr(store, failing, fail)
    found = sensor_for(sent(good_numbers(5))).execute({"task_state_store": store})
    assert found["delivered"] == 5
    assert "could not be forgotten (ConnectionResetError)" in caplog.text


def test_another_campaign_is_not_counted_with_what_was_learned_of_the_first(sent, simulator, monkeypatch):
    """The send task was cleared and ran anew while the sensor was deferred."""
    monkeypatch.setattr(watch, "LEG", 0.2)
    simulator.options(delivery_delay=0.4)
    campaign = sent([*good_numbers(20), *silent_numbers(2)])
    event = ended(trigger_for(campaign, end_time=time.time() + 60, max_qps=None))
    assert event["status"] == "progress"
    other = sensor_for(campaign | {"digest": "d2"})
    assert deferral_of(lambda: other.execute_complete({}, event)).known is None


def test_a_leg_that_learned_nothing_goes_on(sent, simulator, monkeypatch):
    monkeypatch.setattr(watch, "LEG", 0.2)
    event = ended(trigger_for(sent(silent_numbers(3)), end_time=time.time() + 1.5, max_qps=None))
    assert (event["status"], event["pending"]) == ("success", 3)


MODES = {"poke": {"mode": "poke"}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}


@pytest.mark.parametrize("mode", MODES)
def test_a_sampled_verdict_in_every_mode(run_dag, aliyun_connection, simulator, tmp_path, monkeypatch, mode):
    monkeypatch.setattr(watch, "LEG", 0.5)
    with DAG(f"sampled_{mode}") as dag:
        send = AliyunSendBatchSmsOperator(
            task_id="send",
            recipients=[*good_numbers(270), *silent_numbers(30)],
            template_code="SMS_1",
            sign_name="测试",
            receipts_path=str(tmp_path / "receipts"),
        )
        AliyunSmsDeliverySensor(
            task_id="wait",
            campaign=send.output,
            sample_size=60,
            min_delivered_ratio=0.5,
            stop_when_reached=True,
            max_qps=None,
            poke_interval=0.05,
            max_wait=0.2,
            **MODES[mode],
        )
    outcome = run_dag(dag)
    assert outcome.states == {"send": "success", "wait": "success"}
    found = outcome.xcom("wait")
    sample = found["sample"]
    assert (found["estimated"], found["accepted"], found["sample_size"]) == (True, 300, 60)
    assert sample["delivered"] + sample["failed"] + sample["pending"] == 60
    low, high = found["delivered_ratio_interval"]
    assert 0.5 <= low < found["delivered_ratio"] < high <= 1
    # Each sampled one has been asked once, nobody else ever. On a busy machine a leg may end before all were asked,
    # and the ratio is reached then.
    assert sample["delivered"] <= found["calls"] == queries(simulator) <= 60


@pytest.mark.parametrize("wrong", [{"sample_size": 0}, {"max_calls": 0}, {"max_concurrency": 0}])
def test_a_wrong_number_breaks_the_dag_file(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        sensor_for(None, **wrong)


def test_an_error_in_the_first_round_keeps_what_was_learned(sent, simulator):
    campaign = sent(good_numbers(10))
    simulator.misbehave("doomed", action="QuerySendDetails", times=None, skip=5)
    store = Store()
    with pytest.raises(CampaignDoomedError):
        sensor_for(campaign, max_concurrency=1).execute({"task_state_store": store})
    simulator.behave()
    before = queries(simulator)
    result = sensor_for(campaign, max_concurrency=1).execute({"task_state_store": store})
    assert result["delivered"] == 10
    assert queries(simulator) - before == 5, "nobody is asked for a second time"
