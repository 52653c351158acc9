# SPDX-License-Identifier: Apache-2.0
"""Where recipients, receipts and ledger may be, and what their files look like to others on the machine."""

from __future__ import annotations

import json
import os
import stat

import pytest

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.hooks.storage import (
    check_place,
    file_fingerprint,
    open_binary,
    open_receipts,
    storage_path,
)

pytestmark = pytest.mark.airflow

NUMBERS = [f"1380000{n:04d}" for n in range(1, 121)]

STRANGE = [
    "http://127.0.0.1:9/x.csv",
    "https://evil.example/x.jsonl",
    "ftp://evil.example/x.csv",
    "github://a@b/c.csv",
    "data://x.csv",
    "nonsense://x.csv",
    "simplecache::http://127.0.0.1:9/x.csv",
    "zip://a.csv::http://127.0.0.1:9/x.zip",
    "zip://a.csv::/etc/x.zip",
    "filecache::s3://bucket/x.csv",
    "file:///tmp/../etc/x.csv",
    "../x.csv",
    "/data/../etc/x.csv",
    "a/..",
    "..\\x.csv",
    "s3://key:secret@bucket/x.csv",
    "/tmp/a\x00b.csv",
    "/tmp/a\nb.csv",
]


@pytest.mark.parametrize("path", STRANGE)
@pytest.mark.parametrize("use", [storage_path, open_binary, file_fingerprint, open_receipts])
def test_a_place_that_is_no_storage_of_ours_is_refused(use, path):
    with pytest.raises(ConfigurationError) as caught:
        use(path)
    assert caught.value.advice
    for hidden in ("evil", "secret", "127.0.0.1", "etc"):
        assert hidden not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "path", ["/data/a..b/x.csv", "x..csv", "/data/...", "s3://conn@bucket/a:b/x.csv", "a::b.csv"]
)
def test_usual_places_are_not(path):
    if path == "a::b.csv":
        with pytest.raises(ConfigurationError):
            check_place(path)
        return
    check_place(path)


@pytest.fixture
def send(run_dag, aliyun_connection, tmp_path):
    def run(**parameters):
        from airflow.sdk import DAG

        from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

        given = {"recipients": NUMBERS, "template_code": "SMS_1", "sign_name": "测试"}
        with DAG("places") as dag:
            AliyunSendBatchSmsOperator(task_id="send", **{**given, **parameters})
        return run_dag(dag)

    return run


@pytest.mark.parametrize("parameter", ["recipients", "receipts_path", "ledger_path"])
@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:9/x.jsonl", "zip://a.jsonl::http://127.0.0.1:9/", "/t/../x.jsonl"]
)
def test_nothing_is_sent_with_such_a_place(send, simulator, parameter, path):
    outcome = send(**{parameter: path})
    assert outcome.states == {"send": "failed"}
    assert simulator.stats()["accepted"] == 0


@pytest.mark.parametrize(
    "campaign_id", ["../../../outside", "..", "a/../../b", "/etc/passwd", "\\..\\x", "."]
)
def test_a_campaign_id_leads_nowhere(send, simulator, tmp_path, campaign_id):
    root = tmp_path / "deep" / "deeper"
    outcome = send(campaign_id=campaign_id, receipts_path=str(root / "r"), ledger_path=str(root / "l"))
    assert outcome.states == {"send": "success"}
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert found
    assert all(path.is_relative_to(root) for path in found)
    assert outcome.xcom("send")["receipts_path"].startswith(str(root / "r"))


def test_a_run_id_that_climbs_is_refused_before_anything_is_sent(send, simulator, tmp_path):
    outcome = send(receipts_path=str(tmp_path / "{{ params.part }}" / "r.jsonl"), params={"part": "../.."})
    assert outcome.states == {"send": "failed"}
    assert simulator.stats()["accepted"] == 0


def modes(root):
    return {
        (path.relative_to(root).as_posix(), stat.S_IMODE(path.stat().st_mode)) for path in root.rglob("*")
    }


@pytest.mark.parametrize("ending", ["", ".csv", ".csv.gz", ".jsonl", ".parquet"])
def test_files_are_for_their_owner_alone(send, simulator, tmp_path, ending):
    old = os.umask(0)
    try:
        place = tmp_path / "new" / "receipts"
        send(
            receipts_path=f"{place}{f'/r{ending}' if ending else ''}",
            ledger_path=str(tmp_path / "new" / "ledger"),
        )
    finally:
        os.umask(old)
    found = modes(tmp_path)
    assert {mode for name, mode in found if (tmp_path / name).is_dir()} == {0o700}
    assert {mode for name, mode in found if (tmp_path / name).is_file()} == {0o600}
    assert not [name for name, _ in found if name.rpartition("/")[2].startswith(".")]


def test_links_where_receipts_are_written_are_replaced(send, simulator, tmp_path):
    """In a folder where others may write, a link at the place of the receipts could lead anywhere."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    place = tmp_path / "r.jsonl"
    place.symlink_to(victim)
    outcome = send(receipts_path=str(place))
    assert outcome.states == {"send": "success"}
    assert victim.read_text() == "mine"
    assert not place.is_symlink()
    assert len([json.loads(line) for line in place.read_text().splitlines()]) == len(NUMBERS)


def test_receipts_a_sensor_cannot_open_are_an_error_of_ours(run_dag, aliyun_connection, simulator):
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

    campaign = {
        "campaign_id": "c",
        "api": "SendBatchSms",
        "accepted": 1,
        "finished_at": "2026-01-02T03:00:00Z",
        "receipts_path": "nonsense://r.jsonl",
    }
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign)
    with pytest.raises(ConfigurationError, match="knows the storage"):
        sensor.execute({})
    with DAG("strange") as dag:
        AliyunSmsDeliverySensor(task_id="wait", campaign=campaign)
    assert run_dag(dag).states == {"wait": "failed"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ImportError("no way to s3://bucket/secret", name="s3fs"),
            "s3:// needs s3fs, which cannot be imported",
        ),
        (ImportError("no way to s3://bucket/secret"), "s3:// needs a package, which cannot be imported"),
        (
            ValueError("no way to s3://bucket/secret"),
            "nothing that is installed here knows the storage s3://",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_says_why(airflow_db, monkeypatch, error, told):
    from airflow.sdk.io import fs, store

    def get_fs(conn_id, storage_options):
        raise error

    known = {**fs._register_filesystems(), "s3": get_fs}
    monkeypatch.setattr(fs, "_register_filesystems", lambda: known)
    monkeypatch.setattr(store, "_STORE_CACHE", {})
    with pytest.raises(ConfigurationError, match=told) as caught:
        storage_path("s3://bucket/secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
