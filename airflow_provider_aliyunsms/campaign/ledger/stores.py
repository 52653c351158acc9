# SPDX-License-Identifier: Apache-2.0
"""
Define the stores that a ledger can live in: anything with ``get(key)`` and ``set(key, value)``.

Airflow's ``task_state_store`` is such a store. The two classes here are for all other cases: a folder, or no
durable place at all. Only the main thread of a try uses a store.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import IO, Any, Protocol

from airflow_provider_aliyunsms.exceptions import LedgerError
from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder

_ADVICE = "Check that the ledger's storage can be reached and written, then clear the task: it resumes."


class Store(Protocol):
    """Keep JSON values under ASCII keys, durably."""

    def get(self, key: str) -> Any:
        """Return the value, None when there is none; an error must be raised and never be returned as None."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Write the value; when this returns, the value is durable."""
        ...


class AnyPath(Protocol):
    """Describe the path methods that :class:`PathStore` uses; ``ObjectStoragePath`` and ``Path`` have them."""

    def __truediv__(self, name: str) -> AnyPath: ...

    def open(self, mode: str) -> IO[Any]:
        """Open the file at this path."""
        ...

    def mkdir(self, *, parents: bool, exist_ok: bool) -> None:
        """Create the folder at this path."""
        ...


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
    Keep one JSON file per key in a folder of one campaign, on a local disk or any fsspec storage.

    On a local disk a value is written to a file beside the final one, flushed to the disk and renamed, so that a
    crash leaves either the old value or the new one. Object stores replace a whole object by themselves.

    :param root: the folder given as ``ledger_path``.
    :param campaign_id: gives the sub-folder its name, as a hash, because the id may contain any character.
    """

    def __init__(self, *, root: AnyPath, campaign_id: str) -> None:
        name = hashlib.blake2b(campaign_id.encode(), digest_size=12).hexdigest()
        self._folder = root / name
        self._local = _local_folder(self._folder)
        self._made = False

    def get(self, key: str) -> Any:
        """
        Return the value, None when there is none.

        :raises LedgerError: when the storage cannot be read, or the file is no JSON; nothing may be sent then.
        """
        try:
            with (self._local or self._folder).__truediv__(_file_name(key)).open("rb") as stream:
                return json.loads(stream.read())
        # Only a missing file means "no value". If a damaged file, or a storage out of reach, counted as that, the
        # recipients of an existing window would get a second message.
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LedgerError(
                f"the ledger could not be read ({type(error).__name__})", advice=_ADVICE
            ) from error

    def set(self, key: str, value: Any) -> None:
        """
        Write the value; when this returns, the value is durable.

        :raises LedgerError: when the storage does not take it; sending stops before the next call.
        """
        data = json.dumps(value, separators=(",", ":")).encode()
        try:
            if not self._made:
                if self._local is not None:
                    make_private_folder(self._local)
                else:
                    self._folder.mkdir(parents=True, exist_ok=True)
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
        Write a value durably unless there is one already.

        On a local disk two processes cannot both succeed. Other storages have no such operation: they are read
        before and after the write, and two processes can both succeed if one writes after the other has read its
        value back.

        :returns: False when there is a value already, or another process wrote one at the same moment.
        :raises LedgerError: as :meth:`set` does.
        """
        if self._local is None:
            return _create_by_asking(self, key, value)
        data = json.dumps(value, separators=(",", ":")).encode()
        try:
            make_private_folder(self._local)
            return _write_durably(path=self._local / _file_name(key), data=data, only_new=True)
        except OSError as error:
            raise LedgerError(
                f"the ledger could not be written ({type(error).__name__})", advice=_ADVICE
            ) from error


def create_once(store: Store, key: str, value: Any) -> bool:
    """
    Write a value unless there is one already, as safely as the store can, see :meth:`PathStore.create`.

    :returns: False when there is a value already, or another process wrote one at the same moment.
    """
    return store.create(key, value) if isinstance(store, PathStore) else _create_by_asking(store, key, value)


def _create_by_asking(store: Store, key: str, value: Any) -> bool:
    if store.get(key) is not None:
        return False
    store.set(key, value)
    return bool(store.get(key) == value)


def _local_folder(folder: AnyPath) -> Path | None:
    # The protocol is looked at first: below Airflow 3 an fsspec path is an instance of Path, but os.open cannot use
    # it.
    protocol = getattr(folder, "protocol", None)
    if protocol in ("file", "local"):
        return Path(str(getattr(folder, "path")))  # noqa: B009 - only fsspec paths have it
    return folder if protocol is None and isinstance(folder, Path) else None


def _file_name(key: str) -> str:
    return f"{key}.json"


def _write_durably(*, path: Path, data: bytes, only_new: bool = False) -> bool:
    """
    Write a file so that it appears whole or not at all.

    :param only_new: do not replace an existing file.
    :returns: False when the file was there already and ``only_new`` is set.
    """
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
                os.link(beside, path)
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
