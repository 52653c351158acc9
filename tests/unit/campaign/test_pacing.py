# SPDX-License-Identifier: Apache-2.0
"""No one-second window, wherever it starts, holds more calls than the limit, and the limit is used."""

from __future__ import annotations

import bisect
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.pacing import AdaptivePace, RateWindow


def call_times(*, limiter, seconds, delays=()):
    """Call as fast as the limiter lets, each call delayed a little by something else."""
    now, times, delays = 0.0, [], iter(delays)
    while now < seconds:
        now += next(delays, 0.0)
        now += limiter.wait_time(now=now)
        limiter.start()
        limiter.end(started=now, now=now, opened=False)
        times.append(now)
    return times


def worst_window(times):
    return max(bisect.bisect_left(times, start + 1.0) - index for index, start in enumerate(times))


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 1000])
def test_the_limit_is_kept_and_used(limit):
    times = call_times(limiter=RateWindow(max_qps=limit), seconds=20)
    assert worst_window(times) <= limit
    assert len(times) / times[-1] >= 0.98 * limit


@given(
    limit=st.floats(min_value=0.2, max_value=30),
    delays=st.lists(st.floats(min_value=0, max_value=0.9), max_size=60),
)
def test_no_window_ever_holds_more(limit, delays):
    times = call_times(limiter=RateWindow(max_qps=limit), seconds=12, delays=delays)
    assert worst_window(times) <= max(1, math.floor(limit))
    if limit < 1:
        assert all(later - earlier >= 1 / limit for earlier, later in itertools.pairwise(times))


def test_calls_of_an_earlier_process_may_still_count():
    limiter = AdaptivePace(max_qps=3, starts_full=True, now=50.0)
    assert limiter.wait_time(now=50.0) >= 1.0
    assert limiter.wait_time(now=51.1) == 0.0


def test_a_pause_holds_everything_back_even_without_a_limit():
    limiter = AdaptivePace(max_qps=None)
    assert limiter.take(now=1.0) == 0.0
    limiter.end(started=1.0, now=1.0)
    limiter.pause(until=7.0)
    assert limiter.wait_time(now=5.0) == 2.0
    limiter.pause(until=6.0)
    assert limiter.wait_time(now=5.0) == 2.0, "a shorter pause does not end a longer one"
    assert limiter.wait_time(now=7.5) == 0.0


def drive(*, pace, real_limit, seconds, delays=()):
    """Call against a gateway that refuses what exceeds its own limit in any second."""
    now, called, accepted, refused, delays = 0.0, [], [], 0, iter(delays)
    while now < seconds:
        now += next(delays, 0.0)
        while (wait := pace.take(now=now)) > 0:
            now += wait
        pace.end(started=now, now=now)
        called.append(now)
        if len(accepted) - bisect.bisect_left(accepted, now - 1.0) >= real_limit:
            refused += 1
            pace.throttled(now=now)
            pace.pause(until=now + 0.05)
        else:
            accepted.append(now)
        now += 0.0005
    return called, accepted, refused


@pytest.mark.parametrize("max_qps", [None, 50, 200, 1000])
@pytest.mark.parametrize("real_limit", [5, 40, 150])
def test_the_pace_comes_down_to_the_gateways_limit_and_uses_it(max_qps, real_limit):
    pace = AdaptivePace(max_qps=max_qps)
    _, accepted, refused = drive(pace=pace, real_limit=real_limit, seconds=120)
    possible = min(real_limit, max_qps or real_limit)
    assert len(accepted) / 120 >= 0.6 * possible
    assert refused <= 0.3 * len(accepted)


def test_the_pace_recovers_fully_once_the_gateway_is_quiet():
    pace = AdaptivePace(max_qps=100)
    for second in range(3):
        pace.throttled(now=10.0 + 2 * second)
    assert pace.pace < 20
    pace.wait_time(now=120.0)
    assert pace.pace == 100


@given(
    max_qps=st.integers(1, 60),
    real_limit=st.integers(1, 60),
    delays=st.lists(st.floats(min_value=0, max_value=0.5), max_size=40),
)
def test_adapting_never_exceeds_what_it_was_told(max_qps, real_limit, delays):
    called, _, _ = drive(pace=AdaptivePace(max_qps=max_qps), real_limit=real_limit, seconds=15, delays=delays)
    assert worst_window(called) <= max_qps


@given(
    limit=st.integers(1, 5),
    there=st.lists(st.floats(min_value=0, max_value=0.4), min_size=60, max_size=60),
    back=st.lists(st.floats(min_value=0, max_value=0.4), min_size=60, max_size=60),
)
def test_the_limit_is_kept_where_the_gateway_counts(limit, there, back):
    """Calls one after the other, each some time on its way: at least one of them went there at once."""
    pace, now, arrived = AdaptivePace(max_qps=limit), 0.0, []
    for way_there, way_back in zip([0.0, *there], [0.0, *back], strict=True):
        while (wait := pace.take(now=now)) > 0:
            now += wait
        arrived.append(now + way_there)
        pace.end(started=now, now=now + way_there + way_back, opened=False)
        now += way_there + way_back
    assert worst_window(arrived) <= limit


def test_a_steady_way_to_the_gateway_costs_no_calls():
    pace, now, calls = AdaptivePace(max_qps=1), 0.0, 0
    while now < 60:
        while (wait := pace.take(now=now)) > 0:
            now += wait
        pace.end(started=now, now=now + 0.3, opened=False)
        now += 0.3
        calls += 1
    assert calls >= 0.97 * 60


@pytest.mark.parametrize("idle", [4, 1, 0])
def test_a_call_over_a_new_connection_does_not_let_the_next_one_go_too_soon(idle):
    """The first calls come seldom, so that each opens its connection, and the later ones as fast as they may."""
    pace, now, arrived = AdaptivePace(max_qps=1), 0.0, []
    for number in range(10):
        while (wait := pace.take(now=now)) > 0:
            now += wait
        opens = number < idle or number == 0
        arrived.append(now + 0.125 + 0.5 * opens)
        ended = now + 0.27 + 0.5 * opens
        pace.end(started=now, now=ended, opened=opens)
        now = ended + 5.0 * (number < idle - 1)
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(arrived))


def test_a_look_up_which_may_be_several_calls_is_no_measure_of_the_way():
    pace, now, arrived = AdaptivePace(max_qps=1), 0.0, []
    for number in range(10):
        alone = number < 5
        while (wait := pace.take(now=now, alone=alone)) > 0:
            now += wait
        # One over a new connection, then one that is quick.
        takes = 0.9 if alone or number == 5 else 0.1
        arrived.append(now + takes / 2)
        pace.end(started=now, now=now + takes, alone=alone, opened=number == 5)
        now += takes
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(arrived[5:]))


def test_slow_connecting_is_not_taken_for_the_way_of_every_call():
    """Ten connections are made at once, each slowly; the calls after them are quick."""
    window, now, arrived, flying = RateWindow(max_qps=10, connections=16), 0.0, [], []
    for number in range(80):
        there = 0.3 if number < 10 else 0.001
        while (wait := window.wait_time(now=now)) > 0:
            if flying and min(flying)[0] <= now + wait:
                ended, started = min(flying)
                flying.remove((ended, started))
                now = max(now, ended)
                window.end(started=started, now=ended, opened=ended - started > 0.1)
            else:
                now += wait
        window.start()
        arrived.append(now + there)
        flying.append((now + there + 0.001, now))
    assert worst_window(sorted(arrived)) <= 10
