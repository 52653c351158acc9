# SPDX-License-Identifier: Apache-2.0
"""The policy of the settling, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Evidence
from airflow_provider_aliyunsms.campaign.sending.evidence import (
    REPLAY_LIMIT,
    Findings,
    Step,
    judge_replay,
    next_step,
)

SETTLE = 600.0


REFUSAL = 60.0


def step(look_up, *, resend_unknown=False, **facts):
    known = Findings(look_up=look_up, **{"signed_ago": 30.0, "attempted_ago": 30.0, **facts})
    return next_step(known, settle_time=SETTLE, refusal_wait=REFUSAL, resend_unknown=resend_unknown)


@pytest.mark.parametrize(
    ("expected", "case"),
    [
        (Step.ACCEPT, {"look_up": Evidence.FOUND}),
        (Step.REPLAY, {"look_up": Evidence.EMPTY}),
        (Step.REPLAY, {"look_up": Evidence.INCONCLUSIVE}),
        (Step.REPLAY, {"look_up": Evidence.IMPOSSIBLE}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "seen": True}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "seen": True, "attempted_ago": SETTLE - 1}),
        # Some members were asked for; before a release it must be all.
        (Step.ASK_ALL, {"look_up": Evidence.EMPTY, "seen": True, "attempted_ago": SETTLE}),
        (Step.RELEASE, {"look_up": Evidence.EMPTY, "seen": True, "attempted_ago": SETTLE, "thorough": True}),
        (Step.WAIT, {"look_up": Evidence.INCONCLUSIVE, "seen": True, "attempted_ago": 10 * SETTLE}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "complete": False}),
        (
            Step.RELEASE,
            {"look_up": Evidence.EMPTY, "signed_ago": 3600.0, "attempted_ago": 3600.0, "thorough": True},
        ),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "signed_ago": REPLAY_LIMIT, "attempted_ago": 30.0}),
        (Step.GIVE_UP, {"look_up": Evidence.IMPOSSIBLE, "seen": True}),
        (Step.GIVE_UP, {"look_up": Evidence.IMPOSSIBLE, "signed_ago": 3600.0, "attempted_ago": 3600.0}),
        (
            Step.RELEASE,
            {"look_up": Evidence.IMPOSSIBLE, "seen": True, "attempted_ago": SETTLE, "resend_unknown": True},
        ),
        # Dates have no fractions, so one may lie a little ahead; what lies further ahead is another clock's.
        (Step.REPLAY, {"look_up": Evidence.EMPTY, "signed_ago": -5.0, "attempted_ago": -5.0}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "signed_ago": -90.0, "attempted_ago": -90.0}),
        # Times that were noted by a machine's own clock: nothing is replayed, and its error is allowed for.
        (Step.WAIT, {"look_up": Evidence.EMPTY, "clock_error": 900.0}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "clock_error": 900.0, "attempted_ago": SETTLE + 899}),
        (Step.ASK_ALL, {"look_up": Evidence.EMPTY, "clock_error": 900.0, "attempted_ago": SETTLE + 900}),
        (
            Step.GIVE_UP,
            {
                "look_up": Evidence.IMPOSSIBLE,
                "clock_error": 900.0,
                "attempted_ago": SETTLE + 899,
                "resend_unknown": True,
            },
        ),
        # A refused chunk: it is not replayed, one record does not settle it, and its wait is shorter.
        (Step.WAIT, {"look_up": Evidence.EMPTY, "refused": True}),
        (Step.WAIT, {"look_up": Evidence.FOUND, "refused": True, "attempted_ago": REFUSAL - 1}),
        (Step.ASK_ALL, {"look_up": Evidence.FOUND, "refused": True, "attempted_ago": REFUSAL}),
        (
            Step.ACCEPT,
            {"look_up": Evidence.FOUND, "refused": True, "attempted_ago": REFUSAL, "thorough": True},
        ),
        (
            Step.RELEASE,
            {"look_up": Evidence.EMPTY, "refused": True, "attempted_ago": REFUSAL, "thorough": True},
        ),
        (
            Step.WAIT,
            {"look_up": Evidence.INCONCLUSIVE, "refused": True, "attempted_ago": SETTLE, "thorough": True},
        ),
    ],
)
def test_what_to_do_for_an_open_chunk(expected, case):
    assert step(**case) is expected


FACTS = {
    "look_up": st.sampled_from(Evidence),
    "thorough": st.booleans(),
    "complete": st.booleans(),
    "seen": st.booleans(),
    "clock_error": st.sampled_from([0.0, 900.0, 1800.0]),
    "signed_ago": st.floats(-100, 10_000),
    "attempted_ago": st.floats(-100, 10_000),
}


@given(**{**FACTS, "attempted_ago": st.floats(-100, SETTLE - 0.1)})
def test_nothing_is_released_before_the_settle_time(**facts):
    assert step(**facts) is not Step.RELEASE


@given(**{**FACTS, "attempted_ago": st.floats(-100, REFUSAL - 0.1)})
def test_no_refused_chunk_is_split_before_its_wait_is_over(**facts):
    assert step(**facts, refused=True) not in (Step.RELEASE, Step.ACCEPT, Step.REPLAY)


@given(**{**FACTS, "clock_error": st.just(900.0), "attempted_ago": st.floats(-100, SETTLE + 899)})
def test_times_of_another_clock_are_trusted_only_as_far_as_it_can_be_wrong(**facts):
    assert step(**facts) not in (Step.RELEASE, Step.REPLAY)


@given(**{**FACTS, "thorough": st.just(False)}, refused=st.booleans())
def test_nothing_is_released_before_every_member_was_asked_for(**facts):
    assert step(**facts) is not Step.RELEASE


@given(**{**FACTS, "look_up": st.just(Evidence.INCONCLUSIVE)}, refused=st.booleans())
def test_what_a_look_up_could_not_show_releases_nothing(**facts):
    assert step(**facts, resend_unknown=True) not in (Step.RELEASE, Step.ASK_ALL)


@given(**{**FACTS, "signed_ago": st.floats(REPLAY_LIMIT, 10_000)})
def test_nothing_is_replayed_once_the_gateway_may_have_forgotten_the_nonce(**facts):
    assert step(**facts) is not Step.REPLAY


def outcome(kind, **fields):
    return Outcome(kind=kind, time="t", **fields)


@pytest.mark.parametrize(
    ("answer", "proves"),
    [
        (outcome(OutcomeKind.ACCEPTED), True),
        (outcome(OutcomeKind.UNKNOWN, code="local.MAPPING_UNKNOWN"), True),
        (outcome(OutcomeKind.REFUSED, code="isv.MOBILE_NUMBER_ILLEGAL", lasting=True), True),
        (outcome(OutcomeKind.REFUSED, code="isv.BUSINESS_LIMIT_CONTROL"), False),
        (outcome(OutcomeKind.RELEASED, code="Throttling.User"), False),
        (outcome(OutcomeKind.RELEASED, code="isv.AMOUNT_NOT_ENOUGH", error=ValueError()), False),
        (outcome(OutcomeKind.AMBIGUOUS, code="ReadTimeout"), False),
    ],
)
def test_what_the_answer_to_a_replay_proves(answer, proves):
    assert (judge_replay(answer) is answer) is proves
