# SPDX-License-Identifier: Apache-2.0
"""The calls of the control API that tests use; test_inbox.py has those of the page."""

from __future__ import annotations

import time

import pytest
import requests

from airflow_provider_aliyunsms.simulator.numbers import canonical_number, state_at
from airflow_provider_aliyunsms.simulator.server import running

NUMBER = "13800001234"
OTHER = "13800005678"


def send(raw, *numbers, **changes):
    return raw.call("SendBatchSms", raw.batch(*numbers, **changes)).json()


def test_a_china_message_is_shown_with_its_labels(raw, simulator):
    simulator.options(delivery_delay=3600)
    sent = send(raw, NUMBER, OutId="out-1")
    (message,) = simulator.messages()
    assert message.pop("accepted_at").endswith("+08:00")
    assert message == {
        "api": "china",
        "action": "SendBatchSms",
        "number": NUMBER,
        "content": "【阿里云】SMS_152550005 name: member 0",
        "out_id": "out-1",
        "task_id": None,
        "biz_id": sent["BizId"],
        "message_id": None,
        "template_code": "SMS_152550005",
        "sender_id": None,
        "status": "pending",
        "err_code": "",
    }


def test_messages_come_newest_first_and_by_number(raw, simulator):
    for label in "abc":
        send(raw, NUMBER, OTHER, OutId=label)
    assert [(m["number"], m["out_id"]) for m in simulator.messages(limit=3)] == [
        (OTHER, "c"),
        (NUMBER, "c"),
        (OTHER, "b"),
    ]
    assert [m["out_id"] for m in simulator.messages(number=NUMBER)] == ["c", "b", "a"]
    assert simulator.messages(number="13900000000") == []


def test_counts_tell_duplicates(raw, simulator):
    send(raw, NUMBER, OTHER)
    send(raw, NUMBER)
    assert simulator.counts() == {NUMBER: 2, OTHER: 1}
    assert simulator.counts(duplicates=True) == {NUMBER: 2}


def test_a_number_twice_in_one_request_is_a_duplicate(raw, simulator):
    send(raw, NUMBER, f"+86{NUMBER}")
    assert simulator.counts(duplicates=True) == {NUMBER: 2}


def test_stats_sum_up(raw, simulator):
    send(raw, NUMBER, OTHER)
    send(raw, NUMBER)
    send(raw, NUMBER, TemplateCode="SMS_404")
    raw.details(NUMBER)
    simulator.misbehave("garbage", action="SendSms", times=3)
    stats = simulator.stats()
    assert stats["requests"] == {"SendBatchSms": 3, "QuerySendDetails": 1}
    assert (stats["accepted"], stats["distinct_numbers"], stats["duplicates"]) == (3, 2, 1)
    assert stats["refused"] == {"isv.SMS_TEMPLATE_ILLEGAL": 1}
    (fault,) = stats["open_faults"]
    assert (fault["kind"], fault["action"], fault["times"]) == ("garbage", "SendSms", 3)


def test_reset_makes_everything_new(raw, simulator):
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    assert signed.send().json()["Code"] == "OK"
    simulator.options(globe_qps=7, delivery_delay=5)
    simulator.templates({"SMS_1": "x"})
    simulator.misbehave("error_500")
    simulator.reset()
    assert simulator.messages() == []
    assert simulator.stats()["requests"] == {}
    assert simulator.stats()["open_faults"] == []
    assert signed.send().json()["Code"] == "OK"
    assert requests.post(f"{simulator.url}/_simulator/options", json={}, timeout=5).json() == {
        "delivery_delay": 0,
        "record_lag": 0,
        "globe_qps": 1,
        "china_qps": 5000,
        "clock_offset": 0,
        "tells_time": True,
        "shows_out_id": True,
        "refuses_nonces": True,
        "accepts_in_part": False,
        "globe_reads_form": True,
        "china_price": 0.045,
        "globe_price": 0.3,
        "limits_frequency": False,
        "refuses_undefined": False,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("misbehave", {"fault": "explode"}),
        ("misbehave", {"fault": "delay", "action": "SendPigeon"}),
        ("misbehave", {"fault": "delay", "probability": 2}),
        ("misbehave", {"fault": "delay", "tmies": 2}),
        ("options", {"globe_qps": -1}),
        ("options", {"access_key_secret": "x"}),
        ("templates", {"SMS_1": 7}),
    ],
)
def test_a_mistyped_wish_is_refused(simulator, path, body):
    assert requests.post(f"{simulator.url}/_simulator/{path}", json=body, timeout=5).status_code == 422


def test_a_slow_number_takes_ten_times_the_delay():
    def verdict(number, age):
        return state_at(number=number, accepted_at=100.0, now=100.0 + age, delivery_delay=2.0).verdict

    assert [verdict("13800001234", age) for age in (1.9, 2.0)] == ["pending", "delivered"]
    assert [verdict("13800000405", age) for age in (2.0, 19.9, 20.0)] == ["pending", "pending", "delivered"]
    assert [verdict("13800000401", age) for age in (1.9, 2.0)] == ["pending", "failed"]
    assert verdict("13800000404", 10**9) == "pending"


@pytest.mark.parametrize(
    "raw_number", ["", "+", "abc", "123456", "1" * 16, "138 0000 1234", "138-0000-1234", "++85251001234"]
)
def test_what_is_no_number_is_none(raw_number):
    assert canonical_number(raw_number) is None


def test_starting_and_stopping_are_quick():
    started = time.monotonic()
    with running() as simulator:
        assert simulator.stats()["accepted"] == 0
    assert time.monotonic() - started < 2


def test_simulators_live_side_by_side(raw_client):
    with running() as first, running() as second:
        send(raw_client(first.url), NUMBER)
        assert (len(first.messages()), len(second.messages())) == (1, 0)
