# SPDX-License-Identifier: Apache-2.0
"""The two stores of our own, on real files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

import pytest

from airflow_provider_aliyunsms.campaign.ledger.stores import MemoryStore, PathStore
from airflow_provider_aliyunsms.exceptions import LedgerError


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


def storage(tmp_path, *, keeps):
    """Give a path on a storage that keeps the condition of a write, or takes every write, as some do."""
    from fsspec.implementations.memory import MemoryFileSystem

    class Storage(MemoryFileSystem):
        protocol = "s3"
        store: ClassVar = {}
        pseudo_dirs: ClassVar = [""]

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            return super().pipe_file(path, value, mode=mode if keeps else "overwrite", **kwargs)

    class Folder:
        def __init__(self, path):
            self.fs, self.path = Storage(), path

        def __truediv__(self, name):
            return Folder(f"{self.path}/{name}")

    return Folder("/ledger")


@pytest.mark.parametrize("keeps", [True, False])
def test_a_storage_shows_by_its_first_claim_whether_it_keeps_the_condition(tmp_path, keeps):
    store = PathStore(root=storage(tmp_path, keeps=keeps), campaign_id="c", claim_wait=0.0)
    assert store.create("k", {"owner": "one"})
    assert store.claims_are_atomic is keeps
    assert not store.create("k", {"owner": "two"})
    assert store.get("k") == {"owner": "one"}
