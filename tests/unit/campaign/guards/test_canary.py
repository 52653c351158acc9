# SPDX-License-Identifier: Apache-2.0
"""A sample goes first: it is the same in every try, its delivery is judged, and nobody gets it twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World

from airflow_provider_aliyunsms.campaign.guards import AfterSample, Canary, Sample, fail, go
from airflow_provider_aliyunsms.campaign.guards.canary import sample
from airflow_provider_aliyunsms.exceptions import (
    ConfigurationError,
    GuardError,
    GuardUndecidedError,
    GuardWaitError,
)

PEOPLE = [f"138000000{i:02d}" for i in range(60)]
CANARY = Canary(size=10, min_delivered_ratio=0.8, wait=timedelta(minutes=10))


@pytest.fixture
def world():
    return World()


def pass_over(world, **changes):
    """Run one pass that ends in a wait."""
    with pytest.raises(GuardWaitError) as raised:
        world.run(PEOPLE, **{"guards": (CANARY,)} | changes)
    return raised.value


def sent(world):
    return set(world.gateway.accepted)


def test_the_sample_goes_first_and_the_others_after_its_delivery(world):
    error = pass_over(world)
    first = sent(world)
    assert len(first) == 10
    assert 500 < error.until.timestamp() - world.clock.now() < 700
    (summary,) = world.failures
    assert (summary["accepted"], summary["skipped"]) == (10, 50)
    assert summary["errors"]["local.WAITS_FOR_CANARY"] == 50
    world.clock.seconds = error.until.timestamp() + 1
    summary = world.retry(PEOPLE, guards=(CANARY,)).summary
    assert summary["accepted"] == 60
    assert summary["guards"][0]["figures"]["delivered"] == 10
    assert set(world.gateway.accepted.values()) == {1}


def test_a_rehearsal_tells_of_the_whole_campaign(world):
    summary = world.run(PEOPLE, guards=(CANARY,), dry_run=True).summary
    assert summary["rehearsal"]["recipients"] == 60
    assert summary["guards"][0]["figures"] == {"sample": 10, "held": 50}


def test_a_try_that_comes_too_early_waits_again_and_sends_to_nobody(world):
    pass_over(world)
    world.clock.sleep(60)
    error = pass_over(world)
    assert len(sent(world)) == 10
    assert error.until.timestamp() > world.clock.now()


@pytest.mark.parametrize(("undelivered", "goes_on"), [(0, True), (2, True), (3, False), (10, False)])
@pytest.mark.parametrize("code", ["SIGNATURE_NOT_FILED", ""])
def test_a_sample_that_does_not_arrive_stops_the_rest_with_the_codes(world, undelivered, goes_on, code):
    pass_over(world)
    world.gateway.fates = dict.fromkeys(sorted(sent(world))[:undelivered], code)
    world.clock.sleep(700)
    if goes_on:
        assert world.retry(PEOPLE, guards=(CANARY,)).summary["accepted"] == 60
        return
    with pytest.raises(GuardError, match=f"{10 - undelivered} of 10") as raised:
        world.retry(PEOPLE, guards=(CANARY,))
    assert len(sent(world)) == 10
    assert code in str(raised.value)
    figures = world.failures[-1]["guards"][0]["figures"]
    assert figures["failed" if code else "pending"] == undelivered
    # The cause is mended: the sample is not sent to again.
    world.gateway.fates = {}
    world.clears += 1
    assert world.retry(PEOPLE, guards=(CANARY,)).summary["accepted"] == 60
    assert set(world.gateway.accepted.values()) == {1}


def test_who_of_the_sample_was_refused_counts_as_not_delivered(world):
    world.gateway.poison = "3"
    pass_over(world, error_threshold=None)
    # Every tenth number is refused; those of the sample are.
    refused = 10 - len(sent(world))
    world.clock.sleep(700)
    strict = Canary(size=10, min_delivered_ratio=1.0, wait=timedelta(minutes=10))
    if refused:
        with pytest.raises(GuardError, match=f"{10 - refused} of 10"):
            world.retry(PEOPLE, guards=(strict,), error_threshold=None)
    assert refused, "choose another digit"


def test_an_audience_that_is_no_larger_than_the_sample_goes_at_once(world):
    assert world.run(PEOPLE[:10], guards=(CANARY,)).summary["accepted"] == 10


def test_a_sample_alone_leaves_the_others_to_another_task(world):
    summary = world.run(PEOPLE, guards=(Sample(size=7),)).summary
    assert (summary["accepted"], summary["skipped"]) == (7, 53)
    assert summary["errors"]["local.NOT_IN_SAMPLE"] == 53
    assert world.retry(PEOPLE).summary["accepted"] == 60
    assert set(world.gateway.accepted.values()) == {1}


def test_a_number_with_several_messages_is_wholly_in_the_sample_or_not(world):
    people = [
        {"phone_number": number, "template_param": {"n": str(n)}} for number in PEOPLE for n in range(2)
    ]
    world.run(people, guards=(Sample(size=7),))
    assert len(sent(world)) == 7
    assert set(world.gateway.accepted.values()) == {2}


class Looks:
    """Keeps the sample that it sees."""

    def __init__(self, size):
        self.size, self.seen = size, frozenset()

    def before_sending(self, facts):
        self.seen = sample(facts, size=self.size)
        return fail("seen", advice="-")


@given(order=st.permutations(PEOPLE), size=st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_the_sample_does_not_depend_on_the_order_or_on_others(order, size):
    looks, world = Looks(size), World()
    for people in (PEOPLE, order):
        before = looks.seen
        with pytest.raises(GuardError):
            world.run(people, guards=(looks,), first_try=True)
        assert len(looks.seen) == size
        assert before in (frozenset(), looks.seen)
    others = [number for number in PEOPLE if number not in looks.seen][:5]
    with pytest.raises(GuardError):
        world.run([number for number in PEOPLE if number not in others], guards=(looks,), first_try=True)
    assert len(before & looks.seen) >= size - 5


def test_a_large_audience_is_sampled_in_little_memory(world):
    people = [f"138{i:08d}" for i in range(20_000)]
    looks = Looks(50)
    with pytest.raises(GuardError):
        world.run(people, guards=(looks,))
    assert len(looks.seen) == 50


@pytest.mark.parametrize(
    "fields", [{"size": 0}, {"size": 10_001}, {"min_delivered_ratio": 90}, {"wait": "10 minutes"}]
)
def test_wrong_fields_are_refused_when_it_is_made(fields):
    with pytest.raises(ConfigurationError):
        Canary(**fields)


def test_a_canary_is_asked_after_the_guards():
    from airflow_provider_aliyunsms.operators.guards import check_guards

    class Good:
        def before_sending(self, facts):
            return go("good")

    good = Good()
    assert check_guards([good], canary=CANARY) == (good, CANARY)


@dataclass(frozen=True)
class LeavesOut:
    """Leaves out who has one of the numbers."""

    numbers: frozenset

    def before_sending(self, facts):
        for rows in facts.pending():
            pairs = zip(rows.places, rows.members.numbers, strict=True)
            facts.leave_out(
                [place for place, number in pairs if number in self.numbers], code="local.SUPPRESSED"
            )
        return go("some are left out")


def test_the_sample_is_drawn_from_those_who_are_not_left_out(world):
    looks = Looks(10)
    with pytest.raises(GuardError):
        world.run(PEOPLE, guards=(looks,), first_try=True)
    guards = (LeavesOut(looks.seen), CANARY)
    world.tries = 0
    error = pass_over(world, guards=guards)
    assert len(sent(world)) == 10
    assert not sent(world) & looks.seen
    world.clock.seconds = error.until.timestamp() + 1
    assert world.retry(PEOPLE, guards=guards).summary["accepted"] == 50
    assert set(world.gateway.accepted.values()) == {1}


def test_an_open_chunk_of_the_sample_does_not_fail_the_campaign_for_good(world):
    world.gateway.faults.extend(["answer_lost", "ok"])
    world.gateway.record_lag = 2000.0
    error = pass_over(world, max_concurrency=1)
    assert len(sent(world)) == 10
    world.clock.seconds = error.until.timestamp() + 1
    with pytest.raises(GuardError) as raised:
        world.retry(PEOPLE, guards=(CANARY,))
    assert isinstance(raised.value, GuardUndecidedError | GuardWaitError)


def test_a_sample_that_was_refused_for_a_cause_that_is_mended_is_sent_to_after_a_clear(world):
    world.gateway.poison, world.gateway.refusal = "", "isv.TEMPLATE_PARAMS_ILLEGAL"
    error = pass_over(world, error_threshold=None)
    assert not sent(world)
    world.clock.seconds = error.until.timestamp() + 1
    with pytest.raises(GuardError):
        world.retry(PEOPLE, guards=(CANARY,), error_threshold=None)
    world.gateway.poison = None
    world.clears += 1
    error = pass_over(world, first_try=False)
    assert len(sent(world)) == 10


def test_a_rehearsal_with_a_canary_tells_of_everybody(world):
    shown = world.run(PEOPLE, guards=(CANARY,), dry_run=True).summary
    assert (shown["rehearsal"]["recipients"], shown["rehearsal"]["calls"]) == (60, 12)
    assert shown["planned_requests"] == 12


def test_a_wait_in_seconds_is_a_wait(world):
    """It passed the check and failed when the sample was out already."""
    error = pass_over(world, guards=(Canary(size=10, wait=600),))
    assert 500 < error.until.timestamp() - world.clock.now() < 700


def test_the_rest_goes_after_the_sample_and_to_nobody_of_it(world):
    world.run(PEOPLE, guards=(Sample(size=10),))
    assert world.retry(PEOPLE, guards=(AfterSample(),)).summary["accepted"] == 60
    assert set(world.gateway.accepted.values()) == {1}


def test_the_rest_does_not_go_without_the_ledger_of_the_sample_also_in_a_later_try(world):
    """A try that was stopped has a ledger of its own, which tells of nobody."""
    for attempt in (world.run, world.retry, world.retry):
        with pytest.raises(GuardError, match="does not tell whom the sample was"):
            attempt(PEOPLE, guards=(AfterSample(),))
    assert not sent(world)
    assert world.run(PEOPLE, guards=(AfterSample(),), dry_run=True).summary["rehearsal"]["recipients"] == 60
