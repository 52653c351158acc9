# SPDX-License-Identifier: Apache-2.0
"""What the outcome of a chunk means for each of its rows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import POISON, Crash, World

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.sending.restoring import divide

TIME = "2026-01-02T03:04:05Z"
SIZE = 6
PLACES = st.frozensets(st.integers(0, SIZE - 1))


def outcome(kind=OutcomeKind.ACCEPTED, **facts):
    return Outcome(kind=kind, time=TIME, **facts)


def told(found, **more):
    """Return for each row that gets an outcome: outcome, code and id."""
    settlements, again = divide(found, **more)
    ids = {
        key: (one.outcome, one.code, one.message_ids and one.message_ids[index])
        for one in settlements
        for index, key in enumerate(one.keys)
    }
    return ids, again


@given(
    kind=st.sampled_from([OutcomeKind.ACCEPTED, OutcomeKind.REFUSED, OutcomeKind.UNKNOWN]),
    failed=PLACES,
    again=PLACES,
    changed=PLACES,
    skip=PLACES,
    missing=PLACES,
    ids=st.booleans(),
)
def test_each_row_gets_one_outcome_or_is_sent_to_again(kind, failed, again, changed, skip, missing, ids):
    rows = [None if place in missing else 100 + place for place in range(SIZE)]
    found = outcome(kind, failed=failed, again=again, code="c", message_ids=tuple("abcdef") if ids else None)
    settlements, repeated = divide(found, rows=rows, changed=changed, skip=skip)
    keys = Counter(key for one in settlements for key in one.keys)
    keys.update(rows[place] for place in repeated)
    assert keys == Counter(row for place, row in enumerate(rows) if row is not None and place not in skip)
    for one in settlements:
        assert one.message_ids is None or len(one.message_ids) == len(one.keys)
        # Who may have got a message under another content is never sent to again.
        if one.outcome == "accepted":
            assert not {key - 100 for key in one.keys} & (changed | again)


def test_an_accepted_chunk_has_its_ids_and_no_code():
    rows, again = told(outcome(message_ids=("a", None)), rows=[7, 8])
    assert rows == {7: ("accepted", None, "a"), 8: ("accepted", None, None)}
    assert again == []


def test_failed_recipients_of_an_accepted_chunk_are_rejected_with_its_code():
    rows, _ = told(outcome(code="FailedList", failed=frozenset({1}), message_ids=("a", None)), rows=[7, 8])
    assert rows == {7: ("accepted", None, "a"), 8: ("rejected", "FailedList", None)}


@pytest.mark.parametrize(
    ("kind", "code", "row", "again"),
    [
        (OutcomeKind.ACCEPTED, None, {7: ("skipped", "local.CONTENT_CHANGED", None)}, []),
        (OutcomeKind.UNKNOWN, "local.NO_EVIDENCE", {7: ("unknown", "local.NO_EVIDENCE", None)}, []),
        # Refused under another content, a number has got nothing.
        (OutcomeKind.REFUSED, "isv.MOBILE_NUMBER_ILLEGAL", {}, [0]),
    ],
)
def test_a_row_with_another_content_now(kind, code, row, again):
    assert told(outcome(kind, code=code), rows=[7], changed=frozenset({0})) == (row, again)


def test_rows_that_no_outcome_concerns_are_left_alone():
    rows, again = told(outcome(OutcomeKind.UNKNOWN, code="c"), rows=[7, None, 9], skip=frozenset({2}))
    assert rows == {7: ("unknown", "c", None)}
    assert again == []


@pytest.mark.parametrize("can_look_up", [True, False])
def test_a_refusal_found_out_in_this_occasion_is_not_taken_back_by_its_retries(can_look_up):
    """An intent of the first occasion is settled in the second one: it is refused, once."""
    world = World(can_look_up=can_look_up)
    people = [{"phone_number": f"138000000{POISON}", "template_param": {"code": "1"}}]
    world.store.new_process(crash_in=2)
    with pytest.raises(Crash):
        world.run(people)
    assert world.gateway.submissions == 0
    world.clears += 1
    world.clock.sleep(1)
    world.store.new_process()
    first = world.run(people, resend_rejected=True, error_threshold=None).summary
    assert first["rejected"] == 1
    made = world.gateway.submissions
    world.store.new_process()
    assert world.run(people, resend_rejected=True, error_threshold=None).summary == first
    assert world.gateway.submissions == made
    # The next person who asks for it gets it.
    world.clears += 1
    world.store.new_process()
    world.run(people, resend_rejected=True, error_threshold=None)
    assert world.gateway.submissions > made
