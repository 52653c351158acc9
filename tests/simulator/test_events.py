# SPDX-License-Identifier: Apache-2.0
"""The stream of events: what it tells, what it tells after a broken connection, and that it holds nothing up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import requests

from airflow_provider_aliyunsms.simulator.control.events import MOST_IN_EVENT, MOST_LISTENERS
from airflow_provider_aliyunsms.simulator.options import Options
from airflow_provider_aliyunsms.simulator.server import prepare, running

NUMBER, OTHER = "13800001234", "13000005678"


class Listener:
    """Events as they come."""

    def __init__(self, answer):
        self._lines = answer.iter_lines(decode_unicode=True, chunk_size=1)

    def next(self):
        """Wait for one event and return its id and its data."""
        fields = {}
        for line in self._lines:
            if not line and fields:
                assert fields["event"] == "change"
                return fields["id"], json.loads(fields["data"])
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        return None

    def until(self, wanted):
        while True:
            event_id, data = self.next()
            if wanted(data):
                return event_id, data


@contextmanager
def listening(simulator, *, last_id=None):
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with requests.get(
        f"{simulator.url}/_simulator/events", headers=headers, stream=True, timeout=20
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        answer.encoding = "utf-8"
        yield Listener(answer)


def send(raw, *numbers):
    assert raw.call("SendBatchSms", raw.batch(*numbers)).json()["Code"] == "OK"


def test_a_listener_hears_the_counts_at_once_and_each_message_after_that(raw, simulator):
    send(raw, OTHER)
    with listening(simulator) as events:
        _, first = events.next()
        assert (first["messages"], first["left_out"], first["summary"]["messages"]) == ([], 0, 1)
        send(raw, NUMBER)
        _, data = events.until(lambda data: data["summary"]["messages"] == 2)
        assert [message["number"] for message in data["messages"]] == [NUMBER]
        send(raw, NUMBER)
        _, data = events.until(lambda data: data["summary"]["messages"] == 3)
        assert data["summary"]["surplus"] == 1


def test_faults_and_changes_are_told(raw, simulator):
    with listening(simulator) as events:
        _, before = events.next()
        simulator.misbehave("error_503", action="SendBatchSms")
        events.until(lambda data: data["summary"]["open_faults"] == 1)
        raw.call("SendBatchSms", raw.batch(NUMBER))
        _, data = events.until(lambda data: data["summary"]["faults_played"] == 1)
        assert (data["summary"]["open_faults"], data["summary"]["refused"]) == (0, 1)
        simulator.options(record_lag=3)
        events.until(lambda data: data["changes"] > before["changes"] + 1)


def test_after_a_broken_connection_a_listener_hears_what_it_missed(raw, simulator):
    with listening(simulator) as events:
        last_id, _ = events.next()
    send(raw, NUMBER, OTHER)
    with listening(simulator, last_id=last_id) as events:
        again, data = events.next()
        assert [message["number"] for message in data["messages"]] == [NUMBER, OTHER]
    with listening(simulator, last_id=again) as events:
        assert events.next()[1]["messages"] == []


def test_too_much_for_one_event_is_counted(raw, simulator):
    with listening(simulator) as events:
        last_id, _ = events.next()
    send(raw, *[f"1380000{index:04d}" for index in range(1000, 1100)])
    with listening(simulator, last_id=last_id) as events:
        _, data = events.next()
    assert (len(data["messages"]), data["left_out"]) == (MOST_IN_EVENT, 100 - MOST_IN_EVENT)
    assert data["messages"][-1]["number"] == "13800001099"


def test_an_id_of_another_simulator_or_of_none_means_everything(raw, simulator):
    send(raw, NUMBER)
    for last_id in ("ffffffff-0-1", "nonsense", "a-b-c", "---", "1" * 90):
        with listening(simulator, last_id=last_id) as events:
            assert [message["number"] for message in events.next()[1]["messages"]] == [NUMBER]


def test_after_clearing_everything_is_new(raw, simulator):
    send(raw, NUMBER)
    with listening(simulator) as events:
        last_id, _ = events.next()
        simulator.clear()
        events.until(lambda data: data["summary"]["messages"] == 0)
        send(raw, OTHER)
        _, data = events.until(lambda data: data["summary"]["messages"] == 1)
        assert [message["number"] for message in data["messages"]] == [OTHER]
    with listening(simulator, last_id=last_id) as events:
        assert [message["number"] for message in events.next()[1]["messages"]] == [OTHER]


def test_there_are_so_many_listeners_and_their_places_are_free_again():
    with running() as simulator:
        # a stream that nothing reads from any more is closed by the client
        answers, listeners = [], []
        try:
            for _ in range(MOST_LISTENERS):
                answers.append(requests.get(f"{simulator.url}/_simulator/events", stream=True, timeout=20))
                listeners.append(Listener(answers[-1]))
                assert listeners[-1].next()
            refused = requests.get(f"{simulator.url}/_simulator/events", timeout=5)
            assert (refused.status_code, "50" in refused.text) == (503, True)
        finally:
            for answer in answers:
                answer.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer = requests.get(f"{simulator.url}/_simulator/events", stream=True, timeout=5)
            answer.close()
            if answer.status_code == 200:
                return
        raise AssertionError("the places of listeners that have gone stay taken")


def heard_to_the_end(url, stop):
    """Return how many seconds after ``stop()`` a stream ends."""
    with requests.get(f"{url}/_simulator/events", stream=True, timeout=20) as answer:
        answer.encoding = "utf-8"
        events = Listener(answer)
        assert events.next()
        started = time.monotonic()
        stop()
        assert events.next() is None
        return time.monotonic() - started


def test_listeners_do_not_hold_up_the_end_of_a_server_in_a_thread():
    server = prepare(Options(), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_until_stopped)
    thread.start()
    assert server.ready.wait(10)
    assert heard_to_the_end(server.url, server.stop) < 1.5
    thread.join(2)
    assert not thread.is_alive()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_listeners_do_not_hold_up_the_end_of_the_command(sent):
    command = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().rpartition(" ")[2].strip()
            assert heard_to_the_end(url, lambda: process.send_signal(sent)) < 1.5
            _, errors = process.communicate(timeout=5)
            assert errors == ""
        finally:
            process.kill()


def test_a_listener_who_reads_nothing_costs_nothing(raw, simulator):
    """Its connection is full and its events wait; sends and the others go on."""
    with listening(simulator), listening(simulator) as events:
        for _ in range(30):
            send(raw, *[f"1380000{index:04d}" for index in range(1000, 1100)])
        events.until(lambda data: data["summary"]["messages"] == 3000)
