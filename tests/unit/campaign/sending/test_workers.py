# SPDX-License-Identifier: Apache-2.0
"""The pool of threads gives every job back once, done or not begun."""

from __future__ import annotations

import threading

from jobs import a_job

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.sending.workers import Workers

LONG = 10.0


def test_threads_give_back_what_may_not_begin_and_what_is_recalled():
    begun, go_on = threading.Event(), threading.Event()
    jobs = [a_job(looked=number) for number in range(5)]
    allowed = {0}

    def work(job):
        begun.set()
        assert go_on.wait(LONG)
        return Outcome(kind=OutcomeKind.ACCEPTED, time="")

    pool = Workers(work=work, may_begin=lambda job: job.looked in allowed, count=1)
    for job in jobs:
        pool.give(job)
    assert begun.wait(LONG)
    assert pool.waiting == 4
    assert pool.recall() == jobs[1:]
    assert (pool.waiting, pool.busy) == (0, 1)
    pool.give(jobs[4])
    go_on.set()
    assert pool.take(timeout=LONG)[0] is jobs[0]
    assert pool.take(timeout=LONG) == (jobs[4], None)
    assert pool.busy == 0
    pool.stop()


def test_an_error_of_a_job_is_its_result_and_the_thread_goes_on():
    def work(job):
        if job.looked:
            raise SystemExit(1)
        return Outcome(kind=OutcomeKind.ACCEPTED, time="")

    pool = Workers(work=work, may_begin=lambda job: True, count=1)
    bad, good = a_job(looked=1), a_job()
    pool.give(bad)
    pool.give(good)
    job, error = pool.take(timeout=LONG)
    assert job is bad
    assert type(error) is SystemExit
    job, outcome = pool.take(timeout=LONG)
    assert job is good
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert (pool.busy, pool.free) == (0, True)
    pool.stop()


def test_no_thread_is_started_that_has_nothing_to_do():
    go_on = threading.Event()
    before = {*threading.enumerate()}

    def work(job):
        go_on.wait(LONG)
        return Outcome(kind=OutcomeKind.ACCEPTED, time="")

    pool = Workers(work=work, may_begin=lambda job: True, count=8)
    for _ in range(2):
        pool.give(a_job())
    assert len({*threading.enumerate()} - before) == 2
    assert pool.take(timeout=0) is None
    go_on.set()
    assert [pool.take(timeout=LONG)[1].kind for _ in range(2)] == [OutcomeKind.ACCEPTED] * 2
    pool.stop()
