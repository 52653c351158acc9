# SPDX-License-Identifier: Apache-2.0
"""``FailedList`` and ``MessageIdList`` are mapped back to the recipients, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.api.models import GlobeResponse
from airflow_provider_aliyunsms.campaign.channels.globe import globe_outcome
from airflow_provider_aliyunsms.campaign.outcomes import OutcomeKind

NUMBERS = [f"8525120{i:04d}" for i in range(8)]


def answer(**changes):
    fields = {"request_id": "r", "success_count": None, "failed": (), "message_ids": (), "ids_given": True}
    return GlobeResponse(**(fields | changes))


@given(failed=st.sets(st.integers(0, 7)), plus=st.booleans())
def test_ids_belong_to_those_who_did_not_fail_in_order(failed, plus):
    ids = tuple(f"id-{i}" for i in range(8) if i not in failed)
    outcome = globe_outcome(
        numbers=NUMBERS,
        response=answer(
            failed=tuple(("+" if plus else "") + NUMBERS[i] for i in sorted(failed, reverse=True)),
            message_ids=ids,
            success_count=8 - len(failed),
        ),
        time="t",
    )
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert outcome.failed == failed
    assert outcome.message_ids == tuple(None if i in failed else f"id-{i}" for i in range(8))


@pytest.mark.parametrize(
    "contradiction",
    [
        {"message_ids": ("a",) * 7},
        {"message_ids": ("a",) * 9},
        {"message_ids": ()},
        {"message_ids": None},
        {"message_ids": ("a",) * 8, "success_count": 7},
        {"message_ids": ("a",) * 7, "failed": ("85299999999",)},
        {"message_ids": ("a",) * 7, "failed": (NUMBERS[0], NUMBERS[0])},
        {"message_ids": ("a",) * 8, "failed": None},
    ],
)
def test_contradictions_are_unknown_rather_than_guessed(contradiction):
    outcome = globe_outcome(numbers=NUMBERS, response=answer(**contradiction), time="t")
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert outcome.code == "local.MAPPING_UNKNOWN"
    assert outcome.message_ids is None


def test_an_answer_without_ids_is_accepted_without_ids():
    outcome = globe_outcome(numbers=NUMBERS, response=answer(ids_given=False, success_count=8), time="t")
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert outcome.message_ids == (None,) * 8


@pytest.mark.parametrize("bad", ["85251200000", f"x{NUMBERS[1]}", f"{NUMBERS[2]}-1", f"00{NUMBERS[3]}", None])
def test_an_id_that_holds_a_number_of_the_request_leaves_the_message_without_one(bad):
    ids = ["1866000000012345678", *(f"id-{i}" for i in range(6)), bad]
    outcome = globe_outcome(numbers=NUMBERS, response=answer(message_ids=tuple(ids)), time="t")
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert outcome.message_ids == (*ids[:7], None)


def settled(numbers, **fields):
    outcome = globe_outcome(numbers=numbers, response=answer(**fields), time="t")
    return outcome.kind, sorted(outcome.failed), outcome.message_ids


THREE = NUMBERS[:3]


@pytest.mark.parametrize(
    ("failed", "ids", "count", "expected"),
    [
        # Blanks at the failed places tell which id is whose.
        ((1,), ("a1", None, "a3"), 2, ("a1", None, "a3")),
        ((1,), ("a1", None, "a3"), None, ("a1", None, "a3")),
        # The old official sample: one of three was accepted, and there are two ids.
        ((0, 1), ("1", "2"), 1, (None, None, None)),
        ((1,), ("a1", "a2", "a3"), 2, (None, None, None)),
        ((1,), (), 2, (None, None, None)),
        ((1,), None, 2, (None, None, None)),
        ((), (), 3, (None, None, None)),
        ((0, 1, 2), ("1",), 0, (None, None, None)),
    ],
)
def test_failed_list_and_success_count_that_agree_settle_a_chunk(failed, ids, count, expected):
    numbers = tuple(THREE[index] for index in failed)
    found = settled(THREE, failed=numbers, message_ids=ids, success_count=count)
    assert found == (OutcomeKind.ACCEPTED, list(failed), expected)


@pytest.mark.parametrize("spelling", ["+{}", "00{}", "+00{}", " {} ", "{0:.3}-{0}"])
def test_a_failed_number_in_another_spelling_is_matched(spelling):
    written = spelling.format(THREE[1])
    found = settled(THREE, failed=(written,), message_ids=("a1", "a3"), success_count=2)
    if "-" in written:
        assert found[0] is OutcomeKind.UNKNOWN, "these are other digits"
    else:
        assert found == (OutcomeKind.ACCEPTED, [1], ("a1", None, "a3"))


def test_the_same_number_in_two_spellings_contradicts_itself():
    found = settled(THREE, failed=(THREE[1], f"+{THREE[1]}"), message_ids=("a1",), success_count=1)
    assert found[0] is OutcomeKind.UNKNOWN
