# SPDX-License-Identifier: Apache-2.0
"""A storage that needs a connection: the one its URI names is the one it gets, for reading and for writing."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.airflow

NUMBERS = [f"1380000{n:04d}" for n in range(1, 251)]
DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

with DAG("{dag_id}", schedule=None) as dag:
    send = AliyunSendBatchSmsOperator(
        task_id="send", template_code="SMS_152550005", sign_name="测试签名", retries=0,
        recipients={recipients!r}, receipts_path={receipts!r}, ledger_path={ledger!r},
    )
    AliyunSmsDeliverySensor(task_id="wait", campaign=send.output, poke_interval=0.1)
"""


@pytest.fixture
def storage(airflow_db, monkeypatch):
    """Make ``memcon://`` known to Airflow, as a provider would; gives its storages by connection."""
    from airflow.sdk.io import fs, store
    from fsspec.implementations.memory import MemoryFileSystem
    from upath.implementations.memory import MemoryPath
    from upath.registry import register_implementation

    register_implementation("memcon", MemoryPath, clobber=True)
    storages = {}

    def get_fs(conn_id, storage_options):
        if conn_id not in storages:
            # every connection is an account of its own: nothing of one can be seen through another
            kind = type(
                "Storage",
                (MemoryFileSystem,),
                {"protocol": ("memcon", "memory"), "store": {}, "pseudo_dirs": [""]},
            )
            storages[conn_id] = kind(**storage_options)
        return storages[conn_id]

    known = {**fs._register_filesystems(), "memcon": get_fs}
    monkeypatch.setattr(fs, "_register_filesystems", lambda: known)
    yield storages
    for alias in [alias for alias in store._STORE_CACHE if alias.startswith("memcon")]:
        del store._STORE_CACHE[alias]


@pytest.fixture
def run_task(run_dag, tmp_path):
    def run(dag_id, **places):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(DAG.format(dag_id=dag_id, **places), encoding="utf-8")
        return run_dag(path)

    return run


def put_audience(storages, conn_id):
    from airflow.sdk import ObjectStoragePath

    lines = "".join(f"{number},张三\n" for number in NUMBERS)
    path = ObjectStoragePath(f"memcon://{conn_id}@audience/a.csv")
    path.fs.pipe_file(path.path, f"phone_number,name\n{lines}".encode())
    assert list(storages) == [conn_id]


def test_audience_ledger_and_receipts_use_the_connection_in_their_uri(
    run_task, simulator, aliyun_connection, storage
):
    put_audience(storage, "store")
    receipts = "memcon://store@receipts/r.jsonl"
    outcome = run_task(
        "storage_one",
        recipients="memcon://store@audience/a.csv",
        receipts=receipts,
        ledger="memcon://store@ledger/here",
    )
    assert outcome.state == "success"
    assert simulator.counts() == dict.fromkeys(NUMBERS, 1)
    assert outcome.xcom("send")["receipts_path"] == receipts
    assert outcome.xcom("wait")["delivered"] == len(NUMBERS)
    assert list(storage) == ["store"], "no other connection, and never none"
    lines = storage["store"].cat_file("/receipts/r.jsonl").decode().splitlines()
    assert [json.loads(line)["phone_number"] for line in lines] == NUMBERS
    assert storage["store"].find("/ledger/here")


def test_two_connections_are_kept_apart(run_task, simulator, aliyun_connection, storage):
    put_audience(storage, "read_only")
    outcome = run_task(
        "storage_two",
        recipients="memcon://read_only@audience/a.csv",
        receipts="memcon://store@receipts/r.jsonl",
        ledger=None,
    )
    assert outcome.state == "success"
    assert simulator.counts() == dict.fromkeys(NUMBERS, 1)
    assert sorted(storage) == ["read_only", "store"]
    assert storage["store"].find("/") == ["/receipts/r.jsonl", "/receipts/r.jsonl.owner"]
    assert storage["read_only"].find("/") == ["/audience/a.csv"]


def test_a_connection_without_the_file_sends_nothing(run_task, simulator, aliyun_connection, storage):
    put_audience(storage, "store")
    outcome = run_task(
        "storage_other", recipients="memcon://other@audience/a.csv", receipts=None, ledger=None
    )
    assert outcome.states["send"] == "failed"
    assert sorted(storage) == ["other", "store"]
    assert simulator.stats()["requests"] == {}
