# SPDX-License-Identifier: Apache-2.0
"""A resumed try looks up what is open beside its calls, and writes no more intents than a slow gateway needs."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from inline_workers import InlineWorkers
from jobs import a_job
from world import Crash, World

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Evidence, LookUp
from airflow_provider_aliyunsms.campaign.sending.workers import Workers

LONG = 10.0
CALLS = 4
PEOPLE = [f"138{i:05d}000" for i in range(400)]


class CountingWorkers(InlineWorkers):
    """
    A pool that notes what is under way.

    :ivar seen: the look-ups and the calls under way at once, after each job that was given.
    """

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.seen = []

    def give(self, job) -> None:
        super().give(job)
        looking = sum(one.is_look_up for one in self._under_way)
        self.seen.append((looking, len(self._under_way) - looking))


@pytest.fixture
def world():
    world = World()

    def make(**options):
        world.workers = CountingWorkers(**options, clock=world.clock)
        return world.workers

    world.make_workers = make
    return world


def crashed(world):
    """Run a try that dies when the intents of a window were written and no call was made."""
    world.store.new_process(crash_in=4, crash_after_write=True, broken_in=None)
    world.gateway.faults.extend(["drop_before"] * 1000)
    with pytest.raises(Crash):
        world.run(PEOPLE, max_concurrency=CALLS)
    world.gateway.faults.clear()


def test_look_ups_take_no_place_of_a_call(world):
    crashed(world)
    summary = world.retry(PEOPLE, max_concurrency=CALLS).summary
    assert summary["accepted"] == len(PEOPLE)
    assert world.gateway.accepted == Counter(PEOPLE)
    most = world.workers._look_ups
    assert most > CALLS
    assert (most, CALLS) in world.workers.seen, "all places of calls, and all of look-ups"
    assert max(calls for _, calls in world.workers.seen) == CALLS


def test_with_one_call_at_a_time_a_look_up_is_that_call(world):
    crashed(world)
    summary = world.retry(PEOPLE, max_concurrency=1).summary
    assert summary["accepted"] == len(PEOPLE)
    assert world.gateway.accepted == Counter(PEOPLE)
    assert max(looking + calls for looking, calls in world.workers.seen) == 1


@pytest.mark.parametrize(("seconds", "most"), [(0.05, 24), (2.0, 6), (8.0, 4)])
def test_windows_are_smaller_where_every_call_takes_long(world, seconds, most):
    """Measured by the first responses: the second window waits for them."""
    submit = world.gateway.submit

    def slow_submit(*given, **named):
        world.clock.sleep(seconds - 0.05)
        return submit(*given, **named)

    world.gateway.submit = slow_submit
    assert world.run(PEOPLE, max_concurrency=CALLS).summary["accepted"] == len(PEOPLE)
    entries = [value.count('"o":') for key, value in sorted(world.store.values.items()) if ".w0" in key]
    assert entries[0] == 24
    assert max(entries[1:-1]) <= most
    assert sum(entries) == len(PEOPLE) // 5


def test_threads_make_look_ups_while_all_calls_hang():
    begun, go_on = threading.Semaphore(0), threading.Event()

    def work(job):
        if not job.is_look_up:
            begun.release()
            go_on.wait(LONG)
        return Outcome(kind=OutcomeKind.ACCEPTED, time="")

    pool = Workers(work=work, may_begin=lambda job: True, count=2, look_ups=1)
    calls = [a_job() for _ in range(3)]
    for job in calls:
        pool.give(job)
    assert all(begun.acquire(timeout=LONG) for _ in range(2))
    assert (pool.free, pool.free_to_look, pool.busy) == (False, True, 3)
    look_up = a_job(settling=True)
    pool.give(look_up)
    assert pool.take(timeout=LONG)[0] is look_up
    assert pool.recall() == calls[2:], "a look-up is not taken back"
    go_on.set()
    done = [pool.take(timeout=LONG)[0] for _ in range(2)]
    assert all(any(one is job for one in done) for job in calls[:2])
    assert pool.busy == 0
    pool.stop()


def test_where_no_thread_can_be_started_for_look_ups_those_of_calls_make_them(monkeypatch):
    pool = Workers(
        work=lambda job: Outcome(kind=OutcomeKind.ACCEPTED, time=""),
        may_begin=lambda job: True,
        count=1,
        look_ups=1,
    )
    pool.give(a_job())
    assert pool.take(timeout=LONG)[1].kind is OutcomeKind.ACCEPTED

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    look_up = a_job(settling=True)
    pool.give(look_up)
    assert pool.take(timeout=LONG)[0] is look_up
    assert pool.busy == 0
    pool.stop()


def test_look_ups_that_settle_nothing_leave_places_of_a_pace_to_the_calls():
    world = World()
    people = [f"138{i:05d}000" for i in range(2000)]
    world.store.new_process(crash_in=6, crash_after_write=True, broken_in=None)
    world.gateway.faults.extend(["drop_before"] * 10_000)
    with pytest.raises(Crash):
        world.run(people, max_concurrency=16)
    world.gateway.faults.clear()
    # Another AccessKey, which may not look up: nothing that is open can be settled or replayed.
    world.gateway.signer = "second"
    looks = []

    def find(*_args, **_options):
        looks.append(world.clock.now())
        assert len(looks) < 5_000, "look-ups go on for ever"
        return LookUp(Evidence.INCONCLUSIVE, doubtful=True, code="Forbidden.RAM")

    world.gateway.find = find
    world.gateway.submitted_at.clear()
    began = world.clock.now()
    summary = world.retry(people, max_concurrency=16, max_qps=2).summary
    sent = [at - began for at in world.gateway.submitted_at]
    assert summary["unknown"] > 0
    assert summary["accepted"] + summary["unknown"] == len(people)
    assert len(looks) > 100
    assert sum(at < 40 for at in sent) > 10, "half of the places are those of calls"
    assert max(world.gateway.accepted.values()) == 1
