# SPDX-License-Identifier: Apache-2.0
"""Every fault, as a client sees it and as the phones see it."""

from __future__ import annotations

import json
import time

import pytest
import requests

from airflow_provider_aliyunsms.simulator.memory.faults import Fault, Faults, Kind
from airflow_provider_aliyunsms.simulator.server import running

NUMBER = "13800001234"
GLOBE_NUMBER = "85251001234"


def eventually(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("the condition never came true")


def send(raw, **settings):
    return raw.sign("SendBatchSms", raw.batch(NUMBER)).send(**settings)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("throttle", 400, "Throttling.User"),
        ("error_500", 500, "InternalError"),
        ("error_503", 503, "ServiceUnavailable"),
        ("system_error", 200, "isp.SYSTEM_ERROR"),
        ("doomed", 200, "isv.AMOUNT_NOT_ENOUGH"),
    ],
)
def test_a_refusing_fault_accepts_nothing_but_uses_the_nonce_up(raw, simulator, fault, status, code):
    simulator.misbehave(fault)
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    answer = signed.send()
    assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert simulator.counts() == {}
    assert signed.send().json()["Code"] == "SignatureNonceUsed"
    assert send(raw).json()["Code"] == "OK"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("error_500_after", 500, "InternalError"), ("system_error_after", 200, "isp.SYSTEM_ERROR")],
)
def test_a_lying_fault_accepts_and_denies_it(raw, simulator, fault, status, code):
    simulator.misbehave(fault)
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    answer = signed.send()
    assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert "BizId" not in answer.json()
    assert simulator.counts() == {NUMBER: 1}
    assert signed.send().json()["Code"] == "SignatureNonceUsed"


@pytest.mark.parametrize(("fault", "counts"), [("garbage", {}), ("garbage_after", {NUMBER: 1})])
def test_garbage_is_a_page_of_a_proxy(raw, simulator, fault, counts):
    simulator.misbehave(fault)
    answer = send(raw)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (502, "text/html")
    assert "502 Bad Gateway" in answer.text
    assert simulator.counts() == counts


def test_an_empty_answer_hides_an_acceptance(raw, simulator):
    simulator.misbehave("empty_after")
    answer = send(raw)
    assert (answer.status_code, answer.content) == (200, b"")
    assert simulator.counts() == {NUMBER: 1}


def test_a_truncated_answer_hides_an_acceptance(raw, simulator):
    simulator.misbehave("truncate_after")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        send(raw)
    assert simulator.counts() == {NUMBER: 1}


def test_a_connection_dropped_before_leaves_no_trace(raw, simulator):
    simulator.misbehave("drop_before")
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    with pytest.raises(requests.ConnectionError, match="reset"):
        signed.send()
    assert simulator.counts() == {}
    assert signed.send().json()["Code"] == "OK"


def test_a_connection_dropped_after_hides_an_acceptance(raw, simulator):
    simulator.misbehave("drop_after")
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    with pytest.raises(requests.ConnectionError, match="reset"):
        signed.send()
    assert simulator.counts() == {NUMBER: 1}
    assert signed.send().json()["Code"] == "SignatureNonceUsed"


def test_a_late_answer_belongs_to_a_request_that_is_already_accepted(raw, simulator):
    simulator.misbehave("delay", seconds=60)
    with pytest.raises(requests.ReadTimeout):
        send(raw, timeout=0.3)
    assert simulator.counts() == {NUMBER: 1}


def test_a_late_start_accepts_after_the_client_has_given_up(raw, simulator):
    simulator.misbehave("delay_before", seconds=0.5)
    with pytest.raises(requests.ReadTimeout):
        send(raw, timeout=0.1)
    assert simulator.counts() == {}
    eventually(lambda: simulator.counts() == {NUMBER: 1})


@pytest.mark.parametrize("fault", ["delay", "delay_before"])
def test_a_delay_ends_in_an_ordinary_answer(raw, simulator, fault):
    simulator.misbehave(fault, seconds=0.2)
    started = time.monotonic()
    assert send(raw).json()["Code"] == "OK"
    assert time.monotonic() - started >= 0.2


def test_a_skewed_clock_expires_a_good_request_and_keeps_its_nonce(raw, simulator):
    simulator.misbehave("skewed_clock")
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    assert signed.send().json()["Code"] == "InvalidTimeStamp.Expired"
    assert signed.send().json()["Code"] == "OK"


