# SPDX-License-Identifier: Apache-2.0
"""Receipts in every format: what is written is read back, and what is broken is said."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc

import pyarrow as pa
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


FORMULAS = [
    "=1+1",
    "+86 138",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
    "'",
    "'=1",
    "''x",
]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_no_cell_of_a_csv_file_is_a_formula(ending):
    receipts = [receipt(phone_number=text, code=text, biz_id=text, out_id=text) for text in FORMULAS]
    content = written(receipts, f"r{ending}")
    text = (gzip.decompress(content) if ending.endswith(".gz") else content).decode()
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [
        cell
        for cell in cells
        if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    ]
    assert read(content, f"r{ending}") == list(enumerate(receipts))


def test_a_csv_file_without_formulas_is_as_it_was():
    content = written([receipt(biz_id="9^0")], "r.csv").decode()
    assert content.splitlines()[1] == f"{NUMBER},accepted,,9^0,af1,2026-01-02T03:00:00Z"


def spoiled_headers():
    header = ",".join(FIELDS).encode()
    row = b"\r\n13800001234,accepted,,,af1,2026-01-02T03:00:00Z\r\n"
    yield b"\xff" + header + row
    yield header.replace(b"outcome", b"outc\xffme") + row
    yield header.replace(b"outcome", b'"outcome') + row
    yield header.replace(b"outcome", b"outcomes") + row
    yield header.replace(b"code", b"outcome") + row
    yield b"\x00" * 40 + row
    yield b"\r\n" + header + row


@pytest.mark.parametrize("content", list(spoiled_headers()), ids=range(7))
def test_a_header_that_cannot_be_read_is_not_an_empty_file(content):
    with pytest.raises(AudienceError, match="receipts file"):
        read(content, "r.csv")
    with pytest.raises(AudienceError, match="receipts file"):
        read(gzip.compress(content), "r.csv.gz")


@pytest.mark.parametrize(
    "line",
    [
        b'{"outcome": "accepted", "outcome": "rejected"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"phone_number": 13800001234}',
        b'{"phone_number": {"a": "b"}}',
        b'{"phone_number": true}',
        b'{"time": NaN}',
        b'"text"',
        b"",
        b"\xff{}",
        b"\x1f\x8b",
    ],
    ids=range(11),
)
def test_a_line_of_the_wrong_kind_is_said(line):
    with pytest.raises(AudienceError, match="receipts file") as caught:
        read(b'{"outcome": "rejected"}\n' + line + b"\n", "r.jsonl")
    assert caught.value.row == 2


def test_a_line_without_an_end_is_not_read_into_memory():
    bomb = gzip.compress(b'{"a": "' + bytes(300 * 1024 * 1024))
    tracemalloc.start()
    for ending in (".jsonl.gz", ".csv.gz"):
        with pytest.raises(AudienceError, match="receipts file"):
            read(bomb, f"r{ending}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 1024 * 1024


def test_a_column_of_the_wrong_type_is_said():
    stream = io.BytesIO()
    pq.write_table(pa.table({"phone_number": [13800001234], "outcome": ["accepted"]}), stream)
    with pytest.raises(AudienceError, match="receipts file"):
        read(stream.getvalue(), "r.parquet")


@pytest.mark.parametrize("ending", RECEIPT_ENDINGS)
def test_every_flipped_byte_is_noticed_or_harmless(ending):
    """Harmless: as many messages as before are asked for, under another number or id, in free calls."""
    receipts = [receipt(phone_number=f"1380000{n:04d}", biz_id="9^0") for n in range(3)]
    receipts[1] |= {"outcome": "rejected"}
    content = written(receipts, f"r{ending}")
    for place in range(len(content)):
        for bit in (0, 5, 7):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            (campaign,) = watched(SUMMARY | {"receipts_path": f"r{ending}"})
            try:
                progress = scan(
                    campaign=campaign, open_receipts=lambda _, data=bytes(damaged): io.BytesIO(data)
                )
            except (AudienceError, ConfigurationError):
                continue
            assert progress.tally.accepted == 2


SUMMARY = {"campaign_id": "c", "api": "SendBatchSms", "accepted": 2, "finished_at": "2026-01-02T03:00:00Z"}


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
