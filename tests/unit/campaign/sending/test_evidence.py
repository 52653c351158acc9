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


def step(look_up, *, complete=True, seen=False, signed_ago=30.0, attempted_ago=30.0, resend_unknown=False):
    known = Findings(
        look_up=look_up, complete=complete, seen=seen, signed_ago=signed_ago, attempted_ago=attempted_ago
    )
    return next_step(known, settle_time=SETTLE, resend_unknown=resend_unknown)


@pytest.mark.parametrize(
    ("expected", "case"),
    [
        (Step.ACCEPT, {"look_up": Evidence.FOUND}),
        (Step.REPLAY, {"look_up": Evidence.EMPTY}),
        (Step.REPLAY, {"look_up": Evidence.INCONCLUSIVE}),
        (Step.REPLAY, {"look_up": Evidence.IMPOSSIBLE}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "seen": True}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "seen": True, "attempted_ago": SETTLE - 1}),
        (Step.RELEASE, {"look_up": Evidence.EMPTY, "seen": True, "attempted_ago": SETTLE}),
        (Step.WAIT, {"look_up": Evidence.INCONCLUSIVE, "seen": True, "attempted_ago": 10 * SETTLE}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "complete": False}),
        (Step.RELEASE, {"look_up": Evidence.EMPTY, "signed_ago": 3600.0, "attempted_ago": 3600.0}),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "signed_ago": REPLAY_LIMIT, "attempted_ago": 30.0}),
        (Step.GIVE_UP, {"look_up": Evidence.IMPOSSIBLE, "seen": True}),
        (Step.GIVE_UP, {"look_up": Evidence.IMPOSSIBLE, "signed_ago": 3600.0, "attempted_ago": 3600.0}),
        (
            Step.RELEASE,
            {"look_up": Evidence.IMPOSSIBLE, "seen": True, "attempted_ago": SETTLE, "resend_unknown": True},
        ),
        (Step.WAIT, {"look_up": Evidence.EMPTY, "signed_ago": -5.0, "attempted_ago": -5.0}),
    ],
)
def test_what_to_do_for_an_open_chunk(expected, case):
    assert step(**case) is expected


@given(
    look_up=st.sampled_from(Evidence),
    complete=st.booleans(),
    seen=st.booleans(),
    signed_ago=st.floats(-100, 10_000),
    attempted_ago=st.floats(-100, SETTLE - 0.1),
)
def test_nothing_is_released_before_the_settle_time(look_up, complete, seen, signed_ago, attempted_ago):
    assert (
        step(look_up, complete=complete, seen=seen, signed_ago=signed_ago, attempted_ago=attempted_ago)
        is not Step.RELEASE
    )


@given(
    look_up=st.sampled_from(Evidence),
    complete=st.booleans(),
    seen=st.booleans(),
    signed_ago=st.floats(REPLAY_LIMIT, 10_000),
)
def test_nothing_is_replayed_once_the_gateway_may_have_forgotten_the_nonce(
    look_up, complete, seen, signed_ago
):
    assert step(look_up, complete=complete, seen=seen, signed_ago=signed_ago) is not Step.REPLAY


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
