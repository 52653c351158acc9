# SPDX-License-Identifier: Apache-2.0
"""Each group of a split gets its own message, a group without one gets nothing, and nobody gets two."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import Crash, World

from airflow_provider_aliyunsms.audience.recipients import Members, Recipient, recipient_keys
from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.groups import Groups
from airflow_provider_aliyunsms.exceptions import (
    ConfigurationError,
    OutcomeUnknownError,
    SendInterruptedError,
)
from airflow_provider_aliyunsms.products import CHINA, GLOBE

SHARES = {"a": 0.45, "b": 0.35, "holdout": 0.20}
PEOPLE = [f"138000000{number:02d}" for number in range(90)]


def groups_of(salt, templates=("SMS_1", "SMS_2")):
    return Groups(
        split=Split(SHARES, salt=salt), product=CHINA, texts=dict(zip("ab", templates, strict=True))
    )


def watched(world, groups):
    """Note the group of every call, and refuse to take one of two groups or of one that gets nothing."""
    calls = []
    submit = type(world.gateway).submit

    def watching(chunk, envelope):
        calls.append((groups.text(chunk.members.numbers), chunk.members.numbers))
        return submit(world.gateway, chunk, envelope)

    world.gateway.submit = watching
    return calls


def test_each_group_gets_its_own_template_and_the_holdout_nothing():
    world, groups = World(), groups_of("one")
    calls = watched(world, groups)
    summary = world.run(PEOPLE, groups=groups).summary
    by_name = dict(zip(PEOPLE, groups.of(PEOPLE), strict=True))
    quiet = [number for number, name in by_name.items() if name == "holdout"]
    assert 5 < len(quiet) < 40
    assert (summary["accepted"], summary["skipped"]) == (90 - len(quiet), len(quiet))
    assert summary["errors"] == {"local.HOLDOUT": len(quiet)}
    assert world.gateway.accepted == dict.fromkeys([each for each in PEOPLE if each not in quiet], 1)
    assert {text for text, _ in calls} == {"SMS_1", "SMS_2"}
    sizes = [len(numbers) for _, numbers in calls]
    assert sizes.count(5) >= len(sizes) - 2, "only the last chunk of a group is not full"
    counts = [*by_name.values()]
    assert summary["groups"]["a"] == {
        "template_code": "SMS_1",
        "total": counts.count("a"),
        "accepted": counts.count("a"),
        "rejected": 0,
        "skipped": 0,
        "unknown": 0,
    }
    assert summary["groups"]["holdout"]["skipped"] == summary["groups"]["holdout"]["total"] == len(quiet)
    assert [receipt["outcome"] for receipt in world.receipts] == [
        "skipped" if number in quiet else "accepted" for number in PEOPLE
    ]


def test_a_rehearsal_counts_the_calls_of_each_group_by_itself():
    world, groups = World(), groups_of("one")
    summary = world.run(PEOPLE, groups=groups, dry_run=True).summary
    names = groups.of(PEOPLE)
    assert summary["planned_requests"] == sum(-(-names.count(name) // 5) for name in "ab")
    assert summary["errors"] == {
        "local.DRY_RUN": 90 - names.count("holdout"),
        "local.HOLDOUT": names.count("holdout"),
    }


def test_a_campaign_without_a_split_stays_as_it_was():
    one, other = World(), World()
    summary = one.run(PEOPLE).summary
    with_split = other.run(PEOPLE, groups=groups_of("one")).summary
    assert "groups" not in summary
    assert summary["digest"] == with_split["digest"], "the keys of the recipients do not know of groups"


def test_a_cleared_campaign_returns_the_same_groups_and_sends_nothing():
    world, groups = World(), groups_of("one")
    first = world.run(PEOPLE, groups=groups).summary
    sent = world.gateway.submissions
    world.clears += 1
    assert world.retry(PEOPLE, groups=groups).summary == first
    assert world.gateway.submissions == sent


@settings(max_examples=150, deadline=None)
@given(
    first=st.integers(0, 3),
    then=st.integers(0, 3),
    faults=st.lists(
        st.sampled_from(["ok", "drop_before", "drop_after", "error_500", "throttle", "refused_connection"]),
        max_size=6,
    ),
    crash_in=st.one_of(st.none(), st.integers(1, 6)),
    stop_after=st.integers(1, 30),
    can_look_up=st.booleans(),
)
def test_a_changed_split_sends_to_nobody_twice_and_no_call_holds_two_groups(
    first, then, faults, crash_in, stop_after, can_look_up
):
    world = World(can_look_up=can_look_up)
    world.gateway.faults.extend(faults)
    groups = groups_of(f"salt {first}")
    watched(world, groups)
    world.store.new_process(crash_in=crash_in)
    with contextlib.suppress(Crash, SendInterruptedError, OutcomeUnknownError):
        world.run(PEOPLE[:60], groups=groups, stop_after=stop_after)
    if not world.store.values:
        return
    changed = groups_of(f"salt {then}", ("SMS_1", "SMS_3"))
    del world.gateway.submit
    watched(world, changed)
    for _ in range(3):
        world.clock.sleep(700)
        with contextlib.suppress(OutcomeUnknownError):
            summary = world.retry(PEOPLE[:60], groups=changed).summary
            assert summary["total"] == sum(each["total"] for each in summary["groups"].values()) == 60
            break
    assert max(world.gateway.accepted.values(), default=0) <= 1


def test_who_moved_to_the_holdout_and_was_not_reached_gets_nothing():
    world, groups = World(), groups_of("one")
    world.gateway.faults.extend(["drop_before"] * 4)
    with contextlib.suppress(OutcomeUnknownError, SendInterruptedError):
        world.run(PEOPLE, groups=groups, stop_after=6)
    quiet = Groups(split=groups.split, product=CHINA, texts={"a": "SMS_1"})
    del_submit = watched(world, quiet)
    world.clock.sleep(700)
    before = dict(world.gateway.accepted)
    world.retry(PEOPLE, groups=quiet)
    new = world.gateway.accepted.keys() - before.keys()
    assert {*quiet.of([*new])} == {"a"}
    assert all(text == "SMS_1" for text, _ in del_submit)


def test_a_chunk_of_two_groups_is_never_sent():
    groups = groups_of("one")
    with pytest.raises(RuntimeError):
        groups.text(PEOPLE)
    with pytest.raises(RuntimeError):
        groups.text(
            [number for number, name in zip(PEOPLE, groups.of(PEOPLE), strict=True) if name == "holdout"]
        )


def test_a_number_is_in_the_same_group_in_both_apis():
    china = groups_of("one")
    globe = Groups(split=china.split, product=GLOBE, texts={"a": "x"})
    assert china.of(PEOPLE) == globe.of(["86" + number for number in PEOPLE])


def test_batches_lose_nobody_and_keep_the_order_of_each_group():
    groups = groups_of("one")
    contents = [Recipient(number, sign_name="x").content for number in PEOPLE]
    keys = recipient_keys(campaign_id="c", numbers=PEOPLE, contents=contents, dedupe="content")
    everybody = Members(keys, tuple(PEOPLE), tuple(contents))
    found: dict[str, list[str]] = {}
    for name, members in groups.batches([everybody.part(0, 33), everybody.part(33)], size=10):
        found.setdefault(name, []).extend(members.numbers)
    names = groups.of(PEOPLE)
    assert found == {
        name: [number for number, its in zip(PEOPLE, names, strict=True) if its == name] for name in {*names}
    }


@pytest.mark.parametrize("texts", [{}, {"c": "SMS_1"}])
def test_groups_without_a_text_or_with_a_strange_one_are_refused(texts):
    with pytest.raises(ConfigurationError):
        Groups(split=Split(SHARES, salt="x"), product=CHINA, texts=texts)


def test_a_changed_split_or_template_shows_in_the_signer():
    one = groups_of("one").signed("s")
    assert one == groups_of("one").signed("s")
    assert (
        len({one, groups_of("two").signed("s"), groups_of("one", ("SMS_1", "SMS_9")).signed("s"), "s"}) == 4
    )
