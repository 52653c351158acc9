# SPDX-License-Identifier: Apache-2.0
"""Every parameter has a meaning, an example, and a unit where it is a number; the pages have the tables."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build_parameters", DOCS / "build_parameters.py")
    # dataclasses look for their module
    module = sys.modules["build_parameters"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def every(build):
    """Give every parameter by the name of its owner and its own."""
    return {f"{owner}.{row.name}": row for owner, rows in build.everything().items() for row in rows}


def test_the_tables_on_the_pages_are_current(build):
    for page in build.pages():
        text = (DOCS / page).read_text(encoding="utf-8")
        assert build.written(page, text) == text, "run python docs/build_parameters.py"


def test_every_parameter_has_a_meaning(every):
    assert [name for name, row in every.items() if not row.meaning] == []


def test_every_parameter_is_told_in_chinese_and_what_is_told_is_current(build):
    assert build.chinese_gaps() == [], f"look at docs/{build.CHINESE.name}"


def test_a_changed_a_new_and_a_lost_sentence_are_noticed(build, monkeypatch):
    (first, second, *_), sentences, before = [*build._sentences()], build._sentences(), build.chinese_gaps()
    changed = {**sentences, first: "Something else.", ("Fresh", "until"): "A new one."}
    del changed[second]
    monkeypatch.setattr(build, "_sentences", lambda: changed)
    gone, new = f"{second[0]}.{second[1]}: not in the code any more", "Fresh.until: no Chinese"
    gaps = [gap for gap in build.chinese_gaps() if gap not in before]
    assert len(gaps) == 3
    assert f"set of = {build.hash_of('Something else.')!r}" in gaps[0]
    assert gaps[1].startswith(new)
    assert gaps[2] == gone


def test_a_table_in_chinese_has_names_defaults_and_examples_of_the_code(build):
    (row,) = build.rendered(build.guards()["Sample"], is_chinese=True).splitlines()[2:]
    assert row.split(" | ")[:4] == ["| `size`", "必填", "个号码", "`500`"]


def test_every_parameter_has_an_example(every):
    assert [name for name, row in every.items() if not row.example] == []


def test_every_number_has_a_unit(every):
    measured = [name for name, row in every.items() if row.is_measured]
    assert len(measured) > 40
    assert [name for name in measured if not every[name].unit] == []


def test_examples_are_python(every):
    for name, row in every.items():
        text = f"f({row.example})" if name == "sms_campaign.send" else row.example
        compile(text, name, "eval")


def test_no_example_is_the_default(every):
    same = [name for name, row in every.items() if row.default.strip("`") == row.example.strip('"')]
    assert same == []


def test_what_is_templated_is_marked(build, every):
    """The class says it in its template fields, the docstring in its text."""
    import ast

    owners = {name: table.signatures for name, table in build.TABLES.items() if name != "sms_campaign"}
    for owner, places in owners.items():
        node = build._node(places[0])
        fields = next(
            ast.literal_eval(each.value)
            for each in node.body
            if isinstance(each, ast.AnnAssign) and each.target.id == "template_fields"
        )
        wanted = {"dry_run" if field == "is_dry_run" else field for field in fields}
        marked = {
            row.name for name, row in every.items() if name.startswith(f"{owner}.") and row.is_templated
        }
        assert marked == wanted, owner
