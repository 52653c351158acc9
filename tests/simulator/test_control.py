# SPDX-License-Identifier: Apache-2.0
"""The control API and the inbox a person looks at."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
import requests

from airflow_provider_aliyunsms.simulator.numbers import canonical_number, state_at
from airflow_provider_aliyunsms.simulator.server import running

NUMBER = "13800001234"
OTHER = "13800005678"
GLOBE_NUMBER = "85251001234"


class Page(HTMLParser):
    """The tags of a page and the text of its bubbles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.bubbles, self._inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside = ("class", "bubble") in attrs
        if self._inside:
            self.bubbles.append("")

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.bubbles[-1] += data


def inbox(simulator, **query):
    answer = requests.get(f"{simulator.url}/_simulator/", params=query, timeout=5)
    assert answer.status_code == 200
    return Page(answer.text)


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


def test_the_inbox_shows_bubbles_newest_first(raw, simulator):
    assert "No messages yet" in requests.get(f"{simulator.url}/_simulator/", timeout=5).text
    send(raw, NUMBER)
    raw.call("BatchSendMessageToGlobe", raw.globe(GLOBE_NUMBER))
    assert inbox(simulator).bubbles == ["Hello 0", "【阿里云】SMS_152550005 name: member 0"]
    assert inbox(simulator, number=GLOBE_NUMBER).bubbles == ["Hello 0"]


def test_the_inbox_escapes_everything_a_client_can_say(raw, simulator):
    evil = '<script>alert("1")</script><img src=x onerror=alert(2)>&amp;'
    form = raw.globe(GLOBE_NUMBER, TaskId=evil)
    form["Message"] = '["' + evil.replace('"', '\\"') + '"]'
    assert raw.call("BatchSendMessageToGlobe", form).json()["ResponseCode"] == "OK"
    page = inbox(simulator)
    assert page.bubbles == [evil]
    assert not {"script", "img"} & set(page.tags)
    assert not {"script", "img"} & set(inbox(simulator, number=f'"><{evil}').tags)


def test_the_inbox_loads_nothing_from_elsewhere(raw, simulator):
    send(raw, NUMBER)
    text = requests.get(f"{simulator.url}/_simulator/", timeout=5).text
    assert "http://" not in text
    assert "https://" not in text


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
