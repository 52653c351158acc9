# SPDX-License-Identifier: Apache-2.0
"""Receipts, one by one and in blocks."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.spool.records import ReceiptRun
from airflow_provider_aliyunsms.campaign.receipts.receipts import Receipts
from airflow_provider_aliyunsms.products import PRODUCTS

AT = "2026-01-02T03:00:00Z"
LATER = "2026-01-02T04:00:00Z"
TWO = ["13800001234", "13800001235"]


def receipts(*runs, api="SendBatchSms"):
    return Receipts(runs=runs, product=PRODUCTS[api], at=AT)


def test_china_has_the_id_of_the_call_and_the_start_where_nothing_was_sent():
    found = list(
        receipts(
            ReceiptRun(TWO, "accepted", "OK", "biz", "af1", LATER, ["m1", "m2"]),
            ReceiptRun(("rubbish",), "rejected", "local.INVALID_NUMBER", None, None, None),
        )
    )
    accepted = {"outcome": "accepted", "code": "OK", "biz_id": "biz", "out_id": "af1", "time": LATER}
    assert found == [
        {"phone_number": TWO[0], **accepted},
        {"phone_number": TWO[1], **accepted},
        {
            "phone_number": "rubbish",
            "outcome": "rejected",
            "code": "local.INVALID_NUMBER",
            "biz_id": None,
            "out_id": None,
            "time": AT,
        },
    ]
    assert {tuple(receipt) for receipt in found} == {receipts().fields}


def test_globe_has_an_id_for_each():
    found = list(
        receipts(
            ReceiptRun(TWO, "accepted", None, "biz", "af1", LATER, ["m1", None]),
            ReceiptRun(TWO[:1], "pending", None, "biz", None, None),
            api="BatchSendMessageToGlobe",
        )
    )
    assert [(receipt["to"], receipt["message_id"]) for receipt in found] == [
        (TWO[0], "m1"),
        (TWO[1], None),
        (TWO[0], None),
    ]
    assert {tuple(receipt) for receipt in found} == {
        ("to", "outcome", "code", "message_id", "out_id", "time"),
    }


def test_ids_that_are_not_one_for_each_number_are_refused():
    run = ReceiptRun(TWO, "accepted", None, None, "af1", LATER, ["m1"])
    with pytest.raises(ValueError, match="zip"):
        list(receipts(run, api="BatchSendMessageToGlobe"))


@given(lengths=st.lists(st.integers(0, 12)), size=st.integers(1, 8))
def test_every_block_is_full_but_the_last_and_nobody_is_lost(lengths, size):
    names = iter(range(1000))
    numbers = [[f"1380000{next(names):04d}" for _ in range(length)] for length in lengths]
    runs = [ReceiptRun(some, "accepted", None, None, some[0], LATER, some) for some in numbers if some]
    runs += [ReceiptRun([], "skipped", None, None, None, None)]
    blocks = list(receipts(*runs, api="BatchSendMessageToGlobe").blocks(size=size))
    sizes = [sum(len(stretch.numbers) for stretch in block) for block in blocks]
    total = sum(lengths)
    assert sizes == [size] * (total // size) + [total % size] * (total % size > 0)
    stretches = [stretch for block in blocks for stretch in block]
    assert [number for stretch in stretches for number in stretch.numbers] == [*chain.from_iterable(numbers)]
    assert all(list(stretch.numbers) == list(stretch.ids) != [] for stretch in stretches)


def test_no_number_is_shown():
    run = ReceiptRun(TWO, "accepted", "OK", "biz", "af1", LATER)
    assert (repr(run), len(run)) == ("ReceiptRun(2 accepted)", 2)
    some = receipts(run)
    shown = f"{some!r} {vars(some)!r} {next(some.blocks(size=5))!r}"
    assert "138" not in shown
