# SPDX-License-Identifier: Apache-2.0
"""What was rehearsed and approved is sent, and nothing else."""

from __future__ import annotations

import pytest
from world import World

from airflow_provider_aliyunsms.campaign.guards import Approved, Rehearsed
from airflow_provider_aliyunsms.campaign.plan import Texts
from airflow_provider_aliyunsms.exceptions import GuardError

PEOPLE = [{"phone_number": f"138000000{i:02d}", "template_param": {"name": f"Person {i}"}} for i in range(20)]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def digest(world):
    summary = world.run(PEOPLE, dry_run=True).summary
    world.tries = 0
    return summary["rehearsal"]["digest"]


def changed(place, **fields):
    people = [dict(person) for person in PEOPLE]
    people[place] |= fields
    return people


def test_what_was_rehearsed_is_sent(world, digest):
    assert world.run(PEOPLE, guards=(Rehearsed(digest=digest),)).summary["accepted"] == 20


@pytest.mark.parametrize(
    ("people", "texts", "named"),
    [
        (PEOPLE[:-1], "SMS_1", "the audience"),
        (PEOPLE[::-1], "SMS_1", "the audience"),
        ([*PEOPLE, PEOPLE[0] | {"phone_number": "13800000099"}], "SMS_1", "the audience"),
        (changed(3, phone_number="13800000050"), "SMS_1", "the audience"),
        (changed(3, template_param={"name": "somebody else"}), "SMS_1", "the audience"),
        (changed(3, sign_name="another"), "SMS_1", "the audience"),
        (PEOPLE, "SMS_2", "template code"),
    ],
)
def test_what_is_not_as_it_was_rehearsed_is_not_sent_and_named(world, digest, people, texts, named):
    with pytest.raises(GuardError, match=named) as raised:
        world.run(people, guards=(Rehearsed(digest=digest),), texts=Texts(template_code=texts))
    assert world.gateway.submissions == 0
    assert "1380000" not in str(raised.value)


@pytest.mark.parametrize("digest", [None, "", "None", "a", "a.b", "a.b.c.d"])
def test_without_a_rehearsal_nothing_is_sent(world, digest):
    with pytest.raises(GuardError, match="rehears"):
        world.run(PEOPLE, guards=(Rehearsed(digest=digest),))
    assert world.gateway.submissions == 0


def test_a_campaign_that_was_sent_in_part_is_still_the_one_that_was_rehearsed(world, digest):
    world.run(PEOPLE[:5])
    assert world.retry(PEOPLE, guards=(Rehearsed(digest=digest),)).summary["accepted"] == 20
    assert set(world.gateway.accepted.values()) == {1}


def test_the_rehearsal_shows_figures_and_masked_messages(world):
    shown = world.run(PEOPLE, dry_run=True, max_qps=0.5).summary["rehearsal"]
    assert (shown["recipients"], shown["calls"], shown["minutes"], shown["parts"]) == (20, 4, 0.1, None)
    assert [each["number"] for each in shown["messages"]] == ["138****0000", "138****0001", "138****0002"]
    assert "Person" not in shown["page"]
    assert "P***" in shown["page"]
    assert "20 recipients in 4 calls of SendBatchSms" in shown["page"]


class Around:
    """The answer that a person left."""

    def __init__(self, answer):
        self.answer = answer

    def xcom(self, *, task_id, key="return_value"):
        assert (task_id, key) == ("group.approval", "return_value")
        return self.answer


ALICE = {"id": "1", "name": "alice"}


@pytest.mark.parametrize(
    ("answer", "by", "problem"),
    [
        ({"chosen_options": ["Approve"], "responded_by_user": ALICE}, (), None),
        ({"chosen_options": ["Approve"], "responded_by_user": ALICE}, ("alice",), None),
        ({"chosen_options": ["Approve"], "responded_by_user": ALICE}, ("1", "bob"), None),
        ({"chosen_options": ["Approve"], "responded_by_user": ALICE}, ("bob",), "not in by"),
        ({"chosen_options": ["Reject"], "responded_by_user": ALICE}, (), "not approved"),
        ({"chosen_options": ["Approve", "Reject"], "responded_by_user": ALICE}, (), "not approved"),
        ({"chosen_options": [], "responded_by_user": ALICE}, (), "not approved"),
        ({"chosen_options": ["Approve"], "responded_by_user": None}, (), "nobody"),
        ({"chosen_options": ["Approve"]}, (), "nobody"),
        (None, (), "no answer"),
        ("Approve", (), "no answer"),
    ],
)
def test_only_what_a_person_has_approved_is_sent(world, answer, by, problem):
    guard = Approved(task_id="group.approval", by=by)
    if problem is None:
        assert world.run(PEOPLE, guards=(guard,), surroundings=Around(answer)).summary["accepted"] == 20
        return
    with pytest.raises(GuardError, match=problem):
        world.run(PEOPLE, guards=(guard,), surroundings=Around(answer))
    assert world.gateway.submissions == 0


@pytest.mark.parametrize("digest", ["-.-.-", "-.0.-"])
def test_a_digest_that_tells_nothing_lets_nothing_go(world, digest):
    with pytest.raises(GuardError, match="rehears"):
        world.run(PEOPLE, guards=(Rehearsed(digest=digest),))
    assert world.gateway.submissions == 0


@pytest.mark.parametrize(
    ("texts", "hidden"),
    [
        (
            ["Dear Anna, your visit to Dr Smith is moved", "Dear Anna, your visit to Dr Smith is cancelled"],
            "Anna",
        ),
        (["Dear Anna, your visit to Dr Smith is moved"] * 2, "Smith"),
        (["Dear Anna, hello"] * 50, "Anna"),
        (["王小明您好"] * 50, "王小明"),
    ],
)
def test_a_value_that_many_share_is_not_shown(texts, hidden):
    from airflow_provider_aliyunsms.campaign.rehearsal import mask_values

    for literal in (None, "Dear ${name}, your visit to Dr ${doctor} is ${what}"):
        assert hidden not in " ".join(mask_values(texts, literal=literal))


def test_a_single_name_of_who_may_approve_is_not_taken_for_its_letters():
    from airflow_provider_aliyunsms.exceptions import ConfigurationError

    with pytest.raises(ConfigurationError, match="list"):
        Approved(task_id="approval", by="alice")
