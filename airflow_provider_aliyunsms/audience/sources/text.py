# SPDX-License-Identifier: Apache-2.0
"""Lines of a text file, one at a time, whatever kind of stream the storage hands out."""

from __future__ import annotations

import codecs
import io
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
    blocks = _whole_lines(stream, broken=broken)
    if encoding is None:
        yield from _utf8(blocks, broken=broken)
        return
    decoder = Decoder(encoding=encoding, broken=broken)
    for raw in _lines(blocks):
        yield decoder.text(raw)
    decoder.finish()


def _utf8(blocks: Iterator[bytes], *, broken: BrokenLine) -> Iterator[str]:
    mark = codecs.BOM_UTF8
    for marked in blocks:
        block, mark = marked.removeprefix(mark), b""
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            # What stands before the broken line comes first, so that the error can say where it is.
            text = block[: block.rfind(b"\n", 0, error.start) + 1].decode()
            complete = False
        else:
            complete = True
        yield from io.StringIO(text, newline="\n")
        if not complete:
            # Raised outside the handler: the decoder's exception holds the bytes it choked on.
            raise broken(NOT_UTF8)


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield from io.BytesIO(block)


def _whole_lines(stream: BinaryIO, *, broken: BrokenLine) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        whole, end, rest = (rest + block).rpartition(b"\n")
        if end:
            yield whole + end
        if len(rest) > MAX_LINE_BYTES:
            raise broken("is too long")
    if rest:
        yield rest
