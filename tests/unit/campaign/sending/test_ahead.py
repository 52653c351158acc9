# SPDX-License-Identifier: Apache-2.0
"""Jobs that wait for a thread while the ledger is written: what goes on then, and what must not begin any more."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from world import SETTLE_TIME, Crash, World

from airflow_provider_aliyunsms.campaign.ledger import Entry
from airflow_provider_aliyunsms.campaign.pacing import AdaptivePace
from airflow_provider_aliyunsms.campaign.sending.jobs import Job
from airflow_provider_aliyunsms.campaign.sending.workers import Workers
from airflow_provider_aliyunsms.exceptions import (
    CampaignDoomedError,
    LedgerError,
    NotSentError,
    OutcomeUnknownError,
    SendInterruptedError,
    TooManyRefusedError,
)

PEOPLE = [f"138{i:05d}000" for i in range(120)]
THREADS = 3
SECOND_WINDOW = "w000002"
LONG = 10.0


@pytest.fixture
def world():
    return World()


class DuringWrite:
    """What happens while the intents of the second window are written, when jobs wait for a thread."""

    def __init__(self, world, *, happens):
        self._world = world
        self._happens = happens
        self.called = 0
        self.waiting = 0
        world.store.meanwhile = self

    def __call__(self, key):
        if not key.endswith(SECOND_WINDOW) or self.waiting:
            return
        world = self._world
        self.waiting = world.workers.waiting
        self._happens(world)
        before = world.gateway.submissions
        world.workers.go_on(calls=1000)
        self.called = world.gateway.submissions - before


def send(world, people=PEOPLE, **changes):
    return world.run(people, **{"chunk_size": 1, "max_concurrency": THREADS, **changes}).summary


def retry(world, people=PEOPLE, **changes):
    world.store.new_process()
    world.store.meanwhile = lambda key: None
    world.told_to_stop = None
    return send(world, people, first_try=False, **changes)


def everybody_once(world, summary):
    assert summary["accepted"] == len(PEOPLE)
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)


def test_calls_go_on_while_the_ledger_is_written(world):
    during = DuringWrite(world, happens=lambda world: None)
    summary = send(world)
    assert during.called > THREADS, "only what was under way already came through"
    assert during.waiting == world.workers.longest_queue == THREADS
    everybody_once(world, summary)
    assert summary["requests"] == world.gateway.submissions == len(PEOPLE)


@pytest.mark.parametrize("changes", [{"max_qps": 40}, {"max_concurrency": 1}])
def test_nothing_waits_with_a_pace_to_keep_or_when_one_call_may_be_in_flight(world, changes):
    everybody_once(world, send(world, **changes))
    assert world.workers.longest_queue == 0


def test_what_waits_does_not_begin_after_a_stop(world):
    during = DuringWrite(world, happens=lambda world: setattr(world, "told_to_stop", "the task was killed"))
    with pytest.raises(SendInterruptedError, match="the task was killed"):
        send(world)
    assert during.waiting == THREADS
    assert during.called <= THREADS, "only calls that were under way already may end"
    sent = world.gateway.submissions
    assert sum(world.gateway.accepted.values()) == sent
    kept = "".join(world.store.values.values())
    assert kept.count('"local.NOT_STARTED"') >= during.waiting, "a retry need not look for evidence of them"
    summary = retry(world)
    everybody_once(world, summary)
    assert summary["requests"] == len(PEOPLE), "an intent that was taken back is no request"


def test_what_waits_does_not_begin_when_a_write_hangs_for_longer_than_the_lease(world):
    during = DuringWrite(world, happens=lambda world: world.clock.sleep(60))
    summary = send(world)
    assert during.waiting == THREADS
    assert during.called <= THREADS
    everybody_once(world, summary)
    assert summary["requests"] == world.gateway.submissions == len(PEOPLE)


def test_what_waits_does_not_begin_when_the_ledger_is_gone(world):
    def break_down(world):
        world.clock.sleep(60)
        world.store.broken_in = 0

    during = DuringWrite(world, happens=break_down)
    with pytest.raises(LedgerError):
        send(world)
    assert during.called <= THREADS
    assert world.gateway.submissions < len(PEOPLE)
    world.clock.sleep(60)
    everybody_once(world, retry(world))


@pytest.mark.parametrize("fault", ["throttle", "throttle_unseen", "refused_connection"])
def test_what_waits_holds_back_when_the_gateway_says_so(world, fault):
    during = DuringWrite(world, happens=lambda world: world.gateway.faults.append(fault))
    summary = send(world)
    assert during.waiting == THREADS
    assert during.called <= THREADS
    everybody_once(world, summary)
    assert world.gateway.submissions == len(PEOPLE) + 1


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (["doomed"], CampaignDoomedError),
        (["refused_connection"] * 10_000, NotSentError),
        (["error_500"] * 10_000, OutcomeUnknownError),
    ],
)
def test_what_waits_does_not_begin_when_something_speaks_against_it(world, faults, error):
    during = DuringWrite(world, happens=lambda world: world.gateway.faults.extend(faults))
    with pytest.raises(error):
        send(world)
    assert during.waiting == THREADS
    assert during.called <= THREADS
    world.gateway.faults.clear()
    world.clock.sleep(3600)
    everybody_once(world, retry(world))


def test_nothing_waits_while_an_acceptance_may_complete_a_sample_with_too_many_refused(world):
    people = [f"13800{i:04d}99" for i in range(60)] + PEOPLE
    with pytest.raises(TooManyRefusedError):
        send(world, people)
    # The hundredth answer is an acceptance, and only what was under way beside it may come through.
    assert world.workers.longest_queue == 0
    assert world.gateway.submissions < 100 + THREADS


def test_a_crash_while_jobs_wait_is_settled_by_evidence(world):
    during = DuringWrite(world, happens=lambda world: world.store.die())
    with pytest.raises(Crash):
        send(world)
    assert during.waiting == THREADS
    everybody_once(world, retry(world))


def test_what_waits_is_taken_back_although_the_calls_before_it_hang(world):
    def hang(world):
        world.told_to_stop = "the task was killed"
        world.workers.hangs = True

    during = DuringWrite(world, happens=hang)
    with pytest.raises(SendInterruptedError):
        send(world)
    assert during.waiting == THREADS
    assert "".join(world.store.values.values()).count('"local.NOT_STARTED"') >= THREADS
    everybody_once(world, retry(world))


def test_the_pace_forgets_what_was_not_begun(world, monkeypatch):
    counts = Counter()

    class CountedPace(AdaptivePace):
        def take(self, *, now, **how):
            wait = super().take(now=now, **how)
            counts["start"] += wait <= 0
            return wait

        def cancel(self, **how):
            counts["cancel"] += 1
            super().cancel(**how)

        def end(self, *, started, now, **how):
            counts["end"] += 1
            assert now - started < 1.0, "the wait for a thread is no part of the way to the gateway"
            super().end(started=started, now=now, **how)

    monkeypatch.setattr("airflow_provider_aliyunsms.campaign.sending.sender.AdaptivePace", CountedPace)
    world.slow_store(seconds=10.0, calls=1000)
    world.gateway.faults.extend([*["ok"] * 20, "throttle_unseen"])
    everybody_once(world, send(world))
    assert counts["end"] == world.gateway.submissions == len(PEOPLE) + 1
    assert counts["cancel"] >= THREADS
    assert counts["start"] == counts["end"] + counts["cancel"]


def test_threads_go_on_while_the_main_thread_waits_for_the_store(world):
    """
    Two of three threads are held from the first, and the third at the tenth call; then the second window is written.

    By then seven calls of eighteen were made, and five at least were handed out. The write returns only when more
    calls have been made than threads were under way.
    """
    writing, moved = threading.Event(), threading.Condition()
    begun, made, seen = [], [], []
    submit = world.gateway.submit

    def held_submit(chunk, envelope):
        with moved:
            begun.append(chunk)
            number = len(begun)
            moved.notify_all()
        if number <= 2 or number > 9:
            assert writing.wait(LONG)
        with moved:
            answer = submit(chunk, envelope)
            made.append(chunk)
            moved.notify_all()
        return answer

    def meanwhile(key):
        if key.endswith(SECOND_WINDOW) and not seen:
            with moved:
                assert moved.wait_for(lambda: len(begun) == 10, timeout=LONG)
                assert len(made) == 7
                writing.set()
                seen.append(moved.wait_for(lambda: len(made) > 7 + THREADS, timeout=LONG))

    world.gateway.submit = held_submit
    world.store.meanwhile = meanwhile
    world.make_workers = Workers
    everybody_once(world, send(world))
    assert seen == [True]


@pytest.fixture
def few_threads(monkeypatch):
    """Let this machine have so many threads for calls and no more."""

    start, left = threading.Thread.start, [0]

    def start_or_refuse(thread):
        if thread.name == "aliyun-sms-call":
            if left[0] == 0:
                raise RuntimeError("can't start new thread")
            left[0] -= 1
        start(thread)

    def limit(most):
        left[0] = most

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)
    return limit


def test_a_thread_that_cannot_be_started_loses_no_job(few_threads):
    few_threads(1)
    pool = Workers(work=lambda job: job.looked, may_begin=lambda job: True, count=4)
    for number in range(6):
        pool.give(a_job(looked=number))
    assert [pool.take(timeout=LONG)[1] for _ in range(6)] == [*range(6)]
    assert pool.busy == 0
    pool.give(a_job(looked=6))
    assert not pool.free, "the one thread there is has work"
    assert pool.take(timeout=LONG)[1] == 6
    pool.stop()


def test_without_any_thread_nothing_is_sent_and_every_intent_is_taken_back(world, few_threads):
    few_threads(0)
    world.make_workers = Workers
    with pytest.raises(NotSentError, match="no thread"):
        send(world)
    assert world.gateway.submissions == 0
    kept = [json.loads(text) for key, text in world.store.values.items() if ".w0" in key]
    assert {entry.get("e") for window in kept for entry in window["c"]} == {"local.NOT_STARTED"}
    few_threads(4)
    world.store.new_process()
    everybody_once(world, retry(world))


def a_job(**facts):
    entry = Entry(out_id="out", keys=(1,), nonce="n", date="2026-01-02T03:04:05Z", attempted_at=0.0)
    return Job(window=None, entry=entry, chunk=None, rows=(1,), places=(0,), **facts)


@pytest.mark.parametrize("calls", range(4))
def test_two_doubts_are_settled_beside_each_other_whatever_happens_during_a_write(world, calls):
    world.slow_store(seconds=0.0, calls=calls)
    world.gateway.faults.extend(["ok", "error_500", "error_500"])
    assert send(world)["unknown"] == 2
    world.clock.sleep(SETTLE_TIME)
    world.clears += 1
    # Neither is looked at twice: that would take the second copy for one that needs a settle time of its own.
    everybody_once(world, send(world, first_try=False))


def test_a_thread_that_ends_in_the_worst_way_ends_the_sending_as_well(world):
    class Panic(BaseException):
        """What is no Exception."""

    def panic(_chunk, _envelope):
        raise Panic

    begin, world.gateway.submit = world.gateway.submit, panic
    world.make_workers = Workers
    with pytest.raises(Panic):
        send(world, evidence_wait=1.0)
    world.gateway.submit = begin
    world.clock.sleep(SETTLE_TIME)
    everybody_once(world, retry(world))
