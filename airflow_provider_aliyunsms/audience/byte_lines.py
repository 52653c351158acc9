# SPDX-License-Identifier: Apache-2.0
"""Lines of a text file, one at a time, whatever kind of stream the storage hands out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from airflow_provider_aliyunsms.audience.encodings import NOT_UTF8, Decoder
from airflow_provider_aliyunsms.exceptions import AudienceError

# A line this long is no row of an audience but a file of another kind, and would otherwise fill the memory.
MAX_LINE_BYTES = 4 * 1024 * 1024
_BLOCK = 256 * 1024

BrokenLine = Callable[[str], AudienceError]


def text_lines(stream: BinaryIO, *, encoding: str | None, broken: BrokenLine) -> Iterator[str]:
    """
    The lines of a stream with their line ends, decoded, with or without a byte order mark.

    Memory stays flat: a block and a line at a time.

    :param encoding: as ``check_encoding`` returned it, None for UTF-8.
    :param broken: makes the error for a line that cannot be read, from what is wrong with it.
    """
    lines = _byte_lines(stream, broken=broken)
    if encoding is None:
        yield from _utf8(lines, broken=broken)
        return
    decoder = Decoder(encoding=encoding, broken=broken)
    for raw in lines:
        yield decoder.text(raw)
    decoder.finish()


def _utf8(lines: Iterator[bytes], *, broken: BrokenLine) -> Iterator[str]:
    encoding = "utf-8-sig"
    for raw in lines:
        try:
            line = raw.decode(encoding)
        except UnicodeDecodeError:
            line = None
        if line is None:
            # Raised outside the handler: the decoder's exception holds the bytes it choked on.
            raise broken(NOT_UTF8)
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
