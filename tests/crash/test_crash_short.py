# SPDX-License-Identifier: Apache-2.0
"""Real processes, really killed: nobody gets two messages, nobody gets none. The long version is long.py."""

from __future__ import annotations

import os
import random

import pytest
from crashkit.kills import strike
from crashkit.scenarios_airflow import clear_a_finished_task
from judging import leaks

pytestmark = pytest.mark.crash

SIZE = 3000


@pytest.fixture(scope="module")
def moments():
    """Give random moments; a failed test is repeated with the seed it printed."""
    seed = int(os.environ.get("CRASH_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CRASH_TEST_SEED={seed}")
    return random.Random(seed)


def test_a_china_campaign_whose_task_and_then_supervisor_are_killed(worlds, moments):
    run = worlds.campaign("china", size=SIZE).begin()
    for kind, low, high in (("kill -9 task", 0.05, 0.4), ("kill -9 supervisor", 0.5, 0.8)):
        assert run.wait_until_sent(int(SIZE * moments.uniform(low, high)))
        strike(kind, run=run)
    verdict = run.verdict()
    assert verdict.clean, (verdict, run.logs())
    assert run.tries() == 3
    assert leaks(folder=worlds.folder, audiences=worlds.audiences) == []


def test_a_globe_campaign_whose_task_is_killed(worlds, moments):
    run = worlds.campaign("globe", size=1200).begin()
    assert run.wait_until_sent(int(1200 * moments.uniform(0.1, 0.8)))
    strike("kill -9 task", run=run)
    # Globe has no look-up: the one call that was in flight may stay unknown, and then the run fails and says so.
    verdict = run.verdict(most_unknown=50)
    assert verdict.clean, (verdict, run.logs())
    assert set(run.gateway.accepted(run.audience)) == run.audience.sendable


def test_a_clear_of_a_finished_task_sends_nothing_and_returns_the_same(worlds):
    clear_a_finished_task(worlds, size=500)
