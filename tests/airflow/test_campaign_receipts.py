# SPDX-License-Identifier: Apache-2.0
"""The receipts on the page of campaigns: masked, and no way to any other file."""

from __future__ import annotations

import gzip
import json
import os
import time

import pytest

from airflow_provider_aliyunsms.ui import receipts as page
from airflow_provider_aliyunsms.ui.receipts import NoReceiptsError, Wanted, can_be_shown, receipts_of

pytestmark = pytest.mark.airflow

ALL = Wanted(outcome=None, code=None, limit=1000, offset=0)


def receipt(number="13800001234", **changes):
    fields = {
        "phone_number": number,
        "outcome": "accepted",
        "code": None,
        "biz_id": "123^0",
        "out_id": "o",
        "time": "2026-01-02T03:04:05Z",
    }
    return fields | changes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = tmp_path / page.DEFAULT_FOLDER
    made.mkdir()
    return made


@pytest.fixture
def file_of(folder):
    def write(rows, *, name="c.jsonl"):
        path = folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"api": "SendBatchSms", "receipts_path": str(path), "total": len(rows)}

    return write


def test_receipts_in_an_xcom_are_masked():
    summary = {
        "api": "SendBatchSms",
        "receipts": [receipt(), receipt(outcome="rejected", code="isv.OUT_OF_SERVICE")],
    }
    found = receipts_of(summary, ALL)
    first, second = found["receipts"]
    assert first == {
        "number": "138****1234",
        "outcome": "accepted",
        "code": None,
        "meaning": None,
        "meaning_zh": None,
        "biz_id": "123^0",
        "time": "2026-01-02T03:04:05+00:00",
    }
    assert second["meaning"]
    assert (found["where"], found["total_entries"]) == ("xcom", 2)
    assert "13800001234" not in json.dumps(found)


def test_receipts_in_a_file_are_paged_and_filtered(file_of):
    rows = [
        receipt(
            f"1380000{n:04d}",
            outcome="rejected" if n % 10 == 0 else "accepted",
            code="isv.X" if n % 10 == 0 else None,
        )
        for n in range(1000)
    ]
    summary = file_of(rows)
    third = receipts_of(summary, Wanted(outcome=None, code=None, limit=100, offset=200))
    assert [row["number"] for row in third["receipts"]] == [f"138****{n:04d}" for n in range(200, 300)]
    assert (third["total_entries"], third["where"], third["cut"]) == (1000, "file", False)
    refused = receipts_of(summary, Wanted(outcome="rejected", code=None, limit=30, offset=90))
    assert [row["number"] for row in refused["receipts"]] == [f"138****{n:04d}" for n in range(900, 1000, 10)]
    assert refused["total_entries"] == 100
    assert (
        receipts_of(summary, Wanted(outcome=None, code="isv.X", limit=5, offset=0))["total_entries"] is None
    )
    beyond = receipts_of(summary, Wanted(outcome=None, code=None, limit=5, offset=5000))
    assert beyond["receipts"] == []


def test_a_file_outside_of_the_folders_is_not_read(folder, tmp_path):
    outside = tmp_path / "elsewhere.jsonl"
    outside.write_text(json.dumps(receipt()) + "\n", encoding="utf-8")
    link = folder / "link.jsonl"
    link.symlink_to(outside)
    for path in (
        outside,
        link,
        folder / ".." / "elsewhere.jsonl",
        "/etc/passwd",
        "relative.jsonl",
        "s3://b/c.jsonl",
    ):
        assert not can_be_shown({"receipts_path": str(path)})
        with pytest.raises(NoReceiptsError):
            receipts_of({"receipts_path": str(path), "api": "SendBatchSms"}, ALL)


def test_folders_are_named_in_the_configuration_and_none_can_be_named(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    path = tmp_path / "one" / "c.jsonl"
    path.write_text(json.dumps(receipt()) + "\n", encoding="utf-8")
    summary = {"receipts_path": str(path), "api": "SendBatchSms"}
    monkeypatch.setenv("AIRFLOW__ALIYUN_SMS__RECEIPTS_FOLDERS", f"/nowhere, {tmp_path / 'one'}")
    assert len(receipts_of(summary, ALL)["receipts"]) == 1
    for nothing in ("", " ", ".", "relative/folder"):
        monkeypatch.setenv("AIRFLOW__ALIYUN_SMS__RECEIPTS_FOLDERS", nothing)
        assert not can_be_shown(summary)


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing", "unreadable"])
def test_what_is_no_ordinary_file_is_not_opened(folder, kind):
    path = folder / "c.jsonl"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "unreadable":
        path.symlink_to(path)
    began = time.monotonic()
    assert not can_be_shown({"receipts_path": str(path)})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "text",
    [
        "root:x:0:0:root:/root:/bin/bash\n",
        '{"password": "secret"}\n',
        '{"outcome": "secret", "time": null, "code": null}\n',
        '{"outcome": "accepted", "time": "secret"}\n',
        '{"outcome": "accepted", "code": 5, "time": null}\n',
        json.dumps(receipt()) + "\nsecret\n",
        "",
    ],
)
@pytest.mark.parametrize("name", ["c.jsonl", "c.csv", "c.parquet", "c.csv.gz", "c", "c.txt"])
def test_a_file_that_holds_anything_else_is_not_shown(folder, text, name):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    summary = {"receipts_path": str(path), "api": "SendBatchSms"}
    if not text and name.rpartition(".")[2] in ("jsonl", "csv", "txt", "c", "gz"):
        assert receipts_of(summary, ALL)["receipts"] == []
        return
    with pytest.raises(NoReceiptsError) as caught:
        receipts_of(summary, ALL)
    assert "secret" not in str(caught.value)


def test_values_of_fields_are_not_shown_as_they_are(file_of):
    odd = receipt(
        "not a number", biz_id="<script>", code="x" * 500 + "13800001234", out_id="secret", extra="secret"
    )
    (row,) = receipts_of(file_of([odd]), ALL)["receipts"]
    assert row["number"] == "***"
    assert row["biz_id"] is None
    assert set(row) == {"number", "outcome", "code", "meaning", "meaning_zh", "biz_id", "time"}
    assert "13800001234" not in json.dumps(row)
    assert "secret" not in json.dumps(row)
    assert len(row["code"]) <= 80


@pytest.mark.parametrize("api", [None, 5, "other", ["x"], {}])
@pytest.mark.parametrize(
    "inline", [[1], [None], ["13800001234"], [{}], [[]], [receipt(time=5)], [receipt(code=[])]]
)
def test_an_xcom_that_is_nonsense_is_no_receipts(api, inline):
    with pytest.raises(NoReceiptsError):
        receipts_of({"api": api, "receipts": inline}, ALL)
    for path in (None, 5, [], "", "\0", "/\0"):
        assert not can_be_shown({"api": api, "receipts_path": path})


def test_a_file_that_unpacks_to_very_much_takes_neither_memory_nor_time(folder, monkeypatch):
    monkeypatch.setattr(page, "LONGEST_READING", 0.5)
    path = folder / "c.jsonl.gz"
    line = (json.dumps(receipt()) + "\n").encode()
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(line * 10_000)
    summary = {"receipts_path": str(path), "api": "SendBatchSms"}
    began = time.monotonic()
    found = receipts_of(summary, Wanted(outcome="unknown", code=None, limit=10, offset=0))
    assert time.monotonic() - began < 5
    assert found["receipts"] == []
    assert found["cut"] is True
    assert found["total_entries"] is None
