# SPDX-License-Identifier: Apache-2.0
"""Whole tries of a campaign that guards judge: nothing leaves against their decision, and nobody gets it twice."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from world import Crash, World

from airflow_provider_aliyunsms.campaign.guards import fail, go, skip, wait_until
from airflow_provider_aliyunsms.exceptions import (
    AudienceError,
    GuardError,
    GuardSkipError,
    GuardUndecidedError,
    GuardWaitError,
    OutcomeUnknownError,
)

PEOPLE = [f"138000000{i:02d}" for i in range(40)]
HOUR = timedelta(hours=1)


@dataclass
class Says:
    """Decides what the test says, and notes what it was asked."""

    verdict: object = None
    asked: int = 0

    def before_sending(self, facts):
        self.asked += 1
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict(facts) if callable(self.verdict) else self.verdict


@dataclass
class StopsAfter:
    """Lets the campaign wait from the given number of submissions on."""

    world: World
    submissions: int
    decision: object = None
    outcomes: list = field(default_factory=list)

    def before_sending(self, facts):
        return self.before_window(facts)

    def before_window(self, facts):
        if self.world.gateway.submissions >= self.submissions:
            return self.decision or wait_until(facts.now + HOUR, "it is late")
        return go("it is early")

    def after_sending(self, facts):
        self.outcomes.append(facts.counts)


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        (fail("it is wrong", advice="Mend it."), GuardError),
        (fail("nobody knows", advice="Ask again.", may_change=True), GuardUndecidedError),
        (skip("it is a holiday"), GuardSkipError),
        (lambda facts: wait_until(facts.now + HOUR, "it is night"), GuardWaitError),
        (ZeroDivisionError("13800000001"), GuardUndecidedError),
        (None, GuardError),
        ("go", GuardError),
    ],
)
def test_nothing_is_sent_against_a_decision(world, verdict, error):
    with pytest.raises(error) as raised:
        world.run(PEOPLE, guards=(Says(verdict),))
    assert world.gateway.submissions == 0
    assert "Says" in str(raised.value)
    assert "13800000001" not in str(raised.value)
    (summary,) = world.failures
    assert (summary["accepted"], summary["skipped"], summary["total"]) == (0, 40, 40)
    assert [each["decision"] for each in summary["guards"]] in (["fail"], ["wait"], ["skip"])
    assert sum(world.retry(PEOPLE).summary[name] for name in ("accepted",)) == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_the_guards_after_one_that_says_no_are_not_asked(world):
    guards = (Says(go("fine")), Says(fail("no", advice="-")), Says(go("fine")))
    with pytest.raises(GuardError):
        world.run(PEOPLE, guards=guards)
    assert [guard.asked for guard in guards] == [1, 1, 0]


def test_what_guards_decided_stands_in_the_summary(world):
    summary = world.run(PEOPLE, guards=(Says(go("40 are few", recipients=40)),)).summary
    assert summary["guards"] == [
        {"guard": "Says", "decision": "go", "reason": "40 are few", "figures": {"recipients": 40}}
    ]


def test_a_finished_campaign_is_not_judged_again(world):
    first = world.run(PEOPLE, guards=(Says(go("fine")),)).summary
    guard = Says(fail("no", advice="-"))
    world.clears += 1
    assert world.retry(PEOPLE, guards=(guard,)).summary == first
    assert guard.asked == 0


@pytest.mark.parametrize("concurrency", [1, 2, 5])
@pytest.mark.parametrize("after", [1, 2, 3, 5, 7])
def test_a_campaign_that_is_stopped_in_the_middle_goes_on_later_and_nobody_gets_it_twice(
    world, after, concurrency
):
    guard = StopsAfter(world, after)
    with pytest.raises(GuardWaitError):
        world.run(PEOPLE, guards=(guard,), max_concurrency=concurrency, max_qps=1.0)
    sent = sum(world.gateway.accepted.values())
    assert 0 < sent < 40
    (summary,) = world.failures
    assert (summary["accepted"], summary["skipped"], summary["unknown"]) == (sent, 40 - sent, 0)
    assert [(each.accepted, each.unknown) for each in guard.outcomes] == [(sent, 0)]
    again = StopsAfter(world, 1000)
    assert world.retry(PEOPLE, guards=(again,)).summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


@pytest.mark.parametrize("can_look_up", [True, False])
@pytest.mark.parametrize("fault", ["ok", "answer_lost", "drop_before"])
@pytest.mark.parametrize("writes", range(3, 9))
def test_what_a_crash_left_open_is_settled_without_sending_against_a_decision(writes, fault, can_look_up):
    world = World(can_look_up=can_look_up)
    world.gateway.faults.extend([fault] * 8)
    world.store.new_process(crash_in=writes, crash_after_write=True)
    with pytest.raises(Crash):
        world.run(PEOPLE, max_concurrency=1)
    sent, made = sum(world.gateway.accepted.values()), world.gateway.submissions
    assert made
    world.gateway.faults.clear()
    world.store.new_process()
    with pytest.raises(GuardWaitError):
        world.retry(PEOPLE, guards=(Says(lambda facts: wait_until(facts.now + HOUR, "night")),))
    # Not even a replay, which would be the message itself where the first copy never arrived.
    assert (world.gateway.submissions, sum(world.gateway.accepted.values())) == (made, sent)
    assert world.failures[-1]["accepted"] <= sent
    world.clock.sleep(3600)
    try:
        summary = world.retry(PEOPLE).summary
    except OutcomeUnknownError:
        summary = world.failures[-1]
    assert max(world.gateway.accepted.values()) == 1
    assert summary["accepted"] + summary["unknown"] == 40
    assert len(world.gateway.accepted) >= 40 - summary["unknown"]


def test_who_is_left_out_gets_nothing_and_a_receipt_that_says_why(world):
    def leave_out(facts):
        for rows in facts.pending():
            facts.leave_out(rows.places[:7], code="local.SUPPRESSED")
        return go("seven are left out")

    summary = world.run(PEOPLE, guards=(Says(leave_out),)).summary
    assert (summary["accepted"], summary["skipped"]) == (33, 7)
    assert summary["errors"]["local.SUPPRESSED"] == 7
    assert len(world.gateway.accepted) == 33


def test_a_campaign_of_which_everybody_is_left_out_ends_without_a_call(world):
    def leave_out(facts):
        for rows in facts.pending():
            facts.leave_out(rows.places, code="local.SUPPRESSED")
        return go("all are left out")

    with pytest.raises(AudienceError, match="nobody"):
        world.run(PEOPLE, guards=(Says(leave_out),))
    assert (world.failures[-1]["skipped"], world.gateway.submissions) == (40, 0)


def test_who_is_held_back_is_sent_to_in_a_later_pass(world):
    def hold(facts):
        for rows in facts.pending():
            facts.hold(rows.places[10:], until=facts.now + HOUR, code="local.QUIET_HOURS")
        return go("the others sleep")

    with pytest.raises(GuardWaitError) as raised:
        world.run(PEOPLE, guards=(Says(hold),))
    assert len(world.gateway.accepted) == 10
    assert raised.value.until.timestamp() - world.clock.now() == pytest.approx(3600, abs=60)
    assert world.retry(PEOPLE).summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_a_dry_run_asks_all_guards_and_heeds_none(world):
    guards = (Says(fail("no", advice="-")), Says(go("fine")))
    summary = world.run(PEOPLE, guards=guards, dry_run=True).summary
    assert [each["decision"] for each in summary["guards"]] == ["fail", "go"]
    assert (summary["planned_requests"], world.gateway.submissions) == (8, 0)


def test_an_error_in_the_note_of_a_guard_does_not_hide_the_result(world):
    @dataclass
    class Breaks(Says):
        def after_sending(self, facts):
            raise ZeroDivisionError

    assert world.run(PEOPLE, guards=(Breaks(go("fine")),)).summary["accepted"] == 40


@pytest.mark.parametrize("can_look_up", [True, False])
@pytest.mark.parametrize("decision", [None, fail("no", advice="-"), skip("no")])
def test_no_replay_is_made_after_a_decision_in_the_middle(can_look_up, decision):
    world = World(can_look_up=can_look_up)
    # None of these arrives: a replay would be the message itself.
    world.gateway.faults.extend(["ok", "drop_before", "drop_before", *["ok"] * 50])
    guard = StopsAfter(world, 3, decision)
    with pytest.raises((GuardError, OutcomeUnknownError)):
        world.run(PEOPLE, guards=(guard,), max_concurrency=2, max_qps=1.0)
    assert (world.gateway.submissions, sum(world.gateway.accepted.values())) == (3, 5)
    world.clock.sleep(3600)
    try:
        summary = world.retry(PEOPLE).summary
    except OutcomeUnknownError:
        summary = world.failures[-1]
    assert max(world.gateway.accepted.values()) == 1
    assert summary["accepted"] + summary["unknown"] == 40


@pytest.mark.parametrize("can_look_up", [True, False])
def test_guards_are_asked_where_only_open_chunks_are_left(can_look_up):
    world = World(can_look_up=can_look_up)
    world.gateway.faults.extend(["drop_before"])
    # Before the replay.
    world.store.new_process(crash_in=3)
    with pytest.raises(Crash):
        world.run(PEOPLE[:5], max_concurrency=1)
    made = world.gateway.submissions
    assert made
    assert not world.gateway.accepted
    guard = Says(lambda facts: wait_until(facts.now + HOUR, "night"))
    with pytest.raises((GuardWaitError, OutcomeUnknownError)):
        world.retry(PEOPLE[:5], guards=(guard,))
    assert guard.asked == 1
    assert (world.gateway.submissions, world.gateway.accepted) == (made, {})


def test_a_guard_that_names_a_time_without_a_zone_is_found_out_before_the_first_call(world):
    def hold(facts):
        for rows in facts.pending():
            facts.hold(rows.places[:10], until=facts.now.replace(tzinfo=None), code="local.QUIET_HOURS")
            facts.hold(rows.places[10:20], until=facts.now + HOUR, code="local.QUIET_HOURS")
        return go("some wait")

    with pytest.raises(GuardUndecidedError):
        world.run(PEOPLE, guards=(Says(hold),))
    assert world.gateway.submissions == 0
    assert len(world.receipts) or world.failures


def test_who_was_sent_to_is_not_left_out_by_a_guard_that_names_all_rows(world):
    with pytest.raises(GuardWaitError):
        world.run(PEOPLE, guards=(StopsAfter(world, 2),), max_concurrency=1, max_qps=1.0)
    sent = sum(world.gateway.accepted.values())
    assert 0 < sent < 40

    def leave_out(facts):
        for rows in facts.rows():
            facts.leave_out(rows.places, code="local.SUPPRESSED")
            facts.leave_out(rows.places, code="local.SUPPRESSED")
        return go("all are left out")

    summary = world.retry(PEOPLE, guards=(Says(leave_out),)).summary
    assert (summary["accepted"], summary["skipped"]) == (sent, 40 - sent)


def test_a_guard_that_keeps_the_facts_cannot_change_receipts_later(world):
    @dataclass
    class Late(Says):
        def after_sending(self, facts):
            for rows in facts.rows():
                facts.leave_out(rows.places, code="local.SUPPRESSED")

        def before_window(self, facts):
            for rows in facts.pending():
                facts.hold(rows.places, until=facts.now + HOUR, code="local.QUIET_HOURS")
            return go("late")

    with pytest.raises(GuardUndecidedError):
        world.run(PEOPLE, guards=(Late(go("fine")),), max_concurrency=1, max_qps=1.0)
    summary = world.failures[-1]
    assert summary["accepted"] == sum(world.gateway.accepted.values())
    assert "local.QUIET_HOURS" not in summary["errors"]
    assert "local.SUPPRESSED" not in summary["errors"]


def test_figures_of_any_type_do_not_fail_a_campaign_that_was_sent(world):
    import datetime
    from decimal import Decimal

    figures = {
        "day": datetime.date(2026, 1, 2),
        "cost": Decimal("1.20"),
        "codes": {1: 2},
        "names": {"a"},
        "ratio": float("nan"),
        "odd": object(),
    }
    summary = world.run(PEOPLE, guards=(Says(go("fine", **figures)),)).summary
    assert summary["accepted"] == 40
    found = summary["guards"][0]["figures"]
    assert (found["day"], found["cost"], found["codes"]) == ("2026-01-02", "1.20", {"1": 2})


def test_a_decision_to_fail_is_not_lost_when_an_earlier_guard_has_held_everybody_back(world):
    def hold(facts):
        for rows in facts.pending():
            facts.hold(rows.places, until=facts.now + HOUR, code="local.QUIET_HOURS")
        return go("all wait")

    with pytest.raises(GuardError, match="mistake") as raised:
        world.run(PEOPLE, guards=(Says(hold), Says(fail("a mistake", advice="-"))))
    assert not isinstance(raised.value, GuardWaitError)


def test_a_decision_to_fail_is_not_lost_when_an_earlier_guard_has_left_everybody_out(world):
    def leave_out(facts):
        for rows in facts.pending():
            facts.leave_out(rows.places, code="local.SUPPRESSED")
        return go("nobody is left")

    with pytest.raises(GuardError, match="mistake"):
        world.run(PEOPLE, guards=(Says(leave_out), Says(fail("a mistake", advice="-"))))


def test_a_finished_campaign_with_people_left_out_returns_the_same_after_a_clear(world):
    def leave_out(facts):
        for rows in facts.pending():
            facts.leave_out(
                [
                    place
                    for place, number in zip(rows.places, rows.members.numbers, strict=True)
                    if number in PEOPLE[:5]
                ],
                code="local.SUPPRESSED",
            )
        return go(f"five are left out at {facts.now}")

    first = world.run(PEOPLE, guards=(Says(leave_out),)).summary
    world.clears += 1
    world.clock.sleep(99)
    assert world.retry(PEOPLE, guards=(Says(leave_out),)).summary == first
    assert sum(world.gateway.accepted.values()) == 35


def test_unknown_recipients_are_sent_to_again_once_for_each_clear_and_not_after_each_wait():
    world = World(can_look_up=False)
    # Each is accepted, and nobody can find that out.
    world.gateway.faults.extend(["drop_after"] * 40)

    def hold(facts):
        for rows in facts.pending():
            facts.hold(rows.places[-5:], until=facts.now + HOUR, code="local.QUIET_HOURS")
        return go("the last ones wait")

    with pytest.raises(GuardWaitError):
        world.run(PEOPLE, guards=(Says(hold),), resend_unknown=True, max_concurrency=1)
    before = world.gateway.accepted.total()
    for _ in range(2):
        world.clock.sleep(3700)
        with pytest.raises(GuardWaitError):
            world.retry(PEOPLE, guards=(Says(hold),), resend_unknown=True, max_concurrency=1)
        assert world.gateway.accepted.total() == before


@pytest.mark.parametrize("writes", range(3, 9))
@pytest.mark.parametrize("chunk_size", [1, 5])
def test_who_was_not_reached_before_a_crash_is_judged_before_they_are_sent_to(world, writes, chunk_size):
    world.gateway.faults.extend(["drop_before"] * 8)
    world.store.new_process(crash_in=writes, crash_after_write=True)
    with pytest.raises(Crash):
        world.run(PEOPLE, chunk_size=chunk_size)
    reached = {*world.gateway.accepted}
    world.gateway.faults.clear()
    world.store.new_process()
    # Too late for a replay, and late enough for a look-up to prove that nothing was accepted.
    world.clock.sleep(1000)
    opted_out = PEOPLE[::2]

    def leave_out(facts):
        for rows in facts.pending():
            pairs = zip(rows.places, rows.members.numbers, strict=True)
            facts.leave_out(
                [place for place, number in pairs if number in opted_out], code="local.SUPPRESSED"
            )
        return go("some have opted out")

    for _ in range(3):
        with contextlib.suppress(GuardWaitError):
            summary = world.retry(PEOPLE, guards=(Says(leave_out),), chunk_size=chunk_size).summary
            break
    assert summary["accepted"] + summary["skipped"] == 40
    assert not {*opted_out} & ({*world.gateway.accepted} - reached)
    assert {*PEOPLE} - {*opted_out} <= {*world.gateway.accepted}
    assert set(world.gateway.accepted.values()) == {1}


def leaves_out(numbers):
    def leave_out(facts):
        for rows in facts.pending():
            pairs = zip(rows.places, rows.members.numbers, strict=True)
            places = [place for place, number in pairs if number in numbers]
            facts.leave_out(places, code="local.SUPPRESSED")
        return go("some are left out")

    return Says(leave_out)


def test_a_finished_campaign_stays_what_it_was_though_some_were_left_out(world):
    first = world.run(PEOPLE, guards=(Says(go("in time")), leaves_out(PEOPLE[:5]))).summary
    receipts = list(world.receipts)
    world.clears += 1
    late = Says(fail("yesterday's offer", advice="-"))
    assert world.retry(PEOPLE, guards=(late, leaves_out(PEOPLE[:5]))).summary == first
    assert world.receipts == receipts


def test_who_is_not_left_out_any_more_is_judged_by_all_guards(world):
    world.run(PEOPLE, guards=(leaves_out(PEOPLE[:5]),))
    world.clears += 1
    with pytest.raises(GuardError, match="yesterday"):
        world.retry(PEOPLE, guards=(Says(fail("yesterday's offer", advice="-")), leaves_out(PEOPLE[:3])))
    assert len(world.gateway.accepted) == 35
    assert world.retry(PEOPLE, guards=(leaves_out(PEOPLE[:3]),)).summary["accepted"] == 37


@pytest.mark.parametrize("skew", [600.0, -600.0])
def test_a_wait_ends_by_the_clock_of_the_machine_that_waits(world, skew):
    # The guards judge by the gateway's clock, and Airflow waits by the machine's: too early, they would be asked
    # again and again, each time with the whole audience read.
    world.skew = skew
    with pytest.raises(GuardWaitError) as raised:
        world.run(PEOPLE, guards=(Says(lambda facts: wait_until(facts.now + HOUR, "night")),))
    assert raised.value.until.timestamp() == pytest.approx(world.clock.now() + 3600 + skew, abs=60)
