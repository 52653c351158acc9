# SPDX-License-Identifier: Apache-2.0
"""A campaign that has to wait for others with the same account waits with nothing open, and loses nothing by it."""

from __future__ import annotations

import json

import pytest
from world import World

from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.exceptions import NotSentError, ThrottledError

PEOPLE = [f"138000000{i:02d}" for i in range(12)]


class Turns:
    """An account in whose pace this campaign has one call in so many seconds; a context, as the real one."""

    def __init__(self, world, *, every):
        self.taken_in = 1
        self._world = world
        self._every = every
        self._next = 0.0
        self.counted = self.ended = self.asked = 0
        self.open_while_waiting = set()
        self.lapsed_at = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.counted == 0, "each call that was counted must be ended or cancelled"

    def check(self, *, patience):
        if self.lapsed_at is not None and self._world.clock.monotonic() - self.lapsed_at > patience:
            raise NotSentError("the pace cannot be kept")

    def wait_time(self, *, now, wants=True):
        self.asked += wants
        wait = float("inf") if self.lapsed_at is not None else max(0.0, self._next - now)
        if wait > 2.0:
            windows = [json.loads(text) for key, text in self._world.store.values.items() if ".w" in key]
            self.open_while_waiting.add(sum("r" not in entry for window in windows for entry in window["c"]))
        return wait

    def take(self, *, now):
        wait = self.wait_time(now=now)
        if wait <= 0:
            self._next = now + self._every
            self.counted += 1
        return wait

    def hold(self, seconds):
        """Let the others have their turn for so long."""
        self._next = self._world.clock.monotonic() - 1_700_000_000.0 + seconds

    def cancel(self):
        self.counted -= 1

    def end(self, *, started, now, opened):
        self.counted -= 1
        self.ended += 1

    def may_begin(self, term):
        return term == self.taken_in


@pytest.mark.parametrize("can_look_up", [True, False])
def test_nothing_is_open_while_others_have_their_turn(can_look_up):
    world = World(can_look_up=can_look_up)
    turns = Turns(world, every=40.0)
    summary = world.run(PEOPLE, chunk_size=2, max_concurrency=1, account_pace=turns).summary
    assert summary["accepted"] == len(PEOPLE)
    assert turns.open_while_waiting == {0}


def test_a_turn_that_comes_late_is_no_trouble_of_the_gateway():
    world = World()
    world.gateway.faults.append("throttle")
    turns = Turns(world, every=50.0)
    summary = world.run(
        PEOPLE, chunk_size=2, max_concurrency=1, account_pace=turns, network_patience=45.0
    ).summary
    assert summary["accepted"] == len(PEOPLE)


def test_a_job_whose_place_is_another_s_by_now_does_not_begin():
    world = World()
    turns = Turns(world, every=0.0)
    allowed, asked = turns.may_begin, []

    def may_begin(term):
        asked.append(term)
        return allowed(term) and len(asked) % 3 > 0

    turns.may_begin = may_begin
    summary = world.run(PEOPLE, chunk_size=2, max_concurrency=2, account_pace=turns).summary
    assert summary["accepted"] == len(PEOPLE)
    assert set(world.gateway.accepted.values()) == {1}
    assert len(asked) > world.gateway.submissions


def test_without_the_store_the_try_ends_with_everybody_told():
    world = World()
    turns = Turns(world, every=0.0)
    submit = world.gateway.submit

    def once(chunk, envelope):
        turns.lapsed_at = world.clock.monotonic()
        return submit(chunk, envelope)

    world.gateway.submit = once
    with pytest.raises(NotSentError, match="the pace cannot be kept"):
        world.run(PEOPLE, chunk_size=2, max_concurrency=1, account_pace=turns, network_patience=60.0)
    assert world.failures[-1]["accepted"] == 2
    assert world.failures[-1]["skipped"] == 10
    world.gateway.submit = submit
    assert world.retry(PEOPLE).summary["accepted"] == len(PEOPLE)
    assert set(world.gateway.accepted.values()) == {1}


def losing_places(turns, *, lost):
    """Let others have the places of some calls, between the count of a call and the call."""
    verdicts = []

    def may_begin(term):
        verdicts.append(not lost(len(verdicts)))
        if not verdicts[-1]:
            turns.hold(1.0)
        return verdicts[-1]

    turns.may_begin = may_begin
    return verdicts


@pytest.mark.parametrize("can_look_up", [True, False])
def test_a_replay_whose_place_is_another_s_by_now_is_not_made_either(can_look_up):
    world = World(can_look_up=can_look_up)
    world.gateway.faults.extend(["drop_before"] * 3)
    turns = Turns(world, every=0.0)
    verdicts = losing_places(turns, lost=lambda asked: asked % 2)
    began = world.clock.monotonic()
    summary = world.run(PEOPLE, chunk_size=12, max_concurrency=1, account_pace=turns).summary
    assert summary["accepted"] == len(PEOPLE)
    assert set(world.gateway.accepted.values()) == {1}
    # Its call and three replays.
    assert world.gateway.submissions == sum(verdicts) == 4
    assert len(verdicts) == 7
    assert world.clock.monotonic() - began < 60


