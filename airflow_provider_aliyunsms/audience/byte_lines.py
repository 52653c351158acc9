# SPDX-License-Identifier: Apache-2.0
"""Lines of a UTF-8 file, one at a time, whatever kind of stream the storage hands out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.rows import OpenBinary

# A line this long is no row of an audience but a file of another kind, and would otherwise fill the memory.
MAX_LINE_BYTES = 4 * 1024 * 1024
_BLOCK = 256 * 1024

BrokenLine = Callable[[str], AudienceError]


@contextmanager
def opened(path: str, open_binary: OpenBinary) -> Iterator[BinaryIO]:
    """
    Open an audience file and close it again.

    :raises AudienceError: when the storage says no, at once or while reading; it names the file without its
        folder, because a URI can hold credentials.
    """
    name = _file_name(path)
    try:
        with open_binary(path) as stream:
            yield stream
    except FileNotFoundError:
        msg = f"The audience file '{name}' does not exist."
        raise AudienceError(msg, advice="check the path, and that this worker sees the storage.") from None
    except OSError as error:
        problem = error.strerror or type(error).__name__
        msg = f"The audience file '{name}' cannot be read: {problem}."
        raise AudienceError(msg) from None


def text_lines(stream: BinaryIO, *, broken: BrokenLine) -> Iterator[str]:
    """
    The lines of a stream with their line ends, decoded from UTF-8 with or without a byte order mark.

    Memory stays flat: a block and a line at a time.

    :param broken: makes the error for a line that cannot be read, from what is wrong with it.
    """
    encoding = "utf-8-sig"
    for raw in _byte_lines(stream, broken=broken):
        try:
            line = raw.decode(encoding)
        except UnicodeDecodeError:
            line = None
        if line is None:
            # Raised outside the handler: the decoder's exception holds the bytes it choked on.
            raise broken("is not UTF-8 text; save the file as UTF-8")
        yield line
        encoding = "utf-8"


def _byte_lines(stream: BinaryIO, *, broken: BrokenLine) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line + b"\n"
        if len(rest) > MAX_LINE_BYTES:
            raise broken("is too long")
    if rest:
        yield rest


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
