# SPDX-License-Identifier: Apache-2.0
"""What is shown of a private field, in the interface of any Airflow, names no one and tells no text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.operators.redaction import hide_query, hide_recipients, hide_text, hide_values
from airflow_provider_aliyunsms.private import unwrap

NUMBER = "13800001234"


def shown(hidden):
    """Return what Airflow 3 stores; Airflow 2 must store the same as text."""
    if isinstance(hidden.description, str):
        assert str(hidden) == hidden.description
    else:
        assert json.loads(str(hidden)) == hidden.serialize()
    return hidden.serialize()


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ([NUMBER], ["1 recipient, texts and variables not shown", "138****1234"]),
        ([], ["0 recipients, texts and variables not shown"]),
        (
            [{"to": "+447700900123", "message": "geheim"}, {"no": NUMBER}, 6598000540, NUMBER],
            [
                "4 recipients, texts and variables not shown",
                "447****0123",
                "***",
                "65****40",
                "and 1 more",
            ],
        ),
        (["geheim", None, True], ["3 recipients, texts and variables not shown", "***", "***", "***"]),
        ([[NUMBER], [NUMBER, NUMBER]], "2 lists of recipients, not shown"),
        ({NUMBER}, "recipients, not shown"),
        (NUMBER, "text of 11 characters, not shown"),
        (Path("/data/a.csv"), "/data/a.csv"),
    ],
)
def test_recipients_are_counted_and_the_first_are_masked(given, seen):
    hidden = hide_recipients(given, number_field="to")
    assert shown(hidden) == seen
    assert unwrap(hidden) == given


@pytest.mark.parametrize("path", ["/data/a.csv", "s3://conn@bucket/a.parquet", "a.JSONL.gz"])
def test_the_path_of_a_file_may_be_seen(path):
    assert hide_recipients(path, number_field="to") == path


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"name": "geheim", "code": 1}, {"name": "not shown", "code": "not shown"}),
        ({}, {}),
        ({NUMBER: "geheim", "a" + NUMBER: 1, 7: 2, "b": 3}, {"b": "not shown", "and 3 more": "not shown"}),
        (("geheim", NUMBER), ["2 values, not shown"]),
        ("geheim", "text of 6 characters, not shown"),
        (991177, "not shown"),
    ],
)
def test_values_are_hidden_and_their_names_are_not(given, seen):
    assert shown(hide_values(given)) == seen


def test_many_names_are_cut():
    names = shown(hide_values({f"v{i}": "geheim" for i in range(70)}))
    assert len(names) == 51
    assert names["and 20 more"] == "not shown"


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("Hello ${name}, ${name}: ${code}", "text of 31 characters with ${name}, ${code}, not shown"),
        # not even a text that looks like a path
        ("See report.csv", "text of 14 characters, not shown"),
        (f"${{{NUMBER}}}", "text of 14 characters, not shown"),
    ],
)
def test_of_a_text_its_placeholders_are_shown(given, seen):
    assert shown(hide_text(given)) == seen


def test_nothing_is_shown_as_nothing():
    assert [hide(None) for hide in (hide_text, hide_values, hide_query)] == [None] * 3
    assert hide_recipients(None, number_field="to") is None


def test_hiding_twice_is_hiding_once():
    once = hide_recipients([NUMBER], number_field="to")
    assert shown(hide_recipients(once, number_field="to")) == shown(once)
    assert unwrap(hide_values(hide_values({"a": 1}))) == {"a": 1}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT phone_number FROM people WHERE id > ?", "SELECT phone_number FROM people WHERE id > ?"),
        ("SELECT '138 0000 1234' AS phone_number", "SELECT '***' AS phone_number"),
        (
            "SELECT * FROM (VALUES (13800001234, 'Li'), (138 0000 1235, '王')) AS t(phone_number, name)",
            "SELECT * FROM (VALUES (***, '***'), (***, '***')) AS t(phone_number, name)",
        ),
        ("SELECT a -- 13800001234\nFROM b /* 张三\n */", "SELECT a  \nFROM b  "),
        (
            'SELECT x AS "to" FROM "t1" WHERE "name" = "Wang"',
            'SELECT x AS "to" FROM "t1" WHERE "***" = "***"',
        ),
        ("SELECT $$geheim$$, $a$b$$c$a$", "SELECT '***', '***'"),
        ("SELECT 'it''s', +86 138-0000-1234, 1234 LIMIT 10", "SELECT '***', ***, 1234 LIMIT 10"),
    ],
)
def test_a_query_is_shown_without_what_it_holds(query, shown):
    assert str(hide_query(query)) == shown
    assert unwrap(hide_query(query)) == query


@pytest.mark.parametrize(
    "query", ["SELECT 'open", "SELECT 'a\\' , 'geheim'", 'SELECT "a\\"", "geheim"', "SELECT $$a"]
)
def test_a_query_whose_literals_cannot_be_told_is_not_shown(query):
    assert str(hide_query(query)) == f"text of {len(query)} characters, not shown"


@given(st.text(alphabet="ab1'\"`$-/*# ,()\n", max_size=40))
def test_no_literal_of_a_query_gets_through(rest):
    """Whatever stands around it, as long as its quotes are its own."""
    secret = "geheimer Wert"
    shown = str(hide_query(f"SELECT '{secret}', {rest}"))
    assert secret not in shown
