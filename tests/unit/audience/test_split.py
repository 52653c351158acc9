# SPDX-License-Identifier: Apache-2.0
"""A split puts a number into the same group everywhere, and each group gets its share."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.exceptions import ConfigurationError

THREE = {"a": 0.45, "b": 0.45, "holdout": 0.10}
NUMBERS = [f"861380000{number:04d}" for number in range(10_000)]

EXPECTED = ["b", "b", "a", "b", "a", "a", "a", "a", "a", "a", "a", "holdout"]
FINGERPRINT = "f534ea4e8cb2f68a"

SHARES = st.lists(st.integers(1, 50), min_size=2, max_size=6).map(
    lambda weights: {f"g{place}": weight / sum(weights) for place, weight in enumerate(weights)}
)


@given(SHARES, st.text(min_size=1).filter(str.strip), st.permutations(NUMBERS[:40]))
def test_the_group_of_a_number_depends_on_nothing_but_the_number(shares, salt, order):
    split = Split(shares, salt=salt)
    together = dict(zip(order, split.groups(order), strict=True))
    other_order = Split(dict(reversed(shares.items())), salt=salt)
    assert together == {number: other_order.group(number) for number in NUMBERS[:40]}
    assert {*together.values()} <= shares.keys()


@settings(max_examples=40)
@given(SHARES, st.integers(0, 10**9))
@example(THREE, 0)
def test_each_group_gets_its_share_within_what_chance_allows(shares, salt):
    found = Split(shares, salt=f"salt {salt}").groups(NUMBERS)
    for name, share in shares.items():
        # Six standard deviations: one of a thousand million draws lies outside.
        spread = 6 * (len(NUMBERS) * share * (1 - share)) ** 0.5
        assert abs(found.count(name) - len(NUMBERS) * share) <= spread


def test_another_salt_divides_the_same_people_anew():
    one, other = (Split({"a": 0.5, "b": 0.5}, salt=salt).groups(NUMBERS) for salt in ("one", "other"))
    same = sum(first == second for first, second in zip(one, other, strict=True))
    assert 4_700 < same < 5_300


def test_no_release_may_move_anybody():
    split = Split(THREE, salt="spring-2027")
    assert split.groups(NUMBERS[:12]) == EXPECTED
    assert split.fingerprint() == FINGERPRINT


def test_another_process_finds_the_same_groups():
    code = (
        "from airflow_provider_aliyunsms.audience.split import Split;"
        f"print(''.join(Split({THREE}, salt='x').groups({NUMBERS[:50]})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "".join(Split(THREE, salt="x").groups(NUMBERS[:50]))


def test_a_split_can_be_copied_compared_and_stored_and_hides_its_salt():
    split = Split(THREE, salt="quiet")
    assert copy.deepcopy(split) == split == pickle.loads(pickle.dumps(split))
    assert hash(split) == hash(copy.deepcopy(split))
    assert split != Split(THREE, salt="other")
    assert split.fingerprint() != Split(THREE, salt="other").fingerprint()
    assert "quiet" not in repr(split)


def test_shares_that_a_float_cannot_hold_add_up_all_the_same():
    assert Split(dict.fromkeys("abcdefghij", 0.1), salt="x").names == tuple("abcdefghij")


@pytest.mark.parametrize(
    ("shares", "salt"),
    [
        ({"a": 0.5, "b": 0.5}, ""),
        ({"a": 0.5, "b": 0.5}, "  "),
        ({"a": 0.5, "b": 0.4}, "x"),
        ({"a": 0.5, "b": 0.5 + 1e-8}, "x"),
        ({"a": 50, "b": 50}, "x"),
        ({"a": 1.0}, "x"),
        ({"a": 1.0, "b": 0.0}, "x"),
        ({"a": 1.5, "b": -0.5}, "x"),
        ({"a": float("nan"), "b": 0.5}, "x"),
        ({"a": True, "b": 0.5}, "x"),
        ({"13800000001": 0.5, "b": 0.5}, "x"),
        ({"": 0.5, "b": 0.5}, "x"),
        (["a", "b"], "x"),
    ],
)
def test_a_split_that_is_none_is_a_mistake_in_the_dag(shares, salt):
    with pytest.raises(ConfigurationError) as caught:
        Split(shares, salt=salt)
    assert caught.value.advice
    assert "1380000" not in str(caught.value)
