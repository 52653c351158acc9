# SPDX-License-Identifier: Apache-2.0
"""Open an audience file, unpack gzip, and detect a file that is missing, damaged or changed while it is read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.rows import OpenBinary
    from airflow_provider_aliyunsms.audience.sources.columns import Columns


Fingerprint = Callable[[str], object]
"""Takes a path or URI and returns a value that differs once the file has changed; None when that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """
    The settings for reading one file.

    :param number_field: the column that holds the phone number, ``phone_number`` or ``to``.
    :param open_binary: opens a path or URI for reading bytes.
    :param fingerprint: called before and after reading, so that a change in between is detected.
    :param columns: the mapping of the file's column names to field names.
    :param encoding: the encoding of a text file; None for UTF-8.
    """

    number_field: str
    open_binary: OpenBinary
    fingerprint: Fingerprint
    columns: Columns
    encoding: str | None


def no_fingerprint(_path: str) -> None:
    """Return None for every file, so that changes are not detected."""


GZIP_ENDING = ".gz"
_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 256 * 1024


@contextmanager
def opened(path: str, reading: FileOptions) -> Iterator[BinaryIO]:
    """
    Open an audience file for reading its unpacked bytes, and close it at the end. Data are read only as needed.

    :param path: a path or URI; the ending ``.gz`` means that the file is packed with gzip.
    :raises AudienceError: when the storage refuses, at once or while reading, when gzip data are cut or damaged, or
        when the file changed between the beginning and the end. The error names the file without its folder, because
        a URI can hold credentials.
    """
    name = _file_name(path)
    # Taken before the file is opened: taken later, it could miss a change that was made in between.
    before = reading.fingerprint(path)
    try:
        with _explained(name), reading.open_binary(path) as stream:
            yield _unpacked(stream, name) if is_packed(path) else stream
    except AudienceError:
        # When the file is being written to, any other finding is only a consequence of that.
        if reading.fingerprint(path) != before:
            raise _changed(name) from None
        raise
    if reading.fingerprint(path) != before:
        raise _changed(name)


def is_packed(path: str) -> bool:
    """Return whether the name of the file says that it is packed with gzip."""
    return path.lower().endswith(GZIP_ENDING)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        msg = f"The audience file '{name}' does not exist."
        raise AudienceError(msg, advice="check the path, and that this worker sees the storage.") from None
    except EOFError:
        msg = f"The audience file '{name}' is cut: its gzip data end too early."
        raise AudienceError(msg, advice="copy the file again and compare the sizes.") from None
    except (gzip.BadGzipFile, zlib.error):
        msg = f"The audience file '{name}' is damaged: its gzip data cannot be unpacked."
        raise AudienceError(msg, advice="copy the file again and compare the sizes.") from None
    except OSError as error:
        problem = error.strerror or type(error).__name__
        msg = f"The audience file '{name}' cannot be read: {problem}."
        raise AudienceError(msg) from None


def _unpacked(stream: BinaryIO, name: str) -> BinaryIO:
    # Wrapped, because not every storage's stream can peek. Checked here, because Python's own gzip reader takes an
    # empty file for valid gzip without data.
    packed = io.BufferedReader(cast("io.RawIOBase", stream), _BLOCK)
    start = packed.peek(len(_GZIP_MAGIC))[: len(_GZIP_MAGIC)]
    if not start or not _GZIP_MAGIC.startswith(start):
        problem = "is empty" if not start else "is not gzip"
        msg = f"The audience file '{name}' {problem}, though its name says gzip."
        raise AudienceError(msg, advice="name the file after what is in it, or pack it again.")
    return cast("BinaryIO", gzip.GzipFile(fileobj=packed, mode="rb"))


def _changed(name: str) -> AudienceError:
    return AudienceError(
        f"The audience file '{name}' changed while it was read. Nothing was sent.",
        advice="write the file under another name, rename it when it is complete, and only then start the task.",
    )


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
