# SPDX-License-Identifier: Apache-2.0
"""Receipts written by the run are, byte for byte, those written one by one."""

from __future__ import annotations

import csv
import gzip
import io
import json
from itertools import islice, pairwise
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.spool.records import ReceiptRun
from airflow_provider_aliyunsms.campaign.receipts import encoders
from airflow_provider_aliyunsms.campaign.receipts.files import RECEIPT_ENDINGS, write_receipts
from airflow_provider_aliyunsms.campaign.receipts.receipts import Receipts
from airflow_provider_aliyunsms.products import PRODUCTS

APIS = ("SendBatchSms", "BatchSendMessageToGlobe")
AT = "2026-01-02T03:00:00Z"
ODD = [
    "",
    '"',
    "a,b",
    "a\nb",
    "\r",
    "\r\n",
    " x",
    "é",
    "张三",
    "١٢٣",
    "😀",
    "\u2028",
    "\x00",
    "\x7f",
    "\\",
    "=1+1",
]
DIGITS = st.from_regex(r"1380000[0-9]{4}", fullmatch=True)
TEXT = DIGITS | st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=6)
CELL = st.none() | TEXT


@st.composite
def runs_of(draw):
    """One run; of plain numbers alone as often as not, because those are written another way."""
    numbers = draw(st.lists(DIGITS, max_size=7) | st.lists(TEXT, max_size=7))
    same = {"min_size": len(numbers), "max_size": len(numbers)}
    ids = draw(st.none() | st.lists(DIGITS, **same) | st.lists(CELL, **same))
    return ReceiptRun(numbers, draw(TEXT), *draw(st.tuples(CELL, CELL, CELL, CELL)), ids)


def by_run(runs, ending, *, api=APIS[0]):
    stream = io.BytesIO()
    write_receipts(
        receipts=Receipts(runs=runs, product=PRODUCTS[api], at=AT), path=f"r{ending}", stream=stream
    )
    return stream.getvalue()


def one_by_one(runs, ending, *, api=APIS[0], row_group=20_000):
    receipts = list(Receipts(runs=runs, product=PRODUCTS[api], at=AT))
    if ending == ".parquet":
        return parquet_one_by_one(receipts, row_group=row_group)
    text = io.StringIO(newline="")
    for position, receipt in enumerate(receipts):
        if ending == ".jsonl":
            text.write(json.dumps(receipt, ensure_ascii=False, separators=(",", ":")) + "\n")
            continue
        writer = csv.writer(text, lineterminator="\r\n")
        if position == 0:
            writer.writerow(receipt)
        writer.writerow(_inert(value) for value in receipt.values())
    return text.getvalue().encode()


def _inert(value):
    return f"'{value}" if value and value[0] in "=+-@\t\r\n＝＋－＠'" else value


def parquet_one_by_one(receipts, *, row_group):
    stream, source = io.BytesIO(), iter(receipts)
    if not receipts:
        return b""
    schema = pa.schema([(name, pa.string()) for name in receipts[0]])
    with pq.ParquetWriter(stream, schema) as writer:
        while batch := list(islice(source, row_group)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return stream.getvalue()


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
@settings(deadline=None)
@given(runs=st.lists(runs_of(), max_size=6), size=st.sampled_from([1, 2, 3, 5, 2000]))
def test_a_file_is_the_one_that_is_written_one_by_one(api, ending, runs, size):
    with mock.patch.multiple(encoders, _BLOCK=size, _ROW_GROUP=size):
        assert by_run(runs, ending, api=api) == one_by_one(runs, ending, api=api, row_group=size)


def alike(first, end, *, call):
    ids = [str(n) for n in range(first, end)]
    numbers = [f"138{n:08d}" for n in range(first, end)]
    return ReceiptRun(numbers, "accepted", "OK", f"biz{call}", f"af{call}", AT, ids)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
def test_long_and_short_runs_fill_the_same_blocks(api, ending):
    runs = [alike(0, 41_000, call=1), *(alike(n, n + 100, call=n) for n in range(41_000, 45_000, 100))]
    written = by_run(runs, ending, api=api)
    unpacked = gzip.decompress(written) if ending.endswith(".gz") else written
    assert unpacked == one_by_one(runs, ending.removesuffix(".gz"), api=api)
    if ending == ".parquet":
        described = pq.ParquetFile(io.BytesIO(written)).metadata
        sizes = [described.row_group(at).num_rows for at in range(described.num_row_groups)]
        assert sizes == [20_000, 20_000, 5_000]


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 2500), max_size=10))
def test_equal_receipts_are_equal_bytes_however_their_runs_are_cut(ending, cuts):
    edges = [0, *sorted(cuts), 2500]
    runs = [alike(start, end, call=1) for start, end in pairwise(edges)]
    assert by_run(runs, ending) == by_run([alike(0, 2500, call=1)], ending)


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
def test_ids_that_are_not_one_for_each_number_are_no_receipts(ending):
    run = ReceiptRun(["13800001234", "13800001235"], "accepted", None, None, None, None, ["1"])
    with pytest.raises(ValueError, match=r"zip|length"):
        by_run([run], ending, api=APIS[1])
