# SPDX-License-Identifier: Apache-2.0
"""The texts of the campaign page: complete in both languages, all used, and none missing."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STATIC = files("airflow_provider_aliyunsms.ui") / "static"
SCRIPTS = {
    each.name: each.read_text(encoding="utf-8") for each in STATIC.iterdir() if each.name.endswith(".js")
}
ENTRY = re.compile(r'^  (\w+):\s+"((?:[^"\\]|\\.)*)",$', re.MULTILINE)
PLACE = re.compile(r"\{(\w+)\}")
MADE = {
    "state_": "a state of Airflow's",
    "column_": "a column of the list",
    "guard_": "a decision",
    "api_": "an API",
    "link_": "a link",
    "error_": "a status",
}
"""What keys begin with that are put together when they are used."""
OUTCOMES = (
    "accepted",
    "rejected",
    "skipped",
    "unknown",
    "settling",
    "pending",
    "delivered",
    "failed",
    "awaited",
)


def words(language):
    block = re.search(rf"^const {language} = \{{$(.*?)^\}};$", SCRIPTS["words.js"], re.MULTILINE | re.DOTALL)
    return dict(ENTRY.findall(block[1]))


EN, ZH = words("en"), words("zh")


def test_every_line_is_read():
    lines = [line for line in SCRIPTS["words.js"].splitlines() if re.match(r"  \w", line)]
    assert len(lines) == len(EN) + len(ZH) > 300


def test_both_languages_have_the_same_keys_in_the_same_order():
    assert list(EN) == list(ZH)


@pytest.mark.parametrize("key", EN)
def test_both_languages_have_the_same_places(key):
    assert sorted(PLACE.findall(EN[key])) == sorted(PLACE.findall(ZH[key]))


def test_chinese_is_chinese():
    same = {key for key in EN if EN[key] == ZH[key]}
    assert same == {"filter_dag", "place_dag"}


def used():
    """Return the literal keys that the scripts ask for."""
    code = "\n".join(text for name, text in SCRIPTS.items() if name != "words.js")
    return set(re.findall(r'"(\w+)"', code))


def has(key):
    return key in EN or f"{key}_other" in EN


def test_every_key_that_is_asked_for_is_there():
    code = "\n".join(text for name, text in SCRIPTS.items() if name != "words.js")
    asked = set(re.findall(r'\bsay\(\s*"(\w+)"', code)) | set(re.findall(r'\b(?:fact|card)\("(\w+)"', code))
    cards = {"outcomes", "delivery", "timeline", "facts", "codes", "again", "guards", "tries"}
    assert len(asked) > 50
    assert [key for key in asked - cards if not has(key)] == []
    assert [name for name in OUTCOMES if not has(name) or not has(f"{name}_title")] == []


def test_no_text_is_left_over():
    asked = used()
    made = tuple(MADE)
    named = {f"{name}{end}" for name in OUTCOMES for end in ("", "_title", "_why")}
    plain = {re.sub(r"_(one|other)$", "", key) for key in EN}
    assert sorted(key for key in plain if key not in asked | named and not key.startswith(made)) == []
