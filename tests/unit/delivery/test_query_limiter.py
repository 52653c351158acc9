# SPDX-License-Identifier: Apache-2.0
"""The pace as the gateway sees it, whatever happens on the way there."""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.pacing import RateWindow
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter, QueryLimits, check_count
from airflow_provider_aliyunsms.exceptions import ConfigurationError


def arrivals(*, max_qps, queries, concurrency, delays, there=0.02, back=0.03):
    """Play queries through a window; ``delays`` holds up each one on its way there and back."""
    window, now, flying, arrived = RateWindow(max_qps=max_qps), 0.0, [], []
    delays = itertools.chain([(0.0, 0.0)], itertools.cycle(delays or [(0.0, 0.0)]))
    for held_up in itertools.islice(delays, queries):
        while True:
            while flying and flying[0][0] <= now:
                ended, started = heapq.heappop(flying)
                window.end(started=started, now=ended, opened=False)
            wait = window.wait_time(now=now) if len(flying) < concurrency else math.inf
            if wait <= 0:
                break
            # never past the next answer, which may change everything
            now = min(now + wait + 1e-9, flying[0][0] if flying else math.inf)
        window.start()
        at = now + there + held_up[0]
        arrived.append(at)
        heapq.heappush(flying, (at + back + held_up[1], now))
    return sorted(arrived)


def worst_second(times):
    return max(bisect.bisect_left(times, start + 1.0) - index for index, start in enumerate(times))


holdups = st.lists(st.tuples(st.floats(0, 0.8), st.floats(0, 0.8)), max_size=30)


@given(max_qps=st.integers(1, 30), concurrency=st.integers(1, 16), delays=holdups)
def test_no_second_at_the_gateway_holds_more_whatever_is_held_up(max_qps, concurrency, delays):
    times = arrivals(max_qps=max_qps, queries=100, concurrency=concurrency, delays=delays)
    assert worst_second(times) <= max_qps


@pytest.mark.parametrize("max_qps", [1, 10, 100])
def test_steady_delays_cost_nothing(max_qps):
    count = 20 * max_qps + 1
    times = arrivals(max_qps=max_qps, queries=max(count, 400), concurrency=16, delays=[])
    later = times[100:] if max_qps == 1 else times[max_qps:]
    assert (len(later) - 1) / (later[-1] - later[0]) >= 0.97 * max_qps


def test_a_slow_pace_spaces_the_calls():
    times = arrivals(max_qps=0.5, queries=10, concurrency=4, delays=[])
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(times))


def test_calls_of_an_earlier_process_count_towards_the_pace(kit):
    clock = kit.Clock()
    limiter = QueryLimiter(limits=QueryLimits(max_qps=5), recent=5, clock=clock, sleep=clock.sleep)
    with limiter.query():
        assert clock.now >= 1


def test_queries_are_spread_over_the_second(kit):
    clock, times = kit.Clock(), []
    limiter = QueryLimiter(limits=QueryLimits(max_qps=10), clock=clock, sleep=clock.sleep)
    for _ in range(30):
        with limiter.query():
            times.append(clock.now)
    # after a pause as well
    clock.now += 100
    for _ in range(30):
        with limiter.query():
            times.append(clock.now)
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(times))


def test_threads_never_get_more_than_there_is():
    limiter = QueryLimiter(limits=QueryLimits(max_qps=None, max_calls=500))
    passed = []

    def ask(number):
        with limiter.query():
            passed.append(number)

    with ThreadPoolExecutor(8) as pool:
        results = [future.exception() for future in [pool.submit(ask, n) for n in range(600)]]
    assert len(passed) == limiter.calls == 500
    assert sum(isinstance(each, CancelledError) for each in results) == 100
    assert limiter.used_up


def test_whoever_waits_in_line_goes_home_when_it_closes():
    limiter, closed = QueryLimiter(limits=QueryLimits(max_qps=0.01)), threading.Event()
    limiter.listen(closed.is_set)
    with limiter.query():
        pass

    def ask():
        with limiter.query():
            raise AssertionError("the limiter is closed")

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(ask) for _ in range(4)]
        closed.set()
        assert all(isinstance(future.exception(10), CancelledError) for future in futures)
    assert limiter.calls == 1


def test_a_query_that_fails_gives_its_place_back():
    limiter = QueryLimiter(limits=QueryLimits(max_qps=1000))
    for _ in range(3):
        with pytest.raises(ConnectionResetError), limiter.query():
            raise ConnectionResetError
    assert limiter.recent <= 3
    assert limiter.calls == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_qps": 0},
        {"max_qps": -1},
        {"max_concurrency": 0},
        {"max_concurrency": 65},
        {"max_concurrency": 2.5},
        {"max_concurrency": True},
        {"max_calls": 0},
        {"max_calls": 1.5},
        {"max_calls": True},
    ],
)
def test_wrong_limits_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        QueryLimits(**wrong)


def test_a_count_is_a_whole_number_or_nothing():
    for right in (None, 1, 10**9):
        check_count(name="sample_size", value=right)
    with pytest.raises(ConfigurationError, match="sample_size"):
        check_count(name="sample_size", value=0)


@pytest.mark.parametrize(
    ("limits", "seconds"), [({"max_qps": 10}, 10), ({"max_qps": None}, 1.25), ({"max_qps": 1000}, 1.25)]
)
def test_a_round_takes_as_long_as_the_narrower_limit(limits, seconds):
    assert QueryLimits(**limits).round_time(messages=100) == pytest.approx(seconds)
