# SPDX-License-Identifier: Apache-2.0
"""Open local paths and storage URIs, with the Airflow connection that a URI names."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from airflow_provider_aliyunsms.exceptions import ConfigurationError


def storage_path(path: str) -> Any:
    """
    Return a path object for a local path or a URI of any fsspec storage, with the connection the URI names.

    Makes no network call, as a rule.

    :raises ConfigurationError: no installed package knows the storage.
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
    """
    Open a local path or a URI for reading in binary.

    :raises ConfigurationError: no installed package knows the storage.
    """
    if "://" not in path:
        return Path(path).expanduser().open("rb")
    return cast("BinaryIO", storage_path(path).open("rb"))


def file_fingerprint(path: str) -> object:
    """
    Return a value that differs when a file has changed, made of its size, time and identity.

    :returns: as much of these as the storage knows; None when it cannot be asked.
    :raises ConfigurationError: no installed package knows the storage.
    """
    try:
        if "://" not in path:
            facts = Path(path).expanduser().stat()
            return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        target = storage_path(path)
        # Before info: storages cache their listings, and a second look would return the facts of the first one.
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
"""Names under which storages report size, time and identity of a file; each storage has some of them."""


def open_receipts(path: str) -> IO[bytes]:
    """
    Open a receipts file on a local disk or any fsspec storage for reading in binary.

    :raises ConfigurationError: the file cannot be found from this machine.
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
