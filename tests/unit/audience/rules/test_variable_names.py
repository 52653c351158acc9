# SPDX-License-Identifier: Apache-2.0
"""Rows of one template have the same variables, or nothing is sent."""

from __future__ import annotations

import json
from functools import partial

import pytest

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules
from airflow_provider_aliyunsms.audience.rules.variable_names import VariableNames
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.audience.spool import Spool
from airflow_provider_aliyunsms.exceptions import AudienceError

NUMBERS = [f"1380000{place:04d}" for place in range(5000)]


def load(source, **options):
    rules = ChinaRules(sign_name="阿里云", **({"template_param": None} | options))
    with Spool() as spool:
        keys_of = partial(_keys)
        spool.load(read_blocks(source, open_binary=partial(open, mode="rb")), rules=rules, keys_of=keys_of)
        return spool.ready, spool.local_errors()


def _keys(numbers, contents):
    return recipient_keys(campaign_id="c", numbers=numbers, contents=contents, dedupe="content")


def rows(count, *, without=()):
    return [
        {
            "phone_number": number,
            "template_param": {"name": "n"} | ({} if place in without else {"code": "1"}),
        }
        for place, number in enumerate(NUMBERS[:count])
    ]


def test_a_key_that_some_items_lack_is_named_before_the_first_call():
    with pytest.raises(AudienceError, match=r"of 60 rows there is 'code' in 58") as raised:
        load(rows(60, without={3, 17}))
    assert "template_param" in raised.value.advice
    assert "columns" in raised.value.advice


def test_a_default_gives_what_is_lacking():
    assert load(rows(60, without={3, 17}), template_param={"code": "none"}) == (60, {})


def test_the_order_of_keys_makes_no_difference():
    people = rows(10)
    people[3]["template_param"] = dict(reversed(people[3]["template_param"].items()))
    assert load(people) == (10, {})


def test_a_row_that_is_rejected_anyway_does_not_count():
    people = [*rows(5), {"phone_number": "12", "template_param": {}}]
    assert load(people) == (5, {"local.INVALID_NUMBER": 1})


@pytest.mark.parametrize("first_with", [0, 1, 2500])
def test_in_json_lines_an_absent_key_costs_as_much_as_an_empty_cell(tmp_path, first_with):
    """Among the rows that are read together it is an empty cell; across them it is named."""
    path = tmp_path / "people.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({"phone_number": number, "name": "n"} | ({"code": "1"} if place >= first_with else {}))
            for place, number in enumerate(NUMBERS)
        ),
        encoding="utf-8",
    )
    if first_with < 2000:
        assert load(str(path)) == (
            5000 - first_with,
            {"local.EMPTY_VARIABLE": first_with} if first_with else {},
        )
    else:
        with pytest.raises(AudienceError, match="'code' in 2500"):
            load(str(path))


def test_many_different_names_are_bounded():
    names = VariableNames()
    for number in range(3000):
        names.note([f"v{number}"])
    with pytest.raises(AudienceError, match=r"\(and 995 more\)") as raised:
        names.check()
    assert len(raised.value.message) < 300
