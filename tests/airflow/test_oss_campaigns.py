# SPDX-License-Identifier: Apache-2.0
"""Campaigns whose audience, ledger and receipts are on OSS, and places that are none for a ledger."""

from __future__ import annotations

import json

import pytest
from launcher.oss import BUCKET, OssProcess

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

NUMBERS = [f"1380000{n:04d}" for n in range(1, 251)]
DAG = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

with DAG("{dag_id}", schedule=None) as dag:
    send = AliyunSendBatchSmsOperator(
        task_id="send", template_code="SMS_152550005", sign_name="测试签名", settle_time=2,
        **{send!r} | dict(retry_delay=timedelta(0)),
    )
    AliyunSmsDeliverySensor(
        task_id="wait", campaign=send.output, poke_interval=0.1, deferrable={deferrable}, retries=0
    )
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Return a function that starts an OSS server, with versioning or without, or finds it started."""
    started = {}

    def start(*, versioned=False):
        if versioned not in started:
            started[versioned] = OssProcess(folder=tmp_path_factory.mktemp("oss"), versioned=versioned)
            started[versioned].start()
        return started[versioned]

    yield start
    for server in started.values():
        server.end()


@pytest.fixture
def connect(airflow_db, set_connection):
    from airflow.sdk.io import store

    def define(server, **fields):
        store._STORE_CACHE.clear()
        given = {"login": "testid", "password": "testsecret", **fields}
        set_connection(conn_id="store", **given, extra={"oss_endpoint": server.endpoint})

    yield define
    store._STORE_CACHE.clear()


@pytest.fixture
def campaign(run_dag, aliyun_connection, tmp_path):
    """Run one send and its sensor; everything is below one folder of the bucket unless it is named."""

    def run(dag_id, *, deferrable=False, bucket=BUCKET, **given):
        root = f"oss://store@{bucket}/{tmp_path.name}"
        send = {"recipients": NUMBERS, "retries": 0, "ledger_path": f"{root}/ledger", **given}
        path = tmp_path / f"{dag_id}.py"
        path.write_text(DAG.format(dag_id=dag_id, send=send, deferrable=deferrable), encoding="utf-8")
        return run_dag(path)

    return run


def files(folder):
    from airflow_provider_aliyunsms.fs.oss import get_fs

    storage = get_fs("store")
    return {name: storage.cat_file(name) for name in storage.find(f"{BUCKET}/{folder}")}


@pytest.mark.parametrize("deferrable", [False, True])
def test_audience_ledger_and_receipts_are_on_oss_and_the_sensor_reads_them(
    campaign, connect, servers, simulator, tmp_path, deferrable, capfd
):
    from airflow_provider_aliyunsms.fs.oss import get_fs

    server, root = servers(), f"oss://store@{BUCKET}/{tmp_path.name}"
    connect(server)
    rows = "".join(f"{number},张三\n" for number in NUMBERS)
    get_fs("store").pipe_file(f"{BUCKET}/{tmp_path.name}/audience.csv", f"phone_number,name\n{rows}".encode())
    outcome = campaign(
        f"oss_whole_{deferrable}".lower(),
        deferrable=deferrable,
        recipients=f"{root}/audience.csv",
        receipts_path=f"{root}/receipts.jsonl",
    )
    assert outcome.state == "success"
    assert simulator.counts() == dict.fromkeys(NUMBERS, 1)
    assert outcome.xcom("send")["receipts_path"] == f"{root}/receipts.jsonl"
    assert outcome.xcom("wait")["delivered"] == len(NUMBERS)
    found = files(tmp_path.name)
    receipts = found[f"{BUCKET}/{tmp_path.name}/receipts.jsonl"].decode().splitlines()
    assert [json.loads(line)["phone_number"] for line in receipts] == NUMBERS
    ledger = {name: data for name, data in found.items() if "/ledger/" in name}
    assert len(ledger) > 3
    assert not [name for name, data in ledger.items() if NUMBERS[7].encode() in data]
    # What the policy in docs/storage.md allows is all that was asked for.
    assert server.known("calls") == {"oss:GetObject", "oss:PutObject", "oss:ListObjects"}
    out = "".join(capfd.readouterr())
    assert not [secret for secret in ("testsecret", "OSS4-HMAC", NUMBERS[7]) if secret in out]


def test_a_retry_goes_on_where_the_ledger_on_oss_ends(campaign, connect, servers, simulator):
    connect(servers())
    simulator.misbehave("drop_after", action="SendBatchSms", times=1, skip=1)
    simulator.misbehave("no_records", action="QuerySendDetails", times=3)
    outcome = campaign("oss_retried", chunk_size=50, retries=6, evidence_wait=0.1, max_concurrency=1)
    assert outcome.states["send"] == "success"
    assert outcome.tries["send"] > 1
    assert simulator.counts() == dict.fromkeys(NUMBERS, 1)


def test_a_bucket_with_versioning_is_refused_once_and_nothing_is_sent(
    campaign, connect, servers, simulator, capfd
):
    connect(servers(versioned=True))
    outcome = campaign("oss_versioned", retries=3)
    assert (outcome.states["send"], outcome.tries["send"]) == ("failed", 1)
    assert simulator.stats()["requests"] == {}
    out = capfd.readouterr().out
    assert "its bucket has or had versioning (OSS)" in out
    assert "Give ledger_path a place that can" in out


def test_a_bucket_with_versioning_may_have_the_receipts(campaign, connect, servers, simulator, tmp_path):
    connect(servers(versioned=True))
    outcome = campaign(
        "oss_versioned_receipts",
        ledger_path=str(tmp_path / "ledger"),
        receipts_path=f"oss://store@{BUCKET}/{tmp_path.name}/",
    )
    assert outcome.state == "success"
    assert outcome.xcom("wait")["delivered"] == len(NUMBERS)


@pytest.mark.parametrize(
    ("fields", "bucket"),
    [
        ({"password": "another-secret"}, BUCKET),
        ({"login": "notallowed"}, BUCKET),
        ({}, "nobodys-bucket"),
    ],
)
def test_a_wrong_key_and_a_missing_bucket_end_the_try_before_anything_is_sent(
    campaign, connect, servers, simulator, capfd, fields, bucket
):
    connect(servers(), **fields)
    outcome = campaign(f"oss_wrong_{bucket}_{'_'.join(fields)}".replace("-", "_"), bucket=bucket)
    assert outcome.states["send"] == "failed"
    assert simulator.stats()["requests"] == {}
    out = "".join(capfd.readouterr())
    assert "the ledger could not be" in out
    assert not [
        secret for secret in ("another-secret", "testsecret", "OSS4-HMAC", "StringToSign") if secret in out
    ]


def test_a_storage_without_conditional_writes_is_refused_before_the_audience_is_read(
    campaign, connect, servers, simulator, monkeypatch, capfd, tmp_path
):
    from airflow.sdk.io import fs
    from fsspec.implementations.memory import MemoryFileSystem
    from upath.implementations.memory import MemoryPath
    from upath.registry import register_implementation

    register_implementation("plainmem", MemoryPath, clobber=True)
    kind = type("Plain", (MemoryFileSystem,), {"protocol": "plainmem", "store": {}, "pseudo_dirs": [""]})
    known = {**fs._register_filesystems(), "plainmem": lambda conn_id, options: kind(**options)}
    monkeypatch.setattr(fs, "_register_filesystems", lambda: known)
    outcome = campaign(
        "storage_plain", retries=3, ledger_path="plainmem://l/l", recipients=str(tmp_path / "not_there.csv")
    )
    assert (outcome.states["send"], outcome.tries["send"]) == ("failed", 1)
    assert simulator.stats()["requests"] == {}
    assert kind.store == {}
    out = capfd.readouterr().out
    assert "is none that can create a file only if it does not exist" in out
    assert "s3://, gs://, abfs:// or oss://" in out
