# SPDX-License-Identifier: Apache-2.0
"""
Keep numbers that carriers report as opted out or blacklisted, in a folder of files that are never changed.

Each file is a CSV of ``phone_number`` (with a plus sign) and ``code``. Its name follows from what is in it, so that a
repeated task finds its file and writes nothing. The files hold phone numbers: on a local disk only their owner can
read them, and a bucket needs rules of its own.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, AudienceError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_aliyunsms.campaign.ledger import StoragePath

ENDING = ".csv"
MOST_IN_FILE = 50_000
"""Numbers of one file, so that no list of them grows with the campaign."""


@dataclass(frozen=True, slots=True, repr=False)
class LearnedNumber:
    """
    One number that a carrier or the gateway says not to send to.

    :param number: its digits with the country code, without a plus sign.
    :param code: the code that said so.
    """

    number: str
    code: str


class LearnedNumbers:
    """
    A folder of numbers that were learned, on a local disk or any fsspec storage.

    :param folder: the folder; it is made with the first file.
    :param secret: mixed into the names of the files, which would otherwise be hashes that anyone can compare.
    """

    def __init__(self, folder: StoragePath, *, secret: bytes = b"") -> None:
        self._folder = folder
        self._secret = secret
        self._local = _local_folder(folder)
        self._fs: Any = getattr(folder, "fs", None)
        if self._local is None and self._fs is None:
            raise ConfigurationError(
                f"learned numbers cannot be kept at a path of type {type(folder).__name__}",
                advice="Give a local folder or the URI of a storage that fsspec knows.",
            )

    def paths(self) -> list[str]:
        """
        Return the paths of the files, sorted; none when the folder does not exist.

        Costs one listing of the folder.

        :raises AudienceError: the folder cannot be listed; a later try may succeed.
        """
        try:
            names = self._names()
        except FileNotFoundError:
            return []
        # Every storage raises errors of its own, and none may count as an empty folder.
        except Exception as error:
            raise AudienceError(
                f"the folder of learned numbers cannot be listed ({type(error).__name__})",
                advice="Check that the storage can be reached and read, then clear the task.",
            ) from error
        return [
            str(self._folder / name)
            for name in sorted(names)
            if name.endswith(ENDING) and not name.startswith(".")
        ]

    def add(self, found: Iterable[LearnedNumber]) -> int:
        """
        Write numbers into a new file; nothing when there are none, or a file with exactly these is there.

        :returns: how many there were, without repeated ones.
        :raises AliyunSmsError: the storage does not take the file; a later try may succeed.
        """
        codes = {each.number: each.code for each in found}
        numbers = sorted(codes)
        for start in range(0, len(numbers), MOST_IN_FILE):
            some = numbers[start : start + MOST_IN_FILE]
            try:
                self._write([LearnedNumber(number, codes[number]) for number in some])
            except Exception as error:
                raise AliyunSmsError(
                    f"the learned numbers cannot be written ({type(error).__name__})",
                    advice="Check that the storage can be reached and written, then clear the task.",
                ) from error
        return len(numbers)

    def _write(self, found: Sequence[LearnedNumber]) -> None:
        text = "phone_number,code\n" + "".join(f"+{each.number},{each.code}\n" for each in found)
        data = text.encode()
        name = hashlib.blake2b(data, digest_size=16, key=self._secret[:64]).hexdigest() + ENDING
        if self._local is None:
            self._write_remotely(name, data)
        else:
            _write_locally(self._local, name, data)

    def _write_remotely(self, name: str, data: bytes) -> None:
        self._fs.makedirs(self._root, exist_ok=True)
        try:
            names = self._names()
        except FileNotFoundError:
            # An object storage has no folder before there is something in it.
            names = []
        # Of two tasks that write this name, both write the same: the name is a hash of it.
        if name not in names:
            self._fs.pipe_file(f"{self._root}/{name}", data)

    def _names(self) -> list[str]:
        if self._local is not None:
            return [path.name for path in self._local.iterdir()]
        # A listing from the cache hides what another process has written.
        self._fs.invalidate_cache()
        return [str(path).rstrip("/").rpartition("/")[2] for path in self._fs.ls(self._root, detail=False)]

    @property
    def _root(self) -> str:
        return str(getattr(self._folder, "path", "")).rstrip("/")


def _write_locally(folder: Path, name: str, data: bytes) -> None:
    from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder

    make_private_folder(folder)
    path = folder / name
    if path.exists():
        return
    with file_beside(path) as (beside, stream):
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        # A file that another task wrote meanwhile is replaced by one with the same content.
        beside.replace(path)


def _local_folder(folder: StoragePath) -> Path | None:
    # The protocol first: below Airflow 3 an fsspec path is an instance of Path.
    protocol = getattr(folder, "protocol", None)
    if protocol in ("file", "local"):
        return Path(str(getattr(folder, "path")))  # noqa: B009 - only fsspec paths have it
    return folder if protocol is None and isinstance(folder, Path) else None
