# SPDX-License-Identifier: Apache-2.0
"""
Define the stores that a ledger can live in: anything with ``get(key)`` and ``set(key, value)``.

Airflow's ``task_state_store`` is such a store. The two classes here are for all other cases: a folder, or no
durable place at all. Only the main thread of a try uses a store.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_aliyunsms.exceptions import LedgerError, LedgerStorageError
from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADVICE = "Check that the ledger's storage can be reached and written, then clear the task: it resumes."
_ADVICE_DAMAGED = (
    "Nothing was sent now. Bring the file back from a copy. If there is none, look in the SMS console for what was "
    "sent; a new run with another campaign_id sends to all recipients again."
)
_SUFFIX: Final = ".json"
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

_DECIDE_ALONE: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Protocols whose fsspec packages know ``pipe_file(mode="create")`` as one conditional write."""

_CONDITIONAL: Final = _DECIDE_ALONE | {"oss"}
"""The same, with those whose documentation does not say which of two first writes at the same moment stays."""

_REFUSED: Final = (409, 412, "409", "412")
"""HTTP status with which a storage refuses a conditional write."""

_ELSEWHERE: Final = (
    "Nothing was sent now. Give ledger_path a place that can: s3://, gs://, abfs:// or oss:// (a bucket that never "
    "had versioning), a local disk or NFS; or leave it out on Airflow 3.3 or later, which keeps the ledger itself. "
    "Then trigger a new run: a cleared task would find no record of this try at the new place."
)


class Store(Protocol):
    """Keep JSON values under ASCII keys, durably."""

    def get(self, key: str) -> Any:
        """Return the value, None when there is none; an error must be raised and never be returned as None."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Write the value; when this returns, the value is durable."""
        ...


class StoragePath(Protocol):
    """Describe what :class:`PathStore` uses of a path: ``ObjectStoragePath`` and ``Path`` have it."""

    def __truediv__(self, name: str) -> StoragePath: ...


