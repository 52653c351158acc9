# SPDX-License-Identifier: Apache-2.0
"""The interval of a difference is the published one, and says "clear" as rarely by chance as it should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.delivery.comparison import compare_ratios


# Newcombe 1998, table II, method 10.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_is_the_published_one(first, second, low, high):
    found = compare_ratios(hits=(first[0], second[0]), asked=(first[1], second[1]))
    assert found.interval == pytest.approx((low, high), abs=6e-5)
    assert found.difference == pytest.approx(first[0] / first[1] - second[0] / second[1])


GROUP = st.integers(1, 2000).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size)))


@given(GROUP, GROUP)
def test_two_groups_the_other_way_round_differ_by_the_sign(first, second):
    one = compare_ratios(hits=(first[0], second[0]), asked=(first[1], second[1]))
    other = compare_ratios(hits=(second[0], first[0]), asked=(second[1], first[1]))
    assert one.interval == pytest.approx((-other.interval.high, -other.interval.low))
    assert one.interval.low <= one.difference <= one.interval.high
    assert one.is_clear == other.is_clear


@given(GROUP)
def test_a_group_does_not_differ_from_one_like_it(group):
    assert not compare_ratios(hits=(group[0],) * 2, asked=(group[1],) * 2).is_clear


def test_an_empty_group_says_nothing():
    found = compare_ratios(hits=(0, 5), asked=(0, 9))
    assert (found.difference, found.interval, found.is_clear) == (None, (-1.0, 1.0), False)


@pytest.mark.parametrize("hits", [(11, 1), (-1, 1)])
def test_more_hits_than_messages_are_a_mistake(hits):
    with pytest.raises(ValueError, match="hits"):
        compare_ratios(hits=hits, asked=(10, 10))