@pytest.mark.parametrize(("seconds", "hint"), [(0, "1000"), (0.25, "250"), (30, "30000")])
def test_throttling_hints_in_milliseconds(raw, simulator, seconds, hint):
    simulator.misbehave("throttle", seconds=seconds)
    assert send(raw).headers["x-acs-retry-after"] == hint


@pytest.mark.parametrize(("fault", "shown"), [("hide_records", 1), ("no_records", 0)])
def test_records_can_be_hidden(raw, simulator, fault, shown):
    simulator.misbehave(fault)
    send(raw)
    answer = raw.details(NUMBER)
    assert (answer["Code"], answer["TotalCount"], answer["SmsSendDetailDTOs"]["SmsSendDetailDTO"]) == (
        "OK",
        shown,
        [],
    )
    assert raw.details(NUMBER)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]


def test_hidden_records_claim_to_exist_even_where_there_are_none(raw, simulator):
    simulator.misbehave("hide_records")
    assert raw.details(NUMBER)["TotalCount"] == 1


@pytest.mark.parametrize("numbers", [[GLOBE_NUMBER, "6581001234"], ["85251000501"]])
def test_a_globe_answer_can_contradict_itself(raw, simulator, numbers):
    simulator.misbehave("lengths")
    answer = raw.call("BatchSendMessageToGlobe", raw.globe(*numbers)).json()
    ids, failed = json.loads(answer["MessageIdList"]), json.loads(answer["FailedList"])
    assert answer["ResponseCode"] == "OK"
    assert len(ids) != len(numbers) - len(failed)


@pytest.mark.parametrize(
    ("fault", "code"), [("doomed", "AMOUNT_NOT_ENOUGH"), ("system_error_after", "SYSTEM_ERROR")]
)
def test_business_faults_speak_the_language_of_globe(raw, simulator, fault, code):
    simulator.misbehave(fault, action="BatchSendMessageToGlobe")
    assert raw.call("BatchSendMessageToGlobe", raw.globe(GLOBE_NUMBER)).json()["ResponseCode"] == code


def test_a_fault_waits_for_its_action(raw, simulator):
    simulator.misbehave("error_500", action="QuerySendDetails")
    assert send(raw).status_code == 200
    assert raw.details(NUMBER)["Code"] == "InternalError"


def test_a_fault_lets_some_pass_and_then_strikes_as_often_as_told(raw, simulator):
    simulator.misbehave("error_503", skip=1, times=2)
    assert [send(raw).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert simulator.stats()["faults_played"] == {"error_503": 2}
    assert simulator.stats()["open_faults"] == []


def test_faults_strike_one_after_the_other(raw, simulator):
    simulator.misbehave("error_500")
    simulator.misbehave("throttle")
    assert [send(raw).status_code for _ in range(3)] == [500, 400, 200]


def test_open_faults_can_be_taken_back(raw, simulator):
    simulator.misbehave("error_500", times=None)
    assert [send(raw).status_code for _ in range(3)] == [500, 500, 500]
    assert [fault["kind"] for fault in simulator.stats()["open_faults"]] == ["error_500"]
    simulator.behave()
    assert send(raw).status_code == 200


def test_probability_decides_about_each_request():
    faults = Faults()
    faults.add(Fault(kind=Kind.GARBAGE, times=None, probability=0.5))
    hits = sum(faults.take("SendSms") is not None for _ in range(2000))
    assert 800 < hits < 1200
    faults.clear()
    faults.add(Fault(kind=Kind.GARBAGE, times=None, probability=0.0))
    assert not any(faults.take("SendSms") for _ in range(100))


def test_a_fault_spares_the_control_api(simulator):
    simulator.misbehave("drop_before", times=None)
    assert requests.get(f"{simulator.url}/_simulator/health", timeout=5).json() == {"status": "ok"}


def test_stopping_does_not_wait_for_a_delayed_answer(raw_client):
    with running() as simulator:
        raw = raw_client(simulator.url)
        simulator.misbehave("delay", seconds=60)
        with pytest.raises(requests.ReadTimeout):
            send(raw, timeout=0.2)
        started = time.monotonic()
    assert time.monotonic() - started < 3
