# SPDX-License-Identifier: Apache-2.0
"""The rate limits, and the record of how close a client came to them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.simulator.memory.rates import RateLimit, WorstSecond

MOMENTS = st.lists(st.integers(0, 5000), max_size=60).map(
    lambda moments: [moment / 1000 for moment in sorted(moments)]
)


@given(MOMENTS, st.integers(1, 5))
def test_never_more_than_the_limit_passes_within_a_second(moments, limit):
    rate = RateLimit()
    passed = [now for now in moments if rate.wait_for(limit=limit, now=now) == 0]
    for start in passed:
        assert sum(start <= moment < start + 1.0 for moment in passed) <= limit


@given(MOMENTS, st.integers(1, 5))
def test_waiting_as_long_as_told_is_long_enough(moments, limit):
    rate = RateLimit()
    for now in moments:
        wait = rate.wait_for(limit=limit, now=now)
    if moments and wait:
        assert 0 < wait <= 1.0
        assert rate.wait_for(limit=limit, now=now + wait + 1e-9) == 0


@given(MOMENTS)
def test_no_limit_means_none(moments):
    rate = RateLimit()
    assert all(rate.wait_for(limit=0, now=now) == 0 for now in moments)


@given(MOMENTS)
def test_the_worst_second_is_the_fullest_one(moments):
    window = WorstSecond()
    for now in moments:
        window.arrived(now=now)
    assert window.worst == max((sum(end - 1.0 < m <= end for m in moments) for end in moments), default=0)


def test_a_second_globe_batch_within_the_second_is_refused(raw, simulator):
    codes = [
        raw.call("BatchSendMessageToGlobe", raw.globe(number)).json()["ResponseCode"]
        for number in ("85251001234", "85251005678")
    ]
    assert codes == ["OK", "QPS_LIMIT_CONTROL"]
    assert simulator.counts() == {"85251001234": 1}
    stats = simulator.stats()
    assert stats["worst_second"] == {"BatchSendMessageToGlobe": 2}
    assert stats["refused"] == {"QPS_LIMIT_CONTROL": 1}


def test_globe_batches_pass_again_after_a_second(raw):
    assert raw.call("BatchSendMessageToGlobe", raw.globe("85251001234")).json()["ResponseCode"] == "OK"
    started = time.monotonic()
    while raw.call("BatchSendMessageToGlobe", raw.globe("85251005678")).json()["ResponseCode"] != "OK":
        assert time.monotonic() - started < 5
    assert 0.9 < time.monotonic() - started < 2


def test_the_globe_limit_can_be_raised(raw, simulator):
    simulator.options(globe_qps=3)
    codes = [
        raw.call("BatchSendMessageToGlobe", raw.globe("85251001234")).json()["ResponseCode"] for _ in range(4)
    ]
    assert codes == ["OK", "OK", "OK", "QPS_LIMIT_CONTROL"]


def test_single_globe_messages_have_a_limit_of_their_own(raw):
    answers = [
        raw.call("SendMessageToGlobe", {"To": "85251001234", "Message": "Hi"}).json() for _ in range(5)
    ]
    assert {answer["ResponseCode"] for answer in answers} == {"OK"}


@pytest.mark.parametrize("action", ["SendBatchSms", "QuerySmsSignList"])
def test_the_china_limit_throttles_with_a_hint(raw, simulator, action):
    simulator.options(china_qps=2)
    form = raw.batch("13800001234") if action == "SendBatchSms" else {}
    answers = [raw.call(action, form) for _ in range(3)]
    assert [answer.json()["Code"] for answer in answers] == ["OK", "OK", "Throttling.User"]
    assert answers[2].status_code == 400
    assert 1 <= int(answers[2].headers["x-acs-retry-after"]) <= 1000
