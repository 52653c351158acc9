# SPDX-License-Identifier: Apache-2.0
"""Open paths and URIs with Airflow's storage connections."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from airflow_provider_aliyunsms.exceptions import ConfigurationError


def storage_path(path: str) -> Any:
    """
    Return a path on any fsspec storage, with the connection its URI names; no network as a rule.

    :raises ConfigurationError: nothing installed knows the storage.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    uri = path if "://" in path else f"file://{Path(path).expanduser().resolve()}"
    try:
        target = ObjectStoragePath(uri)
        _ = target.fs
    except (ValueError, ImportError):
        raise ConfigurationError(
            f"nothing that is installed here knows the storage {path.partition('://')[0]}://",
            advice="Install the Airflow provider that brings it, such as apache-airflow-providers-amazon for s3://.",
        ) from None
    return target


def open_binary(path: str) -> BinaryIO:
    """Open a local path or a URI for reading."""
    if "://" not in path:
        return Path(path).expanduser().open("rb")
    return cast("BinaryIO", storage_path(path).open("rb"))


def file_fingerprint(path: str) -> object:
    """
    Return what differs when a file has changed: size, time and identity, as far as its storage tells.

    :returns: None when the storage tells nothing.
    """
    try:
        if "://" not in path:
            facts = Path(path).expanduser().stat()
            return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        target = storage_path(path)
        # Listings are cached, and the second look must not be answered with the first.
        target.fs.invalidate_cache(target.fs._parent(target.path))
        known = target.fs.info(target.path)
    except (OSError, NotImplementedError):
        return None
    return tuple(str(known.get(name)) for name in _IDENTITY)


_IDENTITY = (
    "size",
    "ETag",
    "etag",
    "e_tag",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "created",
    "generation",
    "VersionId",
    "ino",
)
"""What storages call it; each has some of them."""


def open_receipts(path: str) -> IO[bytes]:
    """
    Open a receipts file on a local disk or any fsspec storage.

    :raises ConfigurationError: there is no such file here.
    """
    try:
        if "://" not in path:
            return Path(path).expanduser().open("rb")
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        storage: Any = ObjectStoragePath
        return cast("IO[bytes]", storage(path).open("rb"))
    except FileNotFoundError:
        raise ConfigurationError(
            "the receipts file of the campaign is not there",
            advice="A local receipts_path is seen by one machine only: give the send operator a receipts_path on a "
            "storage that all workers and the triggerer can read.",
        ) from None