class MemoryStore:
    """Keep values until the process ends: for ``durable=False``, where no durable store is found, and dry runs."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> Any:
        """Return a copy of the value, None when there is none."""
        text = self._values.get(key)
        return None if text is None else json.loads(text)

    def set(self, key: str, value: Any) -> None:
        """Store a copy of the value."""
        self._values[key] = json.dumps(value)


class PathStore:
    """
    Keep one JSON file for each key, in a folder of one campaign on a local disk or any fsspec storage.

    A value is written as a whole or not at all: on a local disk it is written beside its file, flushed to the disk
    and renamed; an object storage replaces a whole object by itself. Values are read past fsspec's caches of folder
    listings, because a cached listing hides what another process has written.

    :param root: the folder given as ``ledger_path``.
    :param campaign_id: names the sub-folder. It is hashed, because it may hold any character.
    :raises LedgerStorageError: the storage is none of those that can create a file exclusively.
    """

    def __init__(self, *, root: StoragePath, campaign_id: str) -> None:
        name = hashlib.blake2b(campaign_id.encode(), digest_size=12).hexdigest()
        folder = root / name
        self._local = _local_folder(folder)
        self._remote = None if self._local is not None else _RemoteFolder(folder)
        self._made = False

    def get(self, key: str) -> Any:
        """
        Return the value, None when there is none.

        :raises LedgerError: the storage cannot be read, or the file is damaged; it does not count as missing.
        """
        with _explained("read", key=key):
            data = (
                _read(self._local / _file_name(key))
                if self._local
                else self._remote_folder.read(_file_name(key))
            )
            return None if data is None else json.loads(data)

    def set(self, key: str, value: Any) -> None:
        """
        Write the value; when this returns, it is durable.

        :raises LedgerError: the storage does not take it; then sending stops before the next call.
        """
        data = json.dumps(value, separators=(",", ":")).encode()
        with _explained("written", key=key):
            self._make_folder()
            if self._local is not None:
                _write_durably(path=self._local / _file_name(key), data=data)
            else:
                self._remote_folder.write(_file_name(key), data)

    def create(self, key: str, value: Any) -> bool:
        """
        Write a value durably unless the key exists; return False when it exists.

        Of two processes that create the same key at once, exactly one gets True: on a local disk by a hard link, on
        an object storage by a conditional write. A second such write shows whether the storage keeps the condition:
        some that speak S3 do not, and neither does a bucket of OSS that has, or ever had, versioning.

        :param value: one that no other process writes, so that a value that is found can be told from one's own.
        :raises LedgerStorageError: the storage takes conditional writes whose condition does not hold.
        :raises LedgerError: the storage does not take the value, or has no hard links.
        """
        data = json.dumps(value, separators=(",", ":")).encode()
        with _explained("written", key=key):
            self._make_folder()
            if self._local is not None:
                return _write_durably(path=self._local / _file_name(key), data=data, only_new=True)
            return self._remote_folder.create(_file_name(key), data)

    def names(self) -> list[str]:
        """
        Return the names of all keys that have a value, in no order; one that is made meanwhile may be missing.

        :raises LedgerError: the folder cannot be listed; a folder that does not exist has no keys.
        """
        with _explained("listed", key="folder"):
            names = _names(self._local) if self._local is not None else self._remote_folder.names()
            # Without the files that another process is about to rename.
            return [name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX) and name[0] != "."]

    @property
    def claims_are_atomic(self) -> bool:
        """
        Whether :meth:`create` alone decides between two processes.

        On OSS its owner is looked at again before each write: OSS says that it refuses to replace a file, but not
        what it does with two first writes at the same moment.
        """
        return self._local is not None or self._remote_folder.decides_alone

    @property
    def _remote_folder(self) -> _RemoteFolder:
        if self._remote is None:
            raise RuntimeError("the folder is local")
        return self._remote

    def _make_folder(self) -> None:
        if not self._made:
            if self._local is not None:
                make_private_folder(self._local)
            else:
                self._remote_folder.make()
            self._made = True


class _RemoteFolder:
    """
    Read and write files of one folder through fsspec.

    :param folder: an ``ObjectStoragePath``.
    :raises LedgerError: the path is of another kind.
    :raises LedgerStorageError: the storage is none of those that can create a file exclusively.
    """

    def __init__(self, folder: StoragePath) -> None:
        self._fs: Any = getattr(folder, "fs", None)
        self._path = str(getattr(folder, "path", "")).rstrip("/")
        protocol = getattr(self._fs, "protocol", "")
        self._protocols = {protocol} if isinstance(protocol, str) else {*protocol}
        if self._fs is None or not self._path:
            raise LedgerError(
                f"a ledger cannot be kept at a path of type {type(folder).__name__}",
                advice="Give ledger_path a local folder or the URI of a storage that fsspec knows.",
            )

        if not self._protocols & _CONDITIONAL:
            # Without it two tries that start together would both send. No wait makes up for it: a write that is
            # slower than the wait puts a claim over one that its owner has read back already.
            raise LedgerStorageError(
                "the storage of ledger_path is none that can create a file only if it does not exist, so two tries "
                "could not tell which of them goes on",
                advice=_ELSEWHERE,
            )

    @property
    def decides_alone(self) -> bool:
        """Whether of two processes that create a file at the same moment, only one can believe that it has."""
        return bool(self._protocols & _DECIDE_ALONE)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, None when there is none."""
        try:
            # Not open(): it asks for the size first, and may take that from a listing made before the file was.
            return bytes(self._fs.cat_file(f"{self._path}/{name}"))
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """Return the names of the files."""
        # What another process has written since the last listing must be in it.
        self._fs.invalidate_cache()
        try:
            return [path.rstrip("/").rpartition("/")[2] for path in self._fs.ls(self._path, detail=False)]
        except FileNotFoundError:
            return []
        finally:
            # Left there, the listing would hide what others write from now on: s3fs asks it before it reads a file.
            self._fs.invalidate_cache()

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        self._fs.pipe_file(f"{self._path}/{name}", data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless it exists; return False when it exists."""
        try:
            self._write_new(name, data)
        except TypeError:
            # A version of the storage's package that does not know the condition.
            raise _takes_everything() from None
        except Exception:
            # The storages tell a lost race by errors of their own, and a write that was repeated after a lost
            # response is refused for its own sake. Whose file it is, is decided by what is there.
            if self.read(name) is None:
                raise
        # Read back, because a version of the storage's package that ignores the condition overwrites.
        if self.read(name) != data:
            return False
        # Of two processes that write at once, both can read their own value back where the storage takes every
        # write. So the same write is made again: where the condition is kept, it is refused.
        if not self._refuses(name, data):
            raise _takes_everything()
        return True

    def _refuses(self, name: str, data: bytes) -> bool:
        try:
            self._write_new(name, data)
        except FileExistsError:
            return True
        except Exception as error:
            if any(getattr(error, field, None) in _REFUSED for field in ("status", "code")):
                return True
            # Neither taken nor clearly refused, as when the connection breaks: it proves nothing.
            raise
        return False

    def _write_new(self, name: str, data: bytes) -> None:
        self._fs.pipe_file(f"{self._path}/{name}", data, mode="create")

    def make(self) -> None:
        """Make the folder, where the storage has folders."""
        self._fs.makedirs(self._path, exist_ok=True)


def create_once(store: Store, key: str, value: Any) -> bool:
    """
    Write a value unless the key exists, as exclusively as the store can.

    :returns: False when the key exists.
    """
    if isinstance(store, PathStore):
        return store.create(key, value)
    if store.get(key) is not None:
        return False
    store.set(key, value)
    # Another process may have found the key missing at the same moment. Of two writes the later one stays.
    return bool(store.get(key) == value)


def _takes_everything() -> LedgerStorageError:
    return LedgerStorageError(
        "the storage of ledger_path replaces a file that it was told not to replace, so two tries could not tell "
        "which of them goes on: it ignores conditional writes, its bucket has or had versioning (OSS), or its fsspec "
        "package is too old",
        advice=_ELSEWHERE,
    )


@contextmanager
def _explained(done: str, *, key: str) -> Iterator[None]:
    try:
        yield
    except (LedgerError, LedgerStorageError):
        raise
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LedgerError(
            f"the ledger's {key} is damaged ({type(error).__name__})", advice=_ADVICE_DAMAGED
        ) from error
    # A storage's package may raise anything; whatever it is, nothing is certain after it, so nothing may be sent.
    except Exception as error:
        raise LedgerError(
            f"the ledger could not be {done} ({type(error).__name__})", advice=_ADVICE
        ) from error


def _local_folder(folder: StoragePath) -> Path | None:
    # The protocol first: below Airflow 3 an fsspec path is an instance of Path, and os.open cannot use it.
    protocol = getattr(folder, "protocol", None)
    if protocol in ("file", "local"):
        return Path(str(getattr(folder, "path")))  # noqa: B009 - only fsspec paths have it
    return folder if protocol is None and isinstance(folder, Path) else None


def _file_name(key: str) -> str:
    return f"{key}{_SUFFIX}"


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write_durably(*, path: Path, data: bytes, only_new: bool = False) -> bool:
    """Write a file that appears whole or not at all; return False when it exists and must not be replaced."""
    # A random name, so that two processes never write into the same temporary file.
    with file_beside(path) as (beside, stream):
        stream.write(data)
        stream.flush()
        # Before the file gets its final name. The other way round a power failure could leave an empty file under
        # that name: the ledger could not be read, and no try could send until the file is repaired by hand.
        os.fsync(stream.fileno())
        if only_new:
            # A rename would replace the file that another process made a moment ago; a link fails instead. With a
            # rename two tries could claim the same epoch, and both would send to the same recipients.
            try:
                _link(beside, path)
            except FileExistsError:
                return False
        else:
            beside.replace(path)
    # The new name, too, has to reach the disk before this returns, because calls are made right after. Otherwise a
    # power failure could undo the rename: the intents of messages that were sent would be gone, and their
    # recipients would get a second message.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise LedgerError(
            "the file system of ledger_path has no hard links, so two tries could not tell which of them goes on",
            advice="Put ledger_path on a local disk, on NFS, or on an object storage.",
        ) from error
