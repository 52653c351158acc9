# SPDX-License-Identifier: Apache-2.0
"""No one-second window, wherever it starts, holds more calls than the limit, and the limit is used."""

from __future__ import annotations

import bisect
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.pacing import SlidingWindow


def call_times(*, limiter, seconds, delays=()):
    """Call as fast as the limiter lets, each call delayed a little by something else."""
    now, times, delays = 0.0, [], iter(delays)
    while now < seconds:
        now += next(delays, 0.0)
        now += limiter.wait_time(now=now)
        limiter.count(now=now)
        times.append(now)
    return times


def worst_window(times):
    return max(bisect.bisect_left(times, start + 1.0) - index for index, start in enumerate(times))


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 1000])
def test_the_limit_is_kept_and_used(limit):
    times = call_times(limiter=SlidingWindow(max_qps=limit), seconds=20)
    assert worst_window(times) <= limit
    assert len(times) / times[-1] >= 0.98 * limit


@given(
    limit=st.floats(min_value=0.2, max_value=30),
    delays=st.lists(st.floats(min_value=0, max_value=0.9), max_size=60),
)
def test_no_window_ever_holds_more(limit, delays):
    times = call_times(limiter=SlidingWindow(max_qps=limit), seconds=12, delays=delays)
    assert worst_window(times) <= max(1, math.floor(limit))
    if limit < 1:
        assert all(later - earlier >= 1 / limit for earlier, later in itertools.pairwise(times))


def test_calls_of_an_earlier_process_may_still_count():
    limiter = SlidingWindow(max_qps=3, starts_full=True, now=50.0)
    assert limiter.wait_time(now=50.0) >= 1.0
    assert limiter.wait_time(now=51.1) == 0.0


def test_a_pause_holds_everything_back_even_without_a_limit():
    limiter = SlidingWindow(max_qps=None)
    limiter.count(now=1.0)
    limiter.pause(until=7.0)
    assert limiter.wait_time(now=5.0) == 2.0
    limiter.pause(until=6.0)
    assert limiter.wait_time(now=5.0) == 2.0, "a shorter pause does not end a longer one"
    assert limiter.wait_time(now=7.5) == 0.0
