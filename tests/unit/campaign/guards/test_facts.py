# SPDX-License-Identifier: Apache-2.0
"""What guards know of a campaign whose groups get different templates."""

from __future__ import annotations

import pytest
from guard_facts import guard_facts, mainland

from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.groups import Groups
from airflow_provider_aliyunsms.campaign.ports import Template
from airflow_provider_aliyunsms.products import CHINA

SPLIT = Split({"a": 0.5, "b": 0.3, "holdout": 0.2}, salt="spring")
TEXTS = {"SMS_A": "短", "SMS_B": "长" * 100}


class Vendor:
    def __init__(self, texts):
        self.texts, self.asked = dict(texts), []

    def template(self, *, code):
        self.asked.append(code)
        text = self.texts.get(code)
        return text and Template(code=code, text=text, status="approved", kind="notification")


def divided(vendor, **texts):
    texts = texts or {"a": "SMS_A", "b": "SMS_B"}
    groups = Groups(split=SPLIT, product=CHINA, texts=texts)
    return guard_facts(mainland(200), groups=groups, vendor=vendor, template_code=None)


def test_parts_follow_the_template_of_each_group():
    vendor = Vendor(TEXTS)
    with divided(vendor) as facts:
        # As the campaign does before the guards are asked.
        for rows in facts.pending():
            names = SPLIT.groups([f"86{number}" for number in rows.members.numbers])
            silent = [place for place, name in zip(rows.places, names, strict=True) if name == "holdout"]
            facts.leave_out(silent, code="local.HOLDOUT")
        names = SPLIT.groups([f"86{number}" for number in mainland(200)])
        found = facts.parts()
        assert found.parts == names.count("a") + 2 * names.count("b")
        assert found.messages == names.count("a") + names.count("b")
        assert found.longest == 2
    assert sorted(vendor.asked) == ["SMS_A", "SMS_B"]


def test_parts_are_not_known_while_one_text_is_not():
    with divided(Vendor({"SMS_A": "短"})) as facts:
        assert facts.parts() is None


def test_a_number_has_the_text_of_its_group_once_it_was_asked_for():
    with divided(Vendor(TEXTS)) as facts:
        assert facts.known_text("13800000001") is None
        assert facts.templates
        for number in mainland(50):
            (name,) = SPLIT.groups([f"86{number}"])
            if name != "holdout":
                assert facts.known_text(number) == TEXTS[{"a": "SMS_A", "b": "SMS_B"}[name]]


@pytest.mark.parametrize(
    ("texts", "templates"),
    [
        ({"a": "SMS_A"}, TEXTS),
        ({"a": "SMS_B", "b": "SMS_A"}, TEXTS),
        ({"a": "SMS_A", "b": "SMS_B"}, TEXTS | {"SMS_B": "another"}),
    ],
)
def test_another_text_for_one_group_changes_the_digest(texts, templates):
    with divided(Vendor(TEXTS)) as facts, divided(Vendor(templates), **texts) as others:
        assert facts.templates
        assert others.templates
        assert facts.digest() != others.digest()
        assert facts.digest().split(".")[2] == others.digest().split(".")[2]
