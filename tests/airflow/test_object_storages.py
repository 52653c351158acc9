# SPDX-License-Identifier: Apache-2.0
"""A ledger on real servers that speak S3 and OSS, seen by two processes: here by two stores with a client each."""

from __future__ import annotations

import os

import pytest
from launcher.oss import OssProcess, oss_connection
from launcher.s3 import BUCKET, ENDPOINT, S3Process, teach_airflow

from airflow_provider_aliyunsms.audience.spool import ReceiptRun
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger import Ledger, Occasion, PathStore
from airflow_provider_aliyunsms.campaign.receipts import Receipts, read_receipts, write_receipts
from airflow_provider_aliyunsms.exceptions import LedgerError, LedgerStorageError
from airflow_provider_aliyunsms.hooks.storage import open_receipts, storage_path
from airflow_provider_aliyunsms.products import CHINA

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.fixture(scope="module", params=["s3", "oss"])
def protocol(request):
    return request.param


@pytest.fixture(scope="module")
def servers(protocol, airflow_home, tmp_path_factory):
    """Return a function that starts a server of a kind, or finds it started, and points Airflow to it."""
    from airflow.sdk.io import fs

    known, started = fs._register_filesystems, {}
    if protocol == "s3":
        teach_airflow()

    def start(*, careless=False):
        if careless not in started:
            folder = tmp_path_factory.mktemp("server")
            server = (
                S3Process(folder=folder, ignore_conditions=careless)
                if protocol == "s3"
                else OssProcess(folder=folder, versioned=careless)
            )
            started[careless] = server
            server.start()
        server = started[careless]
        os.environ.update({ENDPOINT: server.endpoint, **oss_connection(server.endpoint, conn_id="store")})
        return server

    yield start
    fs._register_filesystems = known
    for server in started.values():
        server.end()


@pytest.fixture
def store_on(protocol, servers, tmp_path):
    """Return a function that makes a ledger's store with a client of its own, like another process."""

    def make(*, careless=False):
        from airflow.sdk.io import store
        from s3fs import S3FileSystem

        servers(careless=careless)
        store._STORE_CACHE.clear()
        S3FileSystem.clear_instance_cache()
        root = f"{protocol}://store@{BUCKET}/{tmp_path.name}"
        return PathStore(root=storage_path(root), campaign_id="spring")

    return make


def test_what_one_process_has_written_another_one_reads_at_once(store_on):
    one, other = store_on(), store_on()
    assert other.get("aliyun_sms.head") is None, "looked for before it is there"
    one.set("aliyun_sms.head", {"a": [1, "二"]})
    assert other.get("aliyun_sms.head") == {"a": [1, "二"]}
    other.set("aliyun_sms.head", {"a": 2, "more": "x" * 5000})
    assert one.get("aliyun_sms.head") == {"a": 2, "more": "x" * 5000}, "and longer than it was"


def test_of_two_claims_one_holds(store_on):
    one, other = store_on(), store_on()
    assert one.create("claim", {"owner": "one"})
    assert not other.create("claim", {"owner": "other"})
    assert not one.create("claim", {"owner": "later"})
    assert one.get("claim") == other.get("claim") == {"owner": "one"}


def test_a_storage_that_takes_every_write_is_refused_by_the_first_claim(store_on):
    with pytest.raises(LedgerStorageError, match="replaces a file") as raised:
        store_on(careless=True).create("claim", {"owner": "one"})
    assert "oss:// (a bucket that never had versioning)" in raised.value.advice


def test_a_ledger_is_taken_over_by_the_next_try_and_its_first_process_finds_out(store_on):
    def begin(*, first_try):
        ledger = Ledger(store=store_on(), campaign_id="spring", fenced=True, clock=Clock())
        opening = ledger.open(occasion=Occasion(name="run#1", first_try=first_try))
        assert list(ledger.windows()) == []
        return ledger, opening.resumed

    first, resumed = begin(first_try=True)
    assert not resumed
    first.confirm()
    second, resumed = begin(first_try=False)
    assert resumed
    with pytest.raises(LedgerError, match="taken this campaign over"):
        first.confirm()
    second.close()


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv", "csv.gz", "parquet"])
def test_receipts_that_were_written_are_read_back(protocol, servers, tmp_path, ending):
    servers()
    path = f"{protocol}://store@{BUCKET}/{tmp_path.name}/receipts.{ending}"
    numbers = [f"138{number:08d}" for number in range(3000)]
    runs = iter([ReceiptRun(numbers, "accepted", None, "900", "af1", "2026-01-02T03:00:00Z")])
    with storage_path(path).open("wb") as stream:
        write_receipts(receipts=Receipts(runs=runs, product=CHINA, at="never"), path=path, stream=stream)
    with open_receipts(path) as stream:
        found = list(read_receipts(path=path, stream=stream, wanted=lambda _: True))
    assert [receipt["phone_number"] for _, receipt in found] == numbers
