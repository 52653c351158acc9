# SPDX-License-Identifier: Apache-2.0
"""When it ends, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.delivery.state import Tally, total
from airflow_provider_aliyunsms.delivery.verdict import Verdict, check_ratio, error_of, judge, needed
from airflow_provider_aliyunsms.exceptions import ConfigurationError, DeliveryError, DeliveryTimeoutError

counts = st.integers(min_value=0, max_value=10_000)
tallies = st.builds(Tally, delivered=counts, failed=counts, pending=counts)
percents = st.integers(min_value=0, max_value=100)


@pytest.mark.parametrize(
    ("tally", "ratio", "expired", "stop", "verdict"),
    [
        pytest.param((10, 0, 0), None, False, False, Verdict.SUCCESS, id="all delivered"),
        pytest.param((0, 10, 0), None, False, False, Verdict.SUCCESS, id="all failed, any result will do"),
        pytest.param((0, 0, 10), None, False, False, Verdict.WAIT, id="all pending"),
        pytest.param((0, 0, 10), None, True, False, Verdict.SUCCESS, id="deadline, any result will do"),
        pytest.param((9, 1, 0), 0.9, False, False, Verdict.SUCCESS, id="reached exactly"),
        pytest.param((8, 2, 0), 0.9, False, False, Verdict.TOO_FEW, id="missed by one"),
        pytest.param((0, 2, 8), 0.9, False, False, Verdict.TOO_FEW, id="cannot be reached any more"),
        pytest.param((0, 1, 9), 0.9, False, False, Verdict.WAIT, id="can just be reached"),
        pytest.param((9, 0, 1), 0.9, False, False, Verdict.WAIT, id="reached, but one is pending"),
        pytest.param((9, 0, 1), 0.9, False, True, Verdict.SUCCESS, id="reached, and that is enough"),
        pytest.param((0, 0, 10), 0.0, False, True, Verdict.SUCCESS, id="a ratio of zero is reached at once"),
        pytest.param((9, 0, 1), 0.9, True, False, Verdict.SUCCESS, id="deadline, reached"),
        pytest.param((8, 0, 2), 0.9, True, False, Verdict.TIMED_OUT, id="deadline, not reached"),
        pytest.param((0, 0, 0), 1.0, False, False, Verdict.TOO_FEW, id="nothing was accepted"),
        pytest.param(
            (0, 0, 0), None, False, False, Verdict.SUCCESS, id="nothing accepted, any result will do"
        ),
    ],
)
def test_verdicts(tally, ratio, expired, stop, verdict):
    delivered, failed, pending = tally
    found = judge(
        tally=Tally(delivered=delivered, failed=failed, pending=pending),
        ratio=ratio,
        expired=expired,
        stop_when_reached=stop,
    )
    assert found is verdict


@given(accepted=counts, percent=percents)
def test_percentages_are_exact(accepted, percent):
    smallest = needed(accepted=accepted, ratio=percent / 100)
    assert smallest * 100 >= percent * accepted
    assert (smallest - 1) * 100 < percent * accepted


@given(tally=tallies, percent=st.none() | percents, stop=st.booleans())
def test_the_deadline_ends_it_whatever_the_counts(tally, percent, stop):
    ratio = None if percent is None else percent / 100
    assert judge(tally=tally, ratio=ratio, expired=True, stop_when_reached=stop) is not Verdict.WAIT


@given(tally=tallies, percent=percents, delivered=counts)
def test_too_few_never_turns_into_enough(tally, percent, delivered):
    """An early failure is only right when no later receipt could have changed it."""
    ratio = percent / 100
    if judge(tally=tally, ratio=ratio, expired=False) is not Verdict.TOO_FEW:
        return
    late = min(delivered, tally.pending)
    later = Tally(delivered=tally.delivered + late, failed=tally.failed, pending=tally.pending - late)
    assert judge(tally=later, ratio=ratio, expired=True) is Verdict.TOO_FEW


@pytest.mark.parametrize("ratio", [95, -0.1, 1.01, True, "0.9"])
def test_a_percentage_is_refused(ratio):
    with pytest.raises(ConfigurationError, match=r"0\.95"):
        check_ratio(ratio)


@pytest.mark.parametrize("ratio", [None, 0, 1, 0.95])
def test_a_ratio_is_taken(ratio):
    check_ratio(ratio)


def test_the_error_says_what_was_asked_for_and_why_it_was_missed():
    errors = {"MOBILE_IN_BLACK": 3, "NO_ROUTE": 5}
    tally = Tally(delivered=2, failed=8, pending=0, errors=errors)
    error = error_of(verdict=Verdict.TOO_FEW, tally=tally, ratio=0.9)
    assert type(error) is DeliveryError
    assert error.code == "NO_ROUTE"
    for fact in (
        "10 accepted",
        "2 were delivered",
        "8 failed",
        "9 deliveries",
        "5 x NO_ROUTE (",
        "3 x MOBILE_IN_BLACK (",
    ):
        assert fact in str(error)


def test_the_deadline_has_an_error_of_its_own():
    error = error_of(verdict=Verdict.TIMED_OUT, tally=Tally(pending=3), ratio=0.5)
    assert type(error) is DeliveryTimeoutError
    assert "3 are pending" in str(error)


def test_success_has_no_error():
    assert error_of(verdict=Verdict.SUCCESS, tally=Tally(delivered=1), ratio=1.0) is None


@given(st.lists(tallies, max_size=5))
def test_several_campaigns_add_up(several):
    assert total(several).accepted == sum(each.accepted for each in several)
