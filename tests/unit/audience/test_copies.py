# SPDX-License-Identifier: Apache-2.0
"""Copies of the first message for a few given numbers: same content, other numbers, and nothing of who is copied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.copies import copies
from airflow_provider_aliyunsms.audience.rows import Row, RowBlock, TableBlock
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules, prepare_block
from airflow_provider_aliyunsms.exceptions import AudienceError

OWN = ["13800009001", "138 0000 9002"]


def china():
    return ChinaRules(sign_name="测试签名", template_param=None)


def table(*records, first=1):
    return TableBlock(
        names=["phone_number", "name"], records=records, first=first, number_field="phone_number"
    )


def copied(blocks, *, numbers=OWN, rules=china, number_field="phone_number"):
    (block,) = copies(blocks, numbers=numbers, number_field=number_field, rules=rules())
    return prepare_block(block, rules=rules())


def test_each_number_gets_what_the_first_good_row_gets():
    blocks = [table(("1380000", "王芳"), ("13800000001", "张伟"), ("13800000002", "李娜"))]
    found = copied(blocks)
    assert found.numbers == ["13800009001", "13800009002"]
    expected = prepare_block(table(("13800000001", "张伟")), rules=china()).contents[0]
    assert found.contents == [expected, expected]
    assert not found.refusals


@given(
    names=st.lists(st.text("abc张", min_size=1, max_size=5), min_size=1, max_size=6),
    bad=st.integers(0, 3),
    size=st.integers(1, 3),
)
def test_the_content_is_that_of_the_first_good_row_whatever_stands_before_it(names, bad, size):
    records = [("1380000", "x")] * bad + [(f"138000000{place:02d}", name) for place, name in enumerate(names)]
    blocks = [table(*records[at : at + size], first=at + 1) for at in range(0, len(records), size)]
    expected = prepare_block(table(("13800000000", names[0])), rules=china()).contents[0]
    assert set(copied(blocks).contents) == {expected}


def test_own_texts_signatures_and_variables_of_a_row_go_along():
    values = {
        "phone_number": "13800000001",
        "sign_name": "别的签名",
        "template_param": {"name": "张伟"},
        "phone_region": "CN",
    }
    found = copied([RowBlock([Row(number=1, values=values, flat=False)])])
    assert all("别的签名" in content and "张伟" in content for content in found.contents)


def test_a_globe_row_is_copied_whichever_column_its_number_is_in():
    rules = lambda: GlobeRules(message="Hello ${name}", template_param=None)  # noqa: E731
    values = {"phone_number": "33639980001", "name": "Léa"}
    rows = RowBlock([Row(number=1, values=values, flat=True, number_field="to")])
    found = copied([rows], numbers=["447700900123"], rules=rules, number_field="to")
    assert found.numbers == ["447700900123"]
    assert "Hello Léa" in found.contents[0]


def test_a_wrong_number_of_ones_own_is_rejected_like_any_other():
    found = copied([table(("13800000001", "张伟"))], numbers=["13800009001", "1380000"])
    assert [refusal.row for refusal in found.refusals] == [2]


def test_the_source_is_read_no_further_and_closed():
    read = []

    def source():
        try:
            for number in range(5):
                read.append(number)
                yield table((f"1380000000{number}", "张伟"))
        finally:
            read.append("closed")

    copied(source())
    assert read == [0, "closed"]


def test_an_empty_audience_has_no_copies():
    assert [*copies([], numbers=OWN, number_field="phone_number", rules=china())] == []


def test_an_audience_of_bad_rows_is_an_error_without_their_numbers():
    with pytest.raises(AudienceError, match="not one of 2 rows") as found:
        copied([table(("1380000", "王芳"), ("1380001", "王芳"))])
    assert "1380000" not in str(found.value)
