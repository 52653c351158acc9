# SPDX-License-Identifier: Apache-2.0
"""A job that waits for a thread begins only while nothing speaks against it."""

from __future__ import annotations

import pytest
from jobs import a_job
from world import World

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.sending.permits import StartPermits


@pytest.fixture
def world():
    return World()


class Written:
    """As much of a ledger as the permits may see."""

    written_at = 0.0


def make_permits(world, *, outcomes):
    return StartPermits(
        work=lambda job: outcomes.pop(0),
        ledger=Written(),
        lease=15.0,
        oldest_intent=75.0,
        clock=world.clock,
        stop_reason=lambda: world.told_to_stop,
    )


def test_a_doubt_stops_what_was_handed_over_before_its_verdict_for_good(world):
    world.clock.seconds = 10.0
    released, accepted = (
        Outcome(kind=OutcomeKind.RELEASED, time=""),
        Outcome(kind=OutcomeKind.ACCEPTED, time=""),
    )
    permits = make_permits(world, outcomes=[released, accepted, released])
    first, waiting, late = (a_job() for _ in range(3))
    permits.issue(first)
    permits.issue(waiting)
    assert permits.may_begin(first)
    permits.work(first)
    permits.issue(late)
    assert permits.in_doubt
    assert not permits.may_begin(waiting)
    assert not permits.may_begin(late), "handed over after the doubt, but before the verdict"
    permits.settled()
    assert not permits.in_doubt
    assert not permits.may_begin(waiting)
    permits.issue(waiting)
    assert permits.may_begin(waiting)
    permits.work(waiting)
    assert not permits.in_doubt, "a clear acceptance raises none"
    assert permits.may_begin(waiting)
    permits.close()
    assert not permits.may_begin(waiting)


def test_an_outcome_with_some_refused_is_not_clear_and_an_error_is_not_either(world):
    permits = make_permits(
        world, outcomes=[Outcome(kind=OutcomeKind.ACCEPTED, time="", failed=frozenset({1}))]
    )
    job = a_job()
    permits.work(job)
    assert permits.in_doubt
    permits.settled()
    with pytest.raises(IndexError):
        permits.work(job)
    assert permits.in_doubt


def test_a_job_that_seeks_evidence_is_not_held(world):
    permits = make_permits(world, outcomes=[Outcome(kind=OutcomeKind.AMBIGUOUS, time="")])
    job = a_job(settling=True)
    permits.issue(job)
    permits.work(job)
    permits.close()
    assert permits.may_begin(job)


def test_a_job_begins_only_within_the_lease(world):
    permits = make_permits(world, outcomes=[])
    job = a_job()
    permits.issue(job)
    world.clock.seconds = 15.0
    assert permits.may_begin(job)
    world.clock.seconds = 15.1
    assert not permits.may_begin(job)


def test_a_job_whose_intent_is_old_comes_back_to_have_it_renewed(world):
    permits = make_permits(world, outcomes=[])
    job = a_job()
    permits.issue(job)
    world.clock.seconds = 10.0
    job.entry.attempted_at = 10.0 - 75.0
    assert permits.may_begin(job)
    job.entry.attempted_at -= 0.1
    assert not permits.may_begin(job)


def test_a_job_does_not_begin_once_the_task_is_told_to_stop(world):
    world.clock.seconds = 10.0
    permits = make_permits(world, outcomes=[])
    job = a_job()
    permits.issue(job)
    assert permits.may_begin(job)
    world.told_to_stop = "the task was killed"
    assert not permits.may_begin(job)
