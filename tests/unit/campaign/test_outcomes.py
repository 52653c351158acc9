# SPDX-License-Identifier: Apache-2.0
"""An outcome is written to the ledger and read back as it was; what cannot be one is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.outcomes import FINAL, Outcome, OutcomeKind
from airflow_provider_aliyunsms.exceptions import CampaignDoomedError

SIZE = 5
PLACES = st.frozensets(st.integers(0, SIZE - 1))


@given(
    outcome=st.builds(
        Outcome,
        kind=st.sampled_from(sorted(FINAL)),
        time=st.just("2026-01-02T03:04:05Z"),
        code=st.none() | st.text(min_size=1),
        biz_id=st.none() | st.text(min_size=1),
        message_ids=st.none() | st.tuples(*[st.none() | st.text()] * SIZE),
        failed=PLACES,
        again=PLACES,
    )
)
def test_the_ledger_keeps_an_outcome(outcome):
    kept = Outcome.from_json(json.loads(json.dumps(outcome.to_json())))
    kept.check(size=SIZE)
    assert kept == outcome


def test_what_matters_within_a_try_only_is_not_kept():
    outcome = Outcome(
        kind=OutcomeKind.RELEASED,
        time="2026-01-02T03:04:05Z",
        lasting=True,
        throttled=True,
        retry_after=3.0,
        error=CampaignDoomedError("balance"),
    )
    assert outcome.to_json() == {"r": "released", "t": "2026-01-02T03:04:05Z"}


def test_the_names_in_a_ledger_are_what_they_always_were():
    outcome = Outcome(
        kind=OutcomeKind.ACCEPTED,
        time="2026-01-02T03:04:05Z",
        code="FailedList",
        biz_id="b",
        message_ids=("m", None),
        failed=frozenset({1}),
        again=frozenset({0}),
    )
    assert outcome.to_json() == {
        "r": "accepted",
        "t": "2026-01-02T03:04:05Z",
        "e": "FailedList",
        "b": "b",
        "m": ["m", None],
        "f": [1],
        "g": [0],
    }


GOOD = Outcome(kind=OutcomeKind.ACCEPTED, time="2026-01-02T03:04:05Z")


@pytest.mark.parametrize(
    "damage",
    [
        {"failed": frozenset({SIZE})},
        {"failed": frozenset({-1})},
        {"again": frozenset({"0"})},
        {"message_ids": ("m",)},
        {"message_ids": (1,) * SIZE},
        {"time": ""},
        {"time": 3},
        {"code": 3},
        {"biz_id": ["b"]},
    ],
)
def test_what_was_damaged_in_the_store_does_not_fit_its_chunk(damage):
    GOOD.check(size=SIZE)
    with pytest.raises(ValueError, match="outcome"):
        replace(GOOD, **damage).check(size=SIZE)
