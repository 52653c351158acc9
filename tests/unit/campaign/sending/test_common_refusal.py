# SPDX-License-Identifier: Apache-2.0
"""A refusal that holds for everybody is found with a few calls; one that does not costs nobody a message."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
from world import POISON, Crash, World

from airflow_provider_aliyunsms.campaign.sending.common_refusal import PROBES
from airflow_provider_aliyunsms.exceptions import TooManyRefusedError

CONTENT = "isv.TEMPLATE_MISSING_PARAMETERS"
BAD = [f"1380{place:05d}{POISON}" for place in range(5000)]
GOOD = [f"1380{place:05d}00" for place in range(5000)]


def world_of(*, can_look_up=True, code=CONTENT):
    world = World(can_look_up=can_look_up)
    world.gateway.refusal = code
    return world


SETTINGS = {"chunk_size": 100, "max_concurrency": 16, "evidence_wait": 300.0}


def run(world, people, **changes):
    return world.run(people, **SETTINGS | changes).summary


def retry(world, people, **changes):
    return world.retry(people, **SETTINGS | changes).summary


@pytest.mark.parametrize("size", [40, 100, 300, 1600, 5000])
def test_one_cause_for_all_is_found_with_a_few_calls_and_sent_to_once_it_is_mended(size):
    world = world_of()
    people = BAD[:size]
    asked = []
    find = world.gateway.find
    world.gateway.find = lambda chunk, **how: asked.append(chunk) or find(chunk, **how)
    with pytest.raises(TooManyRefusedError, match="tried alone") as raised:
        run(world, people)
    assert raised.value.code == CONTENT
    assert world.gateway.submissions <= 16 + PROBES
    # In a small campaign there is nobody left to try alone before a refused chunk was looked up.
    assert len(asked) <= 2 * 16
    if size > 1600:
        assert not asked
    assert not world.gateway.accepted
    world.gateway.poison = None
    world.clock.sleep(120)
    world.clears += 1
    assert retry(world, people)["accepted"] == size
    assert set(world.gateway.accepted.values()) == {1}


def test_globe_needs_fewer_calls():
    world = world_of(can_look_up=False)
    with pytest.raises(TooManyRefusedError):
        run(world, BAD[:2000], chunk_size=250, max_concurrency=1, max_qps=1.0)
    assert world.gateway.submissions == 1 + PROBES


@pytest.mark.parametrize("can_look_up", [True, False])
@pytest.mark.parametrize("bad_at", [0, 7, 1599])
@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_chunk_with_one_bad_row_still_serves_its_good_ones(can_look_up, bad_at, concurrency):
    world = world_of(can_look_up=can_look_up)
    people = [*GOOD[:bad_at], BAD[0], *GOOD[bad_at:1599]]
    summary = run(world, people, max_concurrency=concurrency)
    assert (summary["accepted"], summary["rejected"]) == (1599, 1)
    assert world.gateway.accepted == Counter(GOOD[:1599])


def test_people_who_are_all_bad_in_front_do_not_hide_the_good_ones_behind():
    """The recipients that are tried alone are spread over their chunk."""
    world = world_of()
    summary = run(world, [*BAD[:20], *GOOD[:80]], error_threshold=0.9)
    assert (summary["accepted"], summary["rejected"]) == (80, 20)
    assert set(world.gateway.accepted.values()) == {1}


def test_what_was_held_back_meanwhile_goes_on_when_one_is_accepted():
    world = world_of()
    people = [*BAD[:1], *GOOD[:99], *GOOD[100:4000]]
    assert run(world, people, max_concurrency=1)["accepted"] == len(people) - 1
    assert set(world.gateway.accepted.values()) == {1}


@pytest.mark.parametrize("code", ["isv.MOBILE_NUMBER_ILLEGAL", "isv.BUSINESS_LIMIT_CONTROL"])
def test_a_number_that_is_wrong_or_had_enough_is_left_to_the_threshold(code):
    world = world_of(code=code)
    with pytest.raises(TooManyRefusedError, match="served so far"):
        run(world, BAD[:1600])


def test_who_accepts_any_share_is_not_stopped():
    world = world_of()
    summary = run(world, BAD[:60], error_threshold=None)
    assert summary["rejected"] == 60


@pytest.mark.parametrize("fault", ["drop_before", "error_500", "throttle", "refused_connection"])
def test_a_probe_without_a_clear_response_proves_nothing(fault):
    world = world_of()
    world.gateway.faults.extend(["ok", "ok", fault, "ok"])
    with pytest.raises(TooManyRefusedError):
        run(world, BAD[:500], max_concurrency=1, evidence_wait=1500.0)
    world.gateway.faults.clear()
    assert not world.gateway.accepted


def test_a_crash_between_the_probes_is_resumed_and_nobody_gets_two():
    for moment in range(1, 12):
        world = world_of()
        people = [BAD[0], *GOOD[:499]]
        world.store.new_process(crash_in=moment, crash_after_write=moment % 2 == 0, broken_in=None)
        with contextlib.suppress(Crash):
            run(world, people, max_concurrency=4)
        world.clock.sleep(1200)
        summary = retry(world, people, max_concurrency=4)
        assert (summary["accepted"], summary["rejected"]) == (499, 1)
        assert world.gateway.accepted == Counter(GOOD[:499])


@pytest.mark.parametrize("size", [250, 3201, 3250])
@pytest.mark.parametrize("doubt", ["hidden", "unreachable"])
def test_look_ups_that_show_nothing_do_not_keep_the_try_from_its_end(size, doubt):
    """Nobody is left to try alone, and no refused chunk can be looked up: the try ends, and the next one goes on."""
    world = world_of()
    world.gateway.query_faults.extend([doubt] * 100_000)
    people = BAD[:size]
    with contextlib.suppress(TooManyRefusedError):
        summary = run(world, people)
        assert summary["unknown"] + summary["rejected"] == size
    assert world.gateway.submissions <= 16 + PROBES
    world.gateway.query_faults.clear()
    world.gateway.poison = None
    world.clock.sleep(120)
    world.clears += 1
    assert retry(world, people)["accepted"] == size
    assert set(world.gateway.accepted.values()) == {1}


def test_every_refused_chunk_is_looked_up_while_recipients_to_try_are_wanted():
    world = world_of()
    world.gateway.query_faults.extend(["hidden"] * 4)
    with pytest.raises(TooManyRefusedError):
        run(world, BAD[:300])
    assert world.gateway.submissions <= 3 + PROBES


def test_a_single_recipient_at_the_end_is_tried_like_any_other():
    """The last chunk of this audience is one person; it stands behind chunks that have to wait."""
    world = world_of()
    with pytest.raises(TooManyRefusedError):
        run(world, BAD[:3201])
    assert world.gateway.submissions == 16 + PROBES
