# SPDX-License-Identifier: Apache-2.0
"""Open an audience file, unpack gzip, and detect a file that is missing, damaged or changed while it is read."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from airflow_provider_aliyunsms.audience.disk import disk_before_sending
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.facts import SourceFacts
    from airflow_provider_aliyunsms.audience.rows import OpenBinary
    from airflow_provider_aliyunsms.audience.sources.columns import Columns


Fingerprint = Callable[[str], object]
"""Takes a path or URI and returns a value that differs once the file has changed; None when that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """
    The settings for reading one file.

    :param open_binary: opens a path or URI for reading bytes.
    :param fingerprint: called before and after reading, so that a change in between is detected.
    :param columns: the mapping of the file's column names to field names.
    :param encoding: the encoding of a text file; None for UTF-8.
    :param delimiter: the character between the cells of a text file; None to find it in the header.
    :param sheet: the name of the sheet of a workbook; None for the only one that holds something.
    :param facts: takes what the file turned out to be.
    """

    open_binary: OpenBinary
    fingerprint: Fingerprint
    columns: Columns
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    facts: SourceFacts


def no_fingerprint(_path: str) -> None:
    """Return None for every file, so that changes are not detected."""


GZIP_ENDING = ".gz"
GZIP_MARK = b"\x1f\x8b"
_BLOCK = 256 * 1024
_START = 64


class OpenedFile:
    """
    The bytes of an audience file, unpacked, read once from the beginning to the end.

    :param stream: has ``read``; it may hand out fewer bytes than it is asked for.
    :param name: the name of the file, without its folder.
    :param is_packed: whether the stream unpacks the file.
    """

    def __init__(self, stream: BinaryIO, *, name: str, is_packed: bool = False) -> None:
        self.name = name
        self._stream = stream
        # A packed file can be read in another order only by unpacking it again from its beginning.
        self._in_order = is_packed
        self._start = b""
        self._scratch: BinaryIO | None = None

    @property
    def start(self) -> bytes:
        """The first bytes of the file, at most 64, if nothing else was read so far; they are not read off."""
        while len(self._start) < _START and (block := self._stream.read(_START)):
            self._start += block
        return self._start

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, but not more than ``size`` if that is not negative; none at the end."""
        if self._start:
            if size < 0:
                size = len(self._start)
            block, self._start = self._start[:size], self._start[size:]
            return block
        return self._stream.read(size)

    def seekable(self) -> BinaryIO:
        """
        Return the file, at its beginning, for formats that are not read from the beginning to the end.

        If the stream itself cannot be read in any order, its bytes are first written into a nameless file on local
        disk. Use the stream before anything else was read, or call this again.

        :raises AudienceError: when that disk is full; nothing was sent.
        """
        if self._scratch is None and (self._in_order or not self._stream.seekable()):
            self._scratch = self._copied()
        stream = self._stream if self._scratch is None else self._scratch
        stream.seek(0)
        return stream

    def close(self) -> None:
        """Delete the nameless file, if there is one."""
        if self._scratch is not None:
            self._scratch.close()

    def _copied(self) -> BinaryIO:
        with disk_before_sending():
            scratch = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed by close()
        try:
            start = self.start
            # The source is read outside disk_before_sending: its errors must not be reported as a full disk.
            while block := self.read(_BLOCK):
                with disk_before_sending():
                    scratch.write(block)
            self._start = start
            with disk_before_sending():
                scratch.flush()
        except BaseException:
            scratch.close()
            raise
        return scratch


@contextmanager
def opened(path: str, reading: FileOptions) -> Iterator[OpenedFile]:
    """
    Open an audience file for reading its unpacked bytes, and close it at the end. Data are read only as needed.

    A file that begins as gzip does is unpacked, whatever its name.

    :param path: a path or URI; the ending ``.gz`` means that the file must be packed with gzip.
    :raises AudienceError: when the storage refuses, at once or while reading, when gzip data are cut or damaged, or
        when the file changed between the beginning and the end. The error names the file without its folder, because
        a URI can hold credentials.
    """
    name = file_name(path)
    # Taken before the file is opened: taken later, it could miss a change that was made in between.
    before = reading.fingerprint(path)
    try:
        with _explained(name), reading.open_binary(path) as stream:
            file = _unpacked(OpenedFile(stream, name=name), path=path, facts=reading.facts)
            with closing(file):
                yield file
    except AudienceError:
        # When the file is being written to, any other finding is only a consequence of that.
        if reading.fingerprint(path) != before:
            raise _changed(name) from None
        raise
    if reading.fingerprint(path) != before:
        raise _changed(name)


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


def _unpacked(file: OpenedFile, *, path: str, facts: SourceFacts) -> OpenedFile:
    # Checked here, because Python's own gzip reader takes an empty file for valid gzip without data.
    start = file.start[: len(GZIP_MARK)]
    if path.lower().endswith(GZIP_ENDING):
        if not start or not GZIP_MARK.startswith(start):
            problem = "is empty" if not start else "is not gzip"
            msg = f"The audience file '{file.name}' {problem}, though its name says gzip."
            raise AudienceError(msg, advice="name the file after what is in it, or pack it again.")
    elif start != GZIP_MARK:
        return file
    else:
        facts.details["packed"] = "gzip, though its name does not say so"
    unpacked = gzip.GzipFile(fileobj=cast("BinaryIO", file), mode="rb")
    return OpenedFile(cast("BinaryIO", unpacked), name=file.name, is_packed=True)


def _changed(name: str) -> AudienceError:
    return AudienceError(
        f"The audience file '{name}' changed while it was read. Nothing was sent now.",
        advice="write the file under another name, rename it when it is complete, and only then start the task.",
    )


def file_name(path: str) -> str:
    """Return the name of a file without its folder, which a URI with credentials could show."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
