# SPDX-License-Identifier: Apache-2.0
"""An array is read piece by piece, wherever it is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.strict_json import ArrayReader, BrokenJsonError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def cut(text, places):
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(st.lists(VALUES, max_size=6), st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from([None, 1]))
def test_the_items_are_those_of_the_whole(items, places, indent):
    text = f" {json.dumps(items, indent=indent)}\n"
    assert list(ArrayReader(iter(cut(text, places))).items()) == items


@given(st.lists(VALUES, min_size=1, max_size=4), st.data())
def test_a_cut_array_is_an_error_and_never_a_shorter_one(items, data):
    text = json.dumps(items)
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(BrokenJsonError):
        list(ArrayReader(iter([text[:end]])).items())


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1 2]", "[1,]", "[,1]", '[1] "x"', "[1]]", '[{"a": 1, "a": 2}]', "[NaN]", "[" * 100_000],
)
def test_what_is_no_array(text):
    with pytest.raises(BrokenJsonError) as caught:
        list(ArrayReader(iter([text])).items())
    assert '"x"' not in str(caught.value)
