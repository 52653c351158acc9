# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.segments import china_parts, globe_parts


@pytest.mark.parametrize(
    ("length", "parts"),
    [(0, 0), (1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3), (201, 3), (202, 4), (500, 8)],
)
def test_china(length, parts):
    assert china_parts(length) == parts


@pytest.mark.parametrize("length", [-1, 501])
def test_china_takes_no_longer_message(length):
    with pytest.raises(ValueError, match="0 to 500"):
        china_parts(length)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 350, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("|^€{}[]~\\" * 8 + "a" * 16, 1),
        ("|^€{}[]~\\" * 8 + "a" * 17, 2),
        ("中" * 70, 1),
        ("中" * 71, 2),
        ("中" * 150, 3),
        ("a" * 70 + "中", 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("ç" * 71, 2),
        ("Ç" * 160, 1),
    ],
)
def test_globe(text, parts):
    assert globe_parts(text) == parts


def test_a_character_that_counts_two_is_not_cut_in_two():
    # 306 places are two full parts, but the pair would lie across their border.
    assert globe_parts("a" * 152 + "€" + "a" * 152) == 3
    assert globe_parts("a" * 151 + "€" + "a" * 153) == 2


@given(st.text(max_size=400), st.characters())
def test_a_longer_text_never_has_fewer_parts(text, more):
    assert globe_parts(text) <= globe_parts(text + more)


@given(st.integers(0, 499))
def test_china_parts_grow_with_length(length):
    assert china_parts(length) <= china_parts(length + 1) <= china_parts(length) + 1