def test_a_replay_that_was_held_back_does_not_make_evidence_wait_for_longer():
    world = World()
    world.gateway.faults.append("drop_before")
    turns, began = Turns(world, every=0.0), world.clock.monotonic()
    losing_places(turns, lost=lambda asked: asked > 0 and world.clock.monotonic() - began < 860)
    summary = world.run(
        PEOPLE, chunk_size=12, max_concurrency=1, account_pace=turns, settle_time=850.0, evidence_wait=2000.0
    ).summary
    assert summary["accepted"] == len(PEOPLE)
    # The call and, when look-ups had shown nothing for long enough since then, a new one.
    assert world.gateway.submissions == 2
    assert world.clock.monotonic() - began < 950


def test_a_replay_whose_turn_comes_too_late_is_not_made():
    world = World()
    world.gateway.faults.append("drop_before")
    turns = Turns(world, every=0.0)
    submit, submitted = world.gateway.submit, []

    def once(chunk, envelope):
        submitted.append(envelope)
        turns.hold(14.5 * 60)
        return submit(chunk, envelope)

    world.gateway.submit = once
    summary = world.run(PEOPLE, chunk_size=12, max_concurrency=1, account_pace=turns, evidence_wait=2000.0)
    assert summary.summary["accepted"] == len(PEOPLE)
    assert set(world.gateway.accepted.values()) == {1}
    # Not once more with the first date, which the gateway may have forgotten.
    assert len(submitted) == len({envelope.nonce for envelope in submitted}) == 2
    assert turns.ended == len(submitted)


def test_look_ups_take_no_place_and_wait_for_no_turn():
    world = World()
    world.gateway.faults.append("drop_after")
    turns, began = Turns(world, every=0.0), world.clock.monotonic()
    find, looked = world.gateway.find, []

    def look(*args, **kwargs):
        looked.append((world.clock.monotonic(), turns.counted))
        return find(*args, **kwargs)

    submit = world.gateway.submit

    def once(chunk, envelope):
        turns.hold(120.0)
        return submit(chunk, envelope)

    world.gateway.find, world.gateway.submit = look, once
    summary = world.run(PEOPLE, chunk_size=6, max_concurrency=1, account_pace=turns).summary
    assert summary["accepted"] == len(PEOPLE)
    assert {counted for _, counted in looked} == {0}
    # While the others have their turn of two minutes.
    assert looked[0][0] - began < 60


def test_look_ups_of_several_chunks_go_on_while_others_have_their_turn():
    world = World()
    world.gateway.faults.extend(["drop_before"] * 3)
    turns, submit, find = Turns(world, every=0.0), world.gateway.submit, world.gateway.find
    submitted, looked = [], {}

    def once(chunk, envelope):
        submitted.append(world.clock.monotonic())
        if len(submitted) == 3:
            turns.hold(120.0)
        return submit(chunk, envelope)

    def look(chunk, **how):
        looked.setdefault(chunk.out_id, world.clock.monotonic())
        return find(chunk, **how)

    world.gateway.find, world.gateway.submit = look, once
    summary = world.run(PEOPLE, chunk_size=1, max_concurrency=3, account_pace=turns).summary
    assert summary["accepted"] == len(PEOPLE)
    assert len(looked) == 3
    assert max(looked.values()) - submitted[2] < 60, "none of them waits for the turn of a new chunk"


@pytest.mark.parametrize("connects", [True, False])
def test_the_pace_is_told_which_calls_opened_a_connection(connects):
    world = World()
    world.gateway.faults.append("drop_before")
    turns, seen = Turns(world, every=0.0), []
    submit, end = world.gateway.submit, turns.end

    def connecting(chunk, envelope):
        departures.opened += connects
        return submit(chunk, envelope)

    def noted(*, opened, **times):
        seen.append(opened)
        end(opened=opened, **times)

    world.gateway.submit, turns.end = connecting, noted
    world.run(PEOPLE, chunk_size=6, max_concurrency=1, account_pace=turns)
    assert seen == [connects] * world.gateway.submissions


def with_a_replay_that_has_to_wait(world, *, seconds, after=2):
    """Two chunks, of which the first did not arrive and the second did; then it is the turn of others."""
    world.gateway.faults.extend(["drop_before", "drop_after"])
    turns, submit, find = Turns(world, every=0.0), world.gateway.submit, world.gateway.find
    submitted, looked = [], []

    def once(chunk, envelope):
        submitted.append(envelope)
        if len(submitted) == after:
            turns.hold(seconds)
        return submit(chunk, envelope)

    def look(chunk, **how):
        looked.append((chunk.out_id, world.clock.monotonic()))
        return find(chunk, **how)

    world.gateway.submit, world.gateway.find = once, look
    return turns, submitted, looked


