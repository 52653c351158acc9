# SPDX-License-Identifier: Apache-2.0
"""Audience, ledger and receipts on a real S3 server, from the send to the sensor."""

from __future__ import annotations

import pandas
import pytest
import s3fs
from launcher.s3 import BUCKET, ENDPOINT, S3Process, teach_airflow

pytestmark = pytest.mark.airflow

PEOPLE = [f"1380009{number:04d}" for number in range(1001, 1041)]
DAG_FILE = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

with DAG({dag_id!r}, schedule=None) as dag:
    send = AliyunSendBatchSmsOperator.partial(
        task_id="send", template_code="SMS_1", sign_name="测试", chunk_size=5, retries=0,
        receipts_path={receipts!r}, ledger_path={ledger!r},
    ).expand(recipients={audiences!r})
    AliyunSmsDeliverySensor(
        task_id="delivered", campaign=send.output, poke_interval=1, timeout=60, max_qps=None, retries=0
    )
"""


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Run the server, and give a client of it."""
    server = S3Process(folder=tmp_path_factory.mktemp("s3"))
    server.start()
    try:
        yield s3fs.S3FileSystem(
            endpoint_url=server.endpoint, key="testid", secret="testsecret", skip_instance_cache=True
        )
    finally:
        server.end()


@pytest.fixture
def on_s3(storage, monkeypatch):
    """Register ``s3://`` as a provider does; without it this process has no credentials for the server."""
    from airflow.sdk.io import fs

    monkeypatch.setenv(ENDPOINT, storage.endpoint_url)
    monkeypatch.setattr(fs, "_register_filesystems", fs._register_filesystems)
    teach_airflow()
    return storage


def _write(storage, path, people):
    frame = pandas.DataFrame({"phone_number": people})
    with storage.open(path, "wb") as stream:
        if path.endswith(".parquet"):
            frame.to_parquet(stream)
        elif path.endswith(".xlsx"):
            frame.to_excel(stream, index=False)
        elif ".jsonl" in path:
            frame.to_json(stream, orient="records", lines=True)
        else:
            frame.to_csv(stream, index=False, compression="gzip" if path.endswith(".gz") else None)


@pytest.mark.parametrize(
    ("audience", "receipts"),
    [
        *((audience, ".jsonl") for audience in (".csv", ".csv.gz", ".jsonl", ".parquet", ".xlsx")),
        *((".csv", receipts) for receipts in ("/", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")),
    ],
)
def test_a_campaign_whose_files_are_all_on_object_storage(
    on_s3, run_dag, simulator, aliyun_connection, tmp_path, audience, receipts
):
    name = f"all{audience}{receipts}".replace(".", "_").strip("/")
    parts = (PEOPLE[:25], PEOPLE[25:])
    paths = [f"{BUCKET}/{name}/people-{number}{audience}" for number in range(2)]
    for path, people in zip(paths, parts, strict=True):
        _write(on_s3, path, people)
    own = "" if receipts == "/" else "/{{ ti.map_index }}"
    file = tmp_path / "campaign.py"
    file.write_text(
        DAG_FILE.format(
            dag_id=name,
            receipts=f"s3://{BUCKET}/{name}{own}{receipts}",
            ledger=f"s3://{BUCKET}/{name}-ledger",
            audiences=[f"s3://{path}" for path in paths],
        ),
        encoding="utf-8",
    )
    outcome = run_dag(file)
    assert outcome.state == "success", outcome.states
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert outcome.xcom("delivered")["delivered"] == len(PEOPLE)
    assert "receipts_host" not in outcome.xcom("send[0]"), "everybody finds them"


@pytest.mark.parametrize("place", ["empty", f"{BUCKET}/learned", f"{BUCKET}/deep/learned"])
def test_the_first_learned_numbers_go_into_an_empty_bucket_or_folder(storage, place):
    """An object storage has no folder before there is something in it."""
    from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumber, LearnedNumbers

    if place == "empty":
        storage.mkdir(place)

    class Folder:
        path, fs, protocol = place, storage, "s3"

        def __truediv__(self, name):
            return f"s3://{place}/{name}"

    folder, found = LearnedNumbers(Folder()), [LearnedNumber("8613800000001", "MOBILE_IN_BLACK")]
    assert folder.paths() == []
    assert [folder.add(found), folder.add(found)] == [1, 1]
    (path,) = folder.paths()
    assert storage.cat_file(path) == b"phone_number,code\n+8613800000001,MOBILE_IN_BLACK\n"
