# SPDX-License-Identifier: Apache-2.0
"""Parts counted for many messages at once are those counted one by one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.content import write_content
from airflow_provider_aliyunsms.audience.report import PartsCount

VALUE = st.text(st.sampled_from('ab尊,:"{}\\$ \t'), max_size=40)
NAMES = ("a", "b", "ab")
ROW = st.fixed_dictionaries(
    {
        "sign_name": st.sampled_from(["签", "签名"]),
        "sms_up_extend_code": st.sampled_from(["", "1"]),
        "template_param": st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=3),
    }
)


def contents_of(rows):
    return [write_content(message="", **row) for row in rows]


def row(**values):
    return {"sign_name": "签", "sms_up_extend_code": "", "template_param": values}


@given(
    text=st.lists(st.sampled_from(["${a}", "${b}", "${ ab }", "尊敬的", "x" * 60]), max_size=5).map("".join),
    rows=st.lists(ROW, max_size=6),
)
@example(text="${a}${b}", rows=[row(a="1", b="2"), row(a='","b":"', b="")])
@example(text="${a}${b}", rows=[row(a="1", b="2"), row(ab="1", b="2")])
@example(text="${a}", rows=[row(a=""), row(a=":")])
@example(text="", rows=[row(), row()])
def test_counting_all_is_counting_one_by_one(text, rows):
    together, apart = PartsCount(text=text), PartsCount(text=text)
    together.add_all(contents_of(rows))
    for content in contents_of(rows):
        apart.add(content)
    assert together == apart


@given(texts=st.lists(st.text(st.sampled_from("ab€尊"), max_size=200), max_size=5))
def test_finished_texts_are_counted_as_one_by_one(texts):
    contents = [
        write_content(message=text, sign_name="", sms_up_extend_code="", template_param={}) for text in texts
    ]
    together, apart = PartsCount(), PartsCount()
    together.add_all(contents)
    for content in contents:
        apart.add(content)
    assert together == apart
