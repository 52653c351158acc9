# SPDX-License-Identifier: Apache-2.0
"""Numbers of a list and of an audience are compared by the same digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.number_lists import (
    IN_MEMORY,
    NumberSet,
)
from airflow_provider_aliyunsms.audience.phone_numbers import with_country_code, with_country_codes
from airflow_provider_aliyunsms.products import CHINA, GLOBE

NUMBERS = st.one_of(
    st.from_regex(r"1[0-9]{10}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True),
)


@given(numbers=st.lists(NUMBERS), product=st.sampled_from([CHINA, GLOBE]))
def test_many_numbers_get_the_codes_that_each_gets(numbers, product):
    assert with_country_codes(numbers, product=product) == [
        with_country_code(number, product=product) for number in numbers
    ]


@pytest.mark.parametrize("size", [10, IN_MEMORY + 10])
def test_a_set_knows_its_numbers_in_memory_and_on_disk(size):
    with NumberSet() as found:
        for start in range(0, size, 10_000):
            found.add(str(8_613_800_000_000 + n) for n in range(start, min(start + 10_000, size)))
        found.add(["8613800000001"])
        assert len(found) == size
        assert found.holds(["8613800000001", "8613900000001", str(8_613_800_000_000 + size - 1)]) == [
            True,
            False,
            True,
        ]
        assert found.holds(["8613900000001"]) == [False]
