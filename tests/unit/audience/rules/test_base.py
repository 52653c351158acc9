# SPDX-License-Identifier: Apache-2.0
"""The short cut for whole columns says the same as looking at every row."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.rows import TableBlock
from airflow_provider_aliyunsms.audience.rules.base import prepare_block
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules

CELLS = {
    "phone_number": st.sampled_from(
        [
            *("13800001234", "+86 138 0000 1234", "8613800001234", "１３８００００１２３４", " 13800001234"),
            *(
                "12800001234",
                "20800001234",
                "1380000123",
                "١٣٨٠٠٠٠١٢٣٤",
                "",
                " ",
                "+12025550123",
                "rubbish\n",
            ),
            *(None, 13800001234, 13800001234.0, True, Decimal(13800001234), -13800001234, 10**17, 1 << 5000),
        ]
    ),
    "sign_name": st.sampled_from(["签名", "", " x ", None, "\ud800", 1, True, 1.0]),
    "sms_up_extend_code": st.sampled_from(["12", "", None, "1x", 1, True, 1.0]),
    "name": st.one_of(
        st.sampled_from(
            [
                "客户",
                '"quoted" %s',
                "line\nend",
                " ",
                "",
                "x" * 8,
                "x" * 9,
                "�x",
                None,
                5,
                1.5,
                0,
                -5,
                123456789,
                10**17,
                True,
            ]
        ),
        st.text(max_size=10),
    ),
    "100%": st.text(min_size=1, max_size=8),
    "template_param": st.one_of(
        st.none(),
        st.sampled_from(["{}", '{"name": "in text"}', 1, [], {1: "x"}, {"name": {}}, {" ": "x"}]),
        st.dictionaries(
            st.sampled_from(["name", "name ", "other", "phone_number"]),
            st.sampled_from(["x", "", " x", None, 5, 1.5, "x" * 9]),
        ),
    ),
}
USUAL = {
    "phone_number": st.sampled_from(["13800001234", "13900001234"]),
    "sign_name": st.sampled_from(["签名", "other"]),
    "sms_up_extend_code": st.sampled_from(["", "12"]),
    "name": st.sampled_from(["客户", "y"]),
    "100%": st.just("z"),
    "template_param": st.sampled_from([{"other": "x", "more": "y"}, {"other": "z", "more": 5}]),
}


@st.composite
def tables(draw):
    names = draw(st.lists(st.sampled_from([*CELLS]), unique=True).map(lambda more: ["phone_number", *more]))
    names = [*dict.fromkeys(names)]
    row = st.tuples(*(st.one_of(USUAL[name], USUAL[name], USUAL[name], CELLS[name]) for name in names))
    return names, draw(st.lists(row, min_size=1, max_size=12))


class Slow(ChinaRules):
    """Looks at every row."""

    def plain_rows(self, block):
        return None


def outcome(rules, names, records):
    block = TableBlock(names=names, records=records, first=7, number_field="phone_number")
    found = prepare_block(block, rules=rules)
    return (
        found.numbers,
        found.contents,
        found.given or found.numbers,
        [
            (one.position, one.row, one.reason.code, one.reason.field, one.reason.reason)
            for one in found.refusals
        ],
    )


@given(
    table=tables(),
    sign_name=st.sampled_from([None, "默认"]),
    defaults=st.sampled_from([None, {"name": "you"}, {"name": ""}, {"other": "1 %s", "name": None}]),
)
@example(table=(["phone_number"], [(1 << 5000,)]), sign_name="s", defaults=None)
@example(table=(["phone_number", "name"], [("13800001234", "a"), ("x", "b")]), sign_name="s", defaults=None)
def test_columns_and_rows_are_judged_alike(table, sign_name, defaults):
    options = {"sign_name": sign_name, "template_param": defaults, "max_variable_length": 8}
    assert outcome(ChinaRules(**options), *table) == outcome(Slow(**options), *table)


def test_a_column_that_is_left_out_is_no_variable():
    rules = ChinaRules(sign_name="s", template_param=None)
    numbers, contents, _, _ = outcome(rules, ["phone_number", None, "a"], [("13800001234", "secret", "1")])
    assert numbers == ["13800001234"]
    assert contents[0].endswith('"template_param":{"a":"1"}}')


@pytest.mark.parametrize(
    ("names", "record"),
    [
        (["phone_number", " "], ("13800001234", "1")),
        (["to", "name"], ("13800001234", "1")),
        (["phone_number", "name", "template_param"], ("13800001234", "1", {"name": "2"})),
        (["phone_number", "phone_region"], ("13800001234", "SG")),
    ],
)
def test_unusual_columns_are_left_to_the_rules_for_rows(names, record):
    rules = ChinaRules(sign_name="s", template_param=None)
    block = TableBlock(names=names, records=[record], first=1, number_field=names[0])
    assert rules.plain_rows(block) is None


def test_objects_of_variables_are_judged_by_the_column():
    rules = ChinaRules(sign_name="s", template_param=None)
    records = [(13800001234, {"code": 123}), ("13800001235", None), ("13800001236", {"code": "x"})]
    block = TableBlock(
        names=["phone_number", "template_param"], records=records, first=1, number_field="phone_number"
    )
    plain = rules.plain_rows(block)
    assert [content is not None for content in plain.contents] == [True, False, True]
    assert plain.given[0] == "13800001234"
