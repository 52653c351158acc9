# SPDX-License-Identifier: Apache-2.0
"""The two stores of our own, on real files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

import pytest

from airflow_provider_aliyunsms.campaign.ledger.stores import MemoryStore, PathStore
from airflow_provider_aliyunsms.exceptions import LedgerError, LedgerStorageError


@pytest.fixture(params=["memory", "path"])
def store(request, tmp_path):
    return (
        MemoryStore() if request.param == "memory" else PathStore(root=tmp_path, campaign_id="dag/任务/run")
    )


def test_what_was_set_can_be_got_and_replaced(store):
    assert store.get("aliyun_sms.head") is None
    store.set("aliyun_sms.head", {"a": [1, "二"]})
    assert store.get("aliyun_sms.head") == {"a": [1, "二"]}
    store.set("aliyun_sms.head", {"a": 2})
    assert store.get("aliyun_sms.head") == {"a": 2}


def test_two_campaigns_share_a_folder_and_nothing_else(tmp_path):
    first, second = (PathStore(root=tmp_path, campaign_id=name) for name in ("one", "two"))
    first.set("k", 1)
    assert second.get("k") is None
    assert PathStore(root=tmp_path, campaign_id="one").get("k") == 1


def test_a_write_leaves_no_half_file_behind(tmp_path):
    store = PathStore(root=tmp_path, campaign_id="c")
    for value in range(5):
        store.set("k", value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["k.json"]


def test_a_broken_value_is_an_error_and_never_an_empty_ledger(tmp_path):
    store = PathStore(root=tmp_path, campaign_id="c")
    store.set("k", {"a": 1})
    (file,) = tmp_path.rglob("k.json")
    file.write_text('{"a": ')
    with pytest.raises(LedgerError, match="k is damaged"):
        store.get("k")


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/proc/self").exists(), reason="needs /proc to be unwritable"
)
def test_a_place_that_cannot_be_written_stops_the_sending():
    store = PathStore(root=Path("/proc/self/nowhere"), campaign_id="c")
    with pytest.raises(LedgerError, match="could not be written"):
        store.set("k", 1)


def test_a_storage_path_that_calls_itself_a_path_is_written_where_it_points(tmp_path):
    # as Airflow 2.11's ObjectStoragePath does, whose text is a URI

    class StoragePath(type(tmp_path)):
        protocol = "file"

        @property
        def path(self):
            return str(self)

        def __fspath__(self):
            return f"file://{self}"

    PathStore(root=StoragePath(tmp_path), campaign_id="spring").set("key", 1)
    assert PathStore(root=tmp_path, campaign_id="spring").get("key") == 1


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_hard_links_is_refused_with_a_clear_text(tmp_path, monkeypatch, number):
    """FAT, SMB and some FUSE file systems: without a link two tries could not tell which of them goes on."""

    def link(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    store = PathStore(root=tmp_path, campaign_id="c")
    with pytest.raises(LedgerError, match="has no hard links") as raised:
        store.create("k", 1)
    assert "NFS" in raised.value.advice
    assert store.get("k") is None


def storage(*, keeps=True, protocol="s3", fails_once=False):
    """Give a path on a storage that keeps the condition of a write, or takes every write, as some do."""
    from fsspec.implementations.memory import MemoryFileSystem

    class Storage(MemoryFileSystem):
        store: ClassVar = {}
        pseudo_dirs: ClassVar = [""]
        answers_lost: ClassVar = [fails_once]

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            super().pipe_file(path, value, mode=mode if keeps else "overwrite", **kwargs)
            if self.answers_lost.pop() if self.answers_lost else False:
                raise ConnectionResetError

    Storage.protocol = protocol

    class Folder:
        def __init__(self, path):
            self.fs, self.path = Storage(), path

        def __truediv__(self, name):
            return Folder(f"{self.path}/{name}")

    return Folder("/ledger")


@pytest.mark.parametrize(
    ("protocol", "alone"), [("s3", True), (("gs", "gcs"), True), ("abfs", True), ("oss", False)]
)
def test_of_two_claims_on_a_storage_that_keeps_the_condition_one_holds(protocol, alone):
    store = PathStore(root=storage(protocol=protocol), campaign_id="c")
    assert store.create("k", {"owner": "one"})
    assert store.claims_are_atomic is alone
    assert not store.create("k", {"owner": "two"})
    assert store.get("k") == {"owner": "one"}


def test_a_storage_shows_by_its_first_claim_that_it_ignores_the_condition_and_is_refused():
    store = PathStore(root=storage(keeps=False), campaign_id="c")
    for owner in ("one", "two"):
        with pytest.raises(LedgerStorageError, match="replaces a file") as raised:
            store.create("k", {"owner": owner})
        for way_out in ("s3://", "gs://", "oss://", "local disk", "NFS", "leave it out"):
            assert way_out in raised.value.advice


@pytest.mark.parametrize("protocol", ["sftp", "hdfs", "ftp", ("dbfs",), "webdav"])
def test_a_storage_that_knows_no_condition_is_refused_before_anything_is_asked_of_it(protocol):
    with pytest.raises(LedgerStorageError, match="is none that can create a file") as raised:
        PathStore(root=storage(protocol=protocol), campaign_id="c")
    assert raised.value.advice.startswith("Nothing was sent now.")


def test_a_package_of_a_storage_that_is_too_old_for_the_condition_is_refused():
    folder = storage()
    kind = type(folder.fs)
    plain = kind.__mro__[1].pipe_file
    kind.pipe_file = lambda self, path, value: plain(self, path, value)
    with pytest.raises(LedgerStorageError, match="too old"):
        PathStore(root=folder, campaign_id="c").create("k", {"owner": "one"})


def test_a_claim_whose_answer_was_lost_is_still_its_owners():
    store = PathStore(root=storage(fails_once=True), campaign_id="c")
    assert store.create("k", {"owner": "one"})
    assert not store.create("k", {"owner": "two"})
