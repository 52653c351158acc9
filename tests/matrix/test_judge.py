# SPDX-License-Identifier: Apache-2.0
"""A judge that never convicts would make every cell pass."""

from __future__ import annotations

import pytest
from faultmatrix.judge import OUTCOMES, honest, nobody_twice

AUDIENCE = ["13800001001", "13800001002", "13800001003"]


def summary_of(*outcomes):
    receipts = [
        {"phone_number": number, "outcome": outcome, "biz_id": "1"}
        for number, outcome in zip(AUDIENCE, outcomes, strict=True)
    ]
    return {"total": 3, "receipts": receipts, **{word: outcomes.count(word) for word in OUTCOMES}}


def judge(summary, *, has=AUDIENCE, poison=()):
    return honest(summary=summary, phones=dict.fromkeys(has, 1), audience=AUDIENCE, poison=poison)


def test_an_honest_summary_passes():
    assert judge(summary_of("accepted", "unknown", "unknown"), has=AUDIENCE[:2]) == []
    assert judge(summary_of("accepted", "accepted", "rejected"), has=AUDIENCE[:2], poison=AUDIENCE[2:]) == []


@pytest.mark.parametrize(
    ("outcomes", "has"),
    [
        (("accepted", "accepted", "accepted"), AUDIENCE[:2]),
        (("accepted", "accepted", "rejected"), AUDIENCE),
        (("accepted", "accepted", "skipped"), AUDIENCE),
        (("accepted", "accepted", "rejected"), AUDIENCE[:2]),
        (("accepted", "accepted", "pending"), AUDIENCE),
    ],
    ids=["invented", "denied", "skipped", "rejected without a reason", "no outcome"],
)
def test_a_false_receipt_is_found(outcomes, has):
    assert judge(summary_of(*outcomes), has=has)


def test_counts_and_receipts_must_agree():
    assert judge(summary_of("accepted", "accepted", "accepted") | {"accepted": 2, "unknown": 1})


def test_a_missing_and_a_double_receipt_are_found():
    whole = summary_of("accepted", "accepted", "accepted")
    assert judge(whole | {"receipts": whole["receipts"][:2]})
    assert judge(whole | {"receipts": [*whole["receipts"], whole["receipts"][0]]})


def test_a_second_message_is_found():
    assert nobody_twice(phones={"13800001001": 1, "13800001002": 2})
    assert nobody_twice(phones={"13800001001": 1}) == []