def test_look_ups_of_others_do_not_wait_for_the_turn_of_a_replay():
    world = World()
    turns, submitted, looked = with_a_replay_that_has_to_wait(world, seconds=600.0)
    began = world.clock.monotonic()
    summary = world.run(PEOPLE, chunk_size=6, max_concurrency=1, account_pace=turns).summary
    assert summary["accepted"] == len(PEOPLE)
    assert set(world.gateway.accepted.values()) == {1}
    assert len(submitted) == 3
    first, second = (
        next(at - began for out_id, at in looked if out_id == chunk) for chunk in _in_order(looked)
    )
    assert first < 60
    assert second < 60


def _in_order(looked):
    return list(dict.fromkeys(out_id for out_id, _ in looked))


def test_a_replay_that_is_too_old_takes_no_place_and_a_look_up_settles_its_chunk():
    world = World()
    turns, submitted, looked = with_a_replay_that_has_to_wait(world, seconds=20 * 60.0)
    began = world.clock.monotonic()
    summary = world.run(
        PEOPLE, chunk_size=6, max_concurrency=1, account_pace=turns, evidence_wait=60.0
    ).summary
    assert summary["accepted"] == len(PEOPLE)
    assert set(world.gateway.accepted.values()) == {1}
    # Its chunk was looked up at once when no replay could be made any more, and sent anew when the turn came.
    assert any(14 * 60.0 < at - began < 15 * 60.0 for _, at in looked)
    assert [envelope.nonce for envelope in submitted].count(submitted[0].nonce) == 1
    assert turns.ended == len(submitted) == 3


@pytest.mark.parametrize("can_look_up", [True, False])
def test_a_try_ends_although_the_place_of_a_replay_never_comes(can_look_up):
    world = World(can_look_up=can_look_up)
    world.gateway.faults.append("drop_before")
    turns, submit = Turns(world, every=0.0), world.gateway.submit

    def once(chunk, envelope):
        turns.hold(10 * 86_400.0)
        return submit(chunk, envelope)

    world.gateway.submit = once
    began = world.clock.monotonic()
    # Settled by nothing: look-ups fail.
    world.gateway.query_faults.extend(["unreachable"] * 1000)
    world.run(PEOPLE, chunk_size=12, max_concurrency=1, account_pace=turns)
    assert 14 * 60.0 < world.clock.monotonic() - began < 16 * 60.0
    assert world.gateway.submissions == turns.ended == 1
    world.gateway.submit = submit
    world.gateway.query_faults.clear()
    if can_look_up:
        assert world.retry(PEOPLE, evidence_wait=3600.0).summary["accepted"] == len(PEOPLE)
        assert set(world.gateway.accepted.values()) == {1}


def test_a_campaign_that_its_own_pace_holds_up_asks_for_no_place():
    world = World()
    turns = Turns(world, every=0.0)
    world.gateway.faults.append("throttle")
    world.gateway.retry_after = 60.0
    asked = []
    submit = world.gateway.submit

    def once(chunk, envelope):
        asked.append((turns.asked, world.clock.monotonic()))
        if len(asked) == 1:
            turns.hold(50.0)
        return submit(chunk, envelope)

    world.gateway.submit = once
    summary = world.run(
        PEOPLE, chunk_size=2, max_concurrency=1, account_pace=turns, network_patience=600.0
    ).summary
    assert summary["accepted"] == len(PEOPLE)
    (first, at), (second, later) = asked[:2]
    assert later - at >= 60.0
    # What it takes to find its turn; with one more for each fifth of a second it would be 300.
    assert second - first <= 5


def test_a_campaign_that_waits_for_evidence_asks_for_no_place():
    world = World()
    turns, asked, find = Turns(world, every=0.0), [], world.gateway.find
    world.gateway.record_lag = 300.0
    world.gateway.faults.extend(["drop_after"] * 8)

    def look(chunk, **how):
        asked.append((turns.asked, world.clock.monotonic()))
        return find(chunk, **how)

    world.gateway.find = look
    summary = world.run(
        PEOPLE, chunk_size=1, max_concurrency=1, account_pace=turns, evidence_wait=3600.0
    ).summary
    assert summary["accepted"] == len(PEOPLE)
    # Between the last replay and the first record.
    waited = [count for count, at in asked if 60.0 < at - asked[0][1] < 290.0]
    assert len(waited) > 3
    assert len(set(waited)) == 1


def test_a_pause_that_the_gateway_asks_for_is_its_trouble_whoever_has_his_turn_meanwhile():
    world = World()
    world.gateway.faults.append("throttle")
    world.gateway.retry_after = 120.0
    turns, submit = Turns(world, every=0.0), world.gateway.submit

    def once(chunk, envelope):
        turns.hold(110.0)
        return submit(chunk, envelope)

    world.gateway.submit = once
    began = world.clock.monotonic()
    with pytest.raises(ThrottledError):
        world.run(PEOPLE, chunk_size=2, max_concurrency=1, account_pace=turns, network_patience=60.0)
    assert world.clock.monotonic() - began < 70
