# SPDX-License-Identifier: Apache-2.0
"""
Real processes share one limit by a real Redis, and a gateway counts by its own clock what arrives.

The limit must hold in every second, whatever happens to processes and server. How much of it is used is measured by
``make pace-test`` on a quiet machine; here only that the calls go on.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from database_servers import NoServerError, redis_server
from launcher.processes import wait_for
from pacekit.crew import Crew, open_at_once
from pacekit.gateway import Gateway


@pytest.fixture
def redis(tmp_path):
    try:
        with redis_server(tmp_path) as server:
            open_at_once(server)
            yield server
    except NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def gateway():
    with Gateway() as one:
        yield one


def more(gateway, calls, *, timeout=60):
    """Wait until so many more calls have arrived."""
    before = len(gateway.arrivals)
    wait_for(lambda: len(gateway.arrivals) >= before + calls, timeout=timeout, what=f"{calls} more calls")


@pytest.mark.parametrize(("limit", "calls"), [(1, 8), (10, 60), (100, 500)])
def test_four_processes_keep_one_limit(redis, gateway, limit, calls):
    with Crew(redis=redis, gateway=gateway, limit=limit) as crew:
        for letter in "abcd":
            crew.start(name=letter)
        more(gateway, calls)
    assert gateway.most_in_a_second() <= limit
    # Each had its turn, or its share.
    assert len(set(gateway.names)) >= (2 if limit == 1 else 4)


def test_whatever_dies_the_limit_holds(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=20) as crew:
        first, second, *_ = [crew.start() for _ in range(4)]
        more(gateway, 60)
        os.kill(first.pid, signal.SIGKILL)
        more(gateway, 40)
        redis.kill()
        redis.start()
        more(gateway, 60)
        os.kill(second.pid, signal.SIGSTOP)
        # As long as it takes until its places are given to the others.
        more(gateway, 180)
        os.kill(second.pid, signal.SIGCONT)
        more(gateway, 40)
        redis.freeze()
        # As long as places may last, and calls be under way.
        wait_for(lambda: time.monotonic() - gateway.arrivals[-1] > 1.5, timeout=20, what="the calls end")
        redis.thaw()
        more(gateway, 40)
    assert gateway.most_in_a_second() <= 20


def test_a_lower_limit_of_one_process_holds_for_all(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=40) as crew:
        crew.start()
        more(gateway, 80)
        crew.start(limit=5)
        more(gateway, 40)
        began = time.monotonic()
        more(gateway, 20)
        taken = time.monotonic() - began
    assert taken > 20 / 5 - 1.2


def test_a_process_that_comes_later_has_its_turn(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=1) as crew:
        for _ in range(2):
            crew.start(name="a")
        more(gateway, 2)
        crew.start(name="b")
        wait_for(lambda: "b" in gateway.names, timeout=60, what="the last one calls")
    assert gateway.most_in_a_second() <= 1


def test_slow_ledgers_and_unequal_ways_to_the_gateway_do_not_break_it(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=4) as crew:
        crew.start(name="a", write=0.3)
        crew.start(name="b", distance=0.3)
        crew.start(name="c")
        more(gateway, 40)
    assert gateway.most_in_a_second() <= 4
    assert set(gateway.names) == {*"abc"}


def test_an_alert_waits_for_no_turn_of_a_campaign(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=1) as crew:
        for letter in "ab":
            crew.start(name=letter)
        more(gateway, 1)
        for _ in range(2):
            alert = crew.start(name="A", urgent=1)
            assert alert.wait(30) == 0
            arrived = gateway.arrivals[len(gateway.names) - 1 - gateway.names[::-1].index("A")]
            # By its turn it would come after two others of five seconds.
            assert arrived - gateway.asked[-1] < 4.0
        more(gateway, 2)
    assert gateway.most_in_a_second() <= 1
    assert gateway.names[-1] != "A"


def test_alerts_of_several_processes_share_what_a_campaign_leaves_and_one_may_die(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=5) as crew:
        crew.start(name="c")
        more(gateway, 3)
        killed, other = (crew.start(name=letter, urgent=1000) for letter in "AB")
        wait_for(lambda: {*"AB"} <= {*gateway.names}, timeout=30, what="both alerts call")
        before = len(gateway.names)
        more(gateway, 10)
        assert {*gateway.names[before:]} == {*"ABc"}
        for each in (killed, other):
            os.kill(each.pid, signal.SIGKILL)
        before = len(gateway.names)
        # As soon as their places are over it has all five.
        wait_for(lambda: gateway.names[before:].count("c") >= 20, timeout=60, what="the campaign goes on")
    assert gateway.most_in_a_second() <= 5


def test_sensors_of_several_processes_share_one_limit(redis, gateway):
    with Crew(redis=redis, gateway=gateway, limit=20) as crew:
        for letter in "ab":
            crew.start(name=letter, queries=1)
        wait_for(lambda: {*gateway.names} == {*"ab"}, timeout=30, what="both ask")
        more(gateway, 80)
    assert gateway.most_in_a_second() <= 20
