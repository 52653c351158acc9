# SPDX-License-Identifier: Apache-2.0
"""The Chinese pages say what the English ones say, with the same code, and in the same words everywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ENDING = ".zh-CN.md"
PAGES = sorted(page.relative_to(ROOT) for page in (ROOT / "README.zh-CN.md", *DOCS.rglob(f"*{ENDING}")))
each_page = pytest.mark.parametrize("page", PAGES, ids=str)


def english(page):
    return page.with_name(page.name.replace(ENDING, ".md"))


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


@each_page
def test_a_page_and_its_english_one_lead_to_each_other(page):
    assert f"[English]({english(page).name})" in read(page)
    assert re.search(rf"\[中文(说明)?\]\({re.escape(page.name)}\)", read(english(page)))


def blocks(page):
    """Give what is run or shown on a page, without what may be in another language: comments and texts."""
    found = re.findall(r"^```(python|bash|text)\n(.*?)^```", read(page), flags=re.MULTILINE | re.DOTALL)
    return [
        ast.unparse(ast.parse(text)) if kind == "python" else re.sub(r'"SMS_\d+": ".*?"', "", text)
        for kind, text in found
    ]


@each_page
def test_code_is_that_of_the_english_page(page):
    assert blocks(page) == blocks(english(page))


def included(page):
    return re.findall(r"^```\{literalinclude\} (\S+)", read(page), flags=re.MULTILINE)


@each_page
def test_every_example_of_the_english_page_is_shown(page):
    missing = set(included(english(page))) - set(included(page))
    assert missing == set()


@each_page
def test_a_paragraph_is_one_line(page):
    """A line end between two Chinese characters is drawn as a space."""
    prose = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"[^\x00-\x7f]\n *[^\x00-\x7f]", prose) == []


def test_the_search_knows_the_pairs_of_a_chinese_clause(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from chinese_search import pairs

    assert pairs("退订名单") == ["退订", "订名", "名单"]
    assert pairs("查询send的XCom") == ["查询", "send", "的", "XCom"]
    assert pairs("isv") == ["isv"]


# a word of the right side is used instead, see docs/glossary.zh-CN.md
OTHER_WORDS = {"收件人": "收信人", "算子": "Operator", "群发活动": "批次", "传感器": "Sensor"}


@pytest.mark.parametrize("page", [page for page in PAGES if "glossary" not in page.name], ids=str)
def test_words_are_those_of_the_glossary(page):
    text = read(page)
    assert {word: better for word, better in OTHER_WORDS.items() if word in text} == {}


PACKAGE = ROOT / "airflow_provider_aliyunsms"
SHOWN = (
    PACKAGE / "ui" / "static" / "words.js",
    PACKAGE / "ui" / "clear.py",
    PACKAGE / "simulator" / "control" / "static" / "words.js",
    PACKAGE / "simulator" / "control" / "static" / "fault_words.js",
)


@pytest.mark.parametrize("file", SHOWN, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_words_of_the_web_pages_are_those_of_the_glossary(file):
    other = OTHER_WORDS | {"活动": "批次", "模拟器": "模拟网关", "接收": "受理", "发送方": "Sender ID"}
    text = file.read_text(encoding="utf-8")
    assert {word: better for word, better in other.items() if word in text} == {}
