# SPDX-License-Identifier: Apache-2.0
"""Receipts in every format: what is written is read back, and what is broken is said."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.spool.records import ReceiptRun
from airflow_provider_aliyunsms.campaign.receipts.files import (
    RECEIPT_ENDINGS,
    is_receipt_file,
    read_receipts,
    write_receipts,
)
from airflow_provider_aliyunsms.campaign.receipts.receipts import Receipts
from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.state import DeliveryState
from airflow_provider_aliyunsms.delivery.tracking import pending_messages, scan
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError
from airflow_provider_aliyunsms.products import CHINA

FIELDS = ("phone_number", "outcome", "code", "biz_id", "out_id", "time")
NUMBER = "13800001234"
# A number that was refused is kept as it was written, whatever that was.
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8) | st.sampled_from(
    ['"', "a,b", "a\nb", "\r\n", "=1+1", "\ufeff", "None", "null", "\x00"]
)
CELL = st.none() | TEXT


def receipt(**changes):
    base = dict.fromkeys(FIELDS) | {"phone_number": NUMBER, "outcome": "accepted", "out_id": "af1"}
    return base | {"time": "2026-01-02T03:00:00Z"} | changes


def written(receipts, path):
    stream = io.BytesIO()
    runs = (ReceiptRun([number], *facts) for number, *facts in (row.values() for row in receipts))
    write_receipts(receipts=Receipts(runs=runs, product=CHINA, at="never"), path=path, stream=stream)
    assert not stream.closed
    return stream.getvalue()


def read(content, path, *, wanted=lambda _position: True):
    return list(read_receipts(path=path, stream=io.BytesIO(content), wanted=wanted))


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
@given(cells=st.lists(st.tuples(TEXT, TEXT, CELL, CELL, CELL, TEXT), min_size=1, max_size=6))
def test_what_is_written_is_read_back(ending, cells):
    receipts = [dict(zip(FIELDS, row, strict=True)) for row in cells]
    path = f"s3://bucket/r{ending.upper()}"
    content = written(receipts, path)
    assert written(receipts, path) == content
    assert read(content, path) == list(enumerate(receipts))
    assert read(content, path, wanted=lambda at: at == 0) == [(0, receipts[0])]


def test_other_programs_read_them_too():
    receipts = [receipt(phone_number=f"138{n:08d}") for n in range(300)]
    table = pq.read_table(io.BytesIO(written(receipts, "r.parquet")))
    assert table.to_pylist() == receipts
    text = gzip.decompress(written(receipts, "r.csv.gz")).decode()
    assert [row["phone_number"] for row in csv.DictReader(io.StringIO(text))] == [
        r["phone_number"] for r in receipts
    ]
    lines = gzip.decompress(written(receipts, "r.jsonl.gz")).splitlines()
    assert [json.loads(line) for line in lines] == receipts


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
def test_more_than_one_batch(ending):
    receipts = [receipt(phone_number=str(n)) for n in range(25_000)]
    found = read(written(receipts, f"r{ending}"), f"r{ending}", wanted=lambda at: at >= 24_999)
    assert found == [(24_999, receipts[-1])]


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
def test_a_broken_file_is_said_and_never_shown(ending):
    content = written([receipt(), receipt()], f"r{ending}")
    for broken in (content[:-30], content[:90] + b"\xff" + content[90:-30]):
        with pytest.raises(AudienceError, match="receipts file") as caught:
            read(broken, f"r{ending}")
        assert NUMBER not in str(caught.value)
        assert "clear the send task" in caught.value.advice


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
def test_the_delivery_side_reads_every_format(ending):
    receipts = [
        receipt(phone_number=NUMBER),
        receipt(outcome="rejected"),
        receipt(phone_number="13900001234"),
    ]
    path = f"r{ending}"
    content = written(receipts, path)
    (campaign,) = watched(
        {
            "campaign_id": "c",
            "api": "SendBatchSms",
            "accepted": 2,
            "finished_at": "2026-01-02T03:00:00Z",
            "receipts_path": path,
        }
    )

    def opener(_path):
        return io.BytesIO(content)

    progress = scan(campaign=campaign, open_receipts=opener)
    assert isinstance(progress, DeliveryState)
    asked = pending_messages(campaign=campaign, progress=progress, open_receipts=opener)
    assert [(position, message.number) for position, message in asked] == [(0, NUMBER), (2, "13900001234")]


def test_a_file_is_told_from_a_folder():
    assert [is_receipt_file(f"s3://bucket/r{ending}") for ending in RECEIPT_ENDINGS] == [True] * len(
        RECEIPT_ENDINGS
    )
    assert not is_receipt_file("s3://bucket/receipts")
    for path in ("r.parquet.gz", "r.gz", "r.xlsx.gz"):
        with pytest.raises(ConfigurationError, match=r"\.gz"):
            is_receipt_file(path)
