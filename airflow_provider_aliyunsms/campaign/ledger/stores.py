# SPDX-License-Identifier: Apache-2.0
"""
Places a ledger can live in: anything with ``get(key)`` and ``set(key, value)``.

Airflow's ``task_state_store`` is one already; the two here are for everything else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import IO, Any, Protocol

from airflow_provider_aliyunsms.exceptions import LedgerError

_ADVICE = "Check that the ledger's storage can be reached and written, then clear the task: it resumes."


class Store(Protocol):
    """A durable mapping of ASCII keys to JSON values."""

    def get(self, key: str) -> Any:
        """Return the value, None when there is none."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep the value durably before returning."""
        ...


class AnyPath(Protocol):
    """What :class:`PathStore` needs of a path: ``ObjectStoragePath`` and ``pathlib.Path`` both have it."""

    def __truediv__(self, name: str) -> AnyPath: ...

    def open(self, mode: str) -> IO[Any]:
        """Open the file."""
        ...

    def mkdir(self, *, parents: bool, exist_ok: bool) -> None:
        """Make the folder."""
        ...


class MemoryStore:
    """Keeps nothing beyond the process: for ``durable=False`` and for tests."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> Any:
        """Return the value, None when there is none."""
        text = self._values.get(key)
        return None if text is None else json.loads(text)

    def set(self, key: str, value: Any) -> None:
        """Keep a copy of the value."""
        self._values[key] = json.dumps(value)


class PathStore:
    """
    One JSON file per key in a folder of one campaign, on a local disk or any fsspec storage.

    On a local disk a value is written beside its file, flushed to the disk and renamed, so that a crash leaves the
    old value or the new one. Object stores replace a whole object by themselves.

    :param root: the folder given as ``ledger_path``.
    :param campaign_id: names the sub-folder, hashed because it may hold any character.
    """

    def __init__(self, *, root: AnyPath, campaign_id: str) -> None:
        name = hashlib.blake2b(campaign_id.encode(), digest_size=12).hexdigest()
        self._folder = root / name
        self._local = _local_folder(self._folder)
        self._made = False

    def get(self, key: str) -> Any:
        """
        Return the value, None when there is none.

        :raises LedgerError: when the storage cannot be read or holds something else; nothing is assumed then.
        """
        try:
            with (self._local or self._folder).__truediv__(_file_name(key)).open("rb") as stream:
                return json.loads(stream.read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LedgerError(
                f"the ledger could not be read ({type(error).__name__})", advice=_ADVICE
            ) from error

    def set(self, key: str, value: Any) -> None:
        """
        Keep the value durably before returning.

        :raises LedgerError: when the storage does not take it; sending stops before the next call.
        """
        data = json.dumps(value, separators=(",", ":")).encode()
        try:
            if not self._made:
                (self._local or self._folder).mkdir(parents=True, exist_ok=True)
                self._made = True
            if self._local is not None:
                _write_durably(path=self._local / _file_name(key), data=data)
            else:
                with (self._folder / _file_name(key)).open("wb") as stream:
                    stream.write(data)
        except OSError as error:
            raise LedgerError(
                f"the ledger could not be written ({type(error).__name__})", advice=_ADVICE
            ) from error

    def create(self, key: str, value: Any) -> bool:
        """
        Keep a value durably unless there is one already; False when there is.

        On a local disk two processes cannot both succeed. Other storages are asked before and after.

        :raises LedgerError: as :meth:`set` does.
        """
        if self._local is None:
            return _create_by_asking(self, key, value)
        data = json.dumps(value, separators=(",", ":")).encode()
        try:
            self._local.mkdir(parents=True, exist_ok=True)
            return _write_durably(path=self._local / _file_name(key), data=data, only_new=True)
        except OSError as error:
            raise LedgerError(
                f"the ledger could not be written ({type(error).__name__})", advice=_ADVICE
            ) from error


def create_once(store: Store, key: str, value: Any) -> bool:
    """
    Keep a value unless there is one already, as safely as the store can.

    :returns: False when there is one already.
    """
    return store.create(key, value) if isinstance(store, PathStore) else _create_by_asking(store, key, value)


def _create_by_asking(store: Store, key: str, value: Any) -> bool:
    if store.get(key) is not None:
        return False
    store.set(key, value)
    return bool(store.get(key) == value)


def _local_folder(folder: AnyPath) -> Path | None:
    # The protocol first: below Airflow 3 an fsspec path calls itself a Path, and is none that os.open takes.
    protocol = getattr(folder, "protocol", None)
    if protocol in ("file", "local"):
        return Path(str(getattr(folder, "path")))  # noqa: B009 - only fsspec paths have it
    return folder if protocol is None and isinstance(folder, Path) else None


def _file_name(key: str) -> str:
    return f"{key}.json"


def _write_durably(*, path: Path, data: bytes, only_new: bool = False) -> bool:
    """Write a file that appears whole or not at all; False when it was there and shall not be replaced."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if only_new:
            # A rename would replace what another process made a moment ago; a link cannot.
            os.link(beside, path)
        else:
            beside.replace(path)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
