# SPDX-License-Identifier: Apache-2.0
"""Open local paths and storage URIs, with the Airflow connection that a URI names."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from airflow_provider_aliyunsms.exceptions import ConfigurationError


def check_place(path: str) -> None:
    """
    Refuse a path or URI that may lead somewhere else than its author meant; looks at the text alone.

    A part of it may come from outside, such as a run id. So no part may be ``..``. fsspec would follow chained URIs
    (``zip://a::https://...``), and a password in a URI would be shown wherever the path is.

    :raises ConfigurationError: it is such a path.
    """
    problem = next((problem for problem, found in _PROBLEMS if found.search(path)), None)
    if problem is not None:
        raise ConfigurationError(
            f"a path {problem}",
            advice="Write an absolute path, or a URI such as s3://conn_id@bucket/key.csv whose connection has the "
            "credentials.",
        )


_PROBLEMS = (
    ("has a part that is ..", re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")),
    ("has a control character in it", re.compile(r"[\x00-\x1f\x7f]")),
    ("chains several storages with ::", re.compile(r"^[A-Za-z0-9+.-]*::|://.*::")),
    ("has a password in it", re.compile(r"^[A-Za-z0-9+.-]+://[^/@]*:[^/@]*@")),
)
_BUFFER = 256 * 1024
_WITHOUT_CONNECTION = re.compile(r"oss://[^/@]+(?:/|$)")
_OSS_CONNECTION = "aliyun_sms_default"
"""The connection of an ``oss://`` path that names none."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}")


def storage_path(path: str) -> Any:
    """
    Return a path object for a local path or a URI of any fsspec storage, with the connection the URI names.

    Makes no network call, as a rule. Storages are those that Airflow knows: local files, and what its installed
    providers bring. So ``http:`` and ``ftp:`` are none, although fsspec could read from them.

    :raises ConfigurationError: no installed package knows the storage, one that it needs cannot be imported, or
        :func:`check_place` refuses the path.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    check_place(path)
    # Made absolute without following links: a link at the place of a file is to be replaced, not written through.
    uri = path if "://" in path else f"file://{Path(path).expanduser().absolute()}"
    try:
        # Named, because without a connection some versions of Airflow read and write past a provider's storage.
        named = {"conn_id": _OSS_CONNECTION} if _WITHOUT_CONNECTION.match(uri) else {}
        target = ObjectStoragePath(uri, **named)
        _ = target.fs
    except ValueError:
        problem = "nothing that is installed here knows the storage {}"
    except ImportError as error:
        # The name of the module alone: what else the error says may repeat the URI.
        problem = f"the storage {{}} needs {error.name or 'a package'}, which cannot be imported here"
    else:
        return target
    # Outside the except clauses: the error of the library repeats the whole URI.
    scheme = path.partition("://")[0]
    raise ConfigurationError(
        problem.format(f"{scheme}://" if _SCHEME.fullmatch(scheme) else "that the path names"),
        advice="Install the Airflow provider that brings it, such as apache-airflow-providers-amazon for s3://, "
        'or "airflow-provider-aliyunsms[oss]" for oss://. A file on a web server has to be copied to a storage '
        "first.",
    )


def open_binary(path: str) -> BinaryIO:
    """
    Open a local path or a URI for reading in binary.

    :raises ConfigurationError: no installed package knows the storage, or :func:`check_place` refuses the path.
    """
    check_place(path)
    if "://" not in path:
        return Path(path).expanduser().open("rb")
    # The files of fsspec are no complete binary files: readline() of most takes no limit, and without one a line that
    # never ends would be read into memory.
    return cast("BinaryIO", io.BufferedReader(storage_path(path).open("rb"), buffer_size=_BUFFER))


def file_fingerprint(path: str) -> object:
    """
    Return a value that differs when a file has changed, made of its size, time and identity.

    :returns: as much of these as the storage knows; None when it cannot be asked.
    :raises ConfigurationError: no installed package knows the storage, or :func:`check_place` refuses the path.
    """
    check_place(path)
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

    :raises ConfigurationError: the file cannot be found from this machine, or nothing installed knows the storage.
    """
    try:
        return open_binary(path)
    except FileNotFoundError:
        raise ConfigurationError(
            "the receipts file of the campaign is not there",
            advice="A local receipts_path is seen by one machine only: give the send operator a receipts_path on a "
            "storage that all workers and the triggerer can read.",
        ) from None
