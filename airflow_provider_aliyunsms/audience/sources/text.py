# SPDX-License-Identifier: Apache-2.0
"""Read a binary stream as lines of text and detect a file that is in another encoding than expected."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

Broken = Callable[[str], AudienceError]

_UTF8 = {"utf-8", "utf-8-sig"}
_MARK = "\ufeff"
# The bytes of a short GB18030 text can happen to be valid UTF-8 as well, but not with this many different characters
# that take three bytes or more in UTF-8.
_ENOUGH = 3
_FIRST_LONG = "\u0800"

NOT_UTF8 = (
    "is not UTF-8 text; save the file as UTF-8, or say with the parameter 'encoding' what it is, "
    "such as encoding='gb18030'"
)


def check_encoding(encoding: str | None) -> str | None:
    """
    Return the encoding by the name Python uses for it, None for UTF-8.

    :raises ConfigurationError: when Python does not know the encoding, or its line ends are not single bytes.
    """
    if encoding is None:
        return None
    try:
        name = codecs.lookup(encoding).name
        single = name in _UTF8 or "\n".encode(name) == b"\n"
    except (LookupError, TypeError, ValueError):
        msg = "encoding is not the name of a text encoding that Python knows"
        raise ConfigurationError(msg, advice="For Chinese files it is mostly 'gb18030' or 'utf-8'.") from None
    if not single:
        msg = f"files in {name} cannot be read"
        raise ConfigurationError(msg, advice="Save the file as UTF-8 and leave encoding out.")
    return None if name in _UTF8 else name


class Decoder:
    """
    Decode the lines of one file for which another encoding than UTF-8 was given.

    That decoding works proves little: in most of these encodings almost any bytes are some text, and the recipients
    would get garbled messages. So a file in which every line is also UTF-8 is refused at its end, see :meth:`finish`.

    :param encoding: as :func:`check_encoding` returned it.
    :param broken: makes the error for the current line from what is wrong with it.
    """

    def __init__(self, *, encoding: str, broken: Broken) -> None:
        self._encoding = encoding
        self._broken = broken
        self._first = True
        self._could_be_utf8 = True
        self._long: set[str] = set()

    def text(self, raw: bytes) -> str:
        """
        Return one line as text, without a byte order mark.

        :param raw: the bytes of the line with its line end.
        :raises AudienceError: when the line is not in the encoding, or the first one begins with the mark of UTF-8.
        """
        if self._first and raw.startswith(codecs.BOM_UTF8):
            raise self._broken(
                f"begins with the mark of UTF-8, but the parameter 'encoding' says {self._encoding}"
            )
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            text = None
        if text is None:
            # Raised outside the handler, because the decoder's exception holds the bytes it could not decode.
            raise self._broken(f"is not {self._encoding} text, as the parameter 'encoding' says")
        if self._could_be_utf8 and not raw.isascii():
            self._try_utf8(raw)
        if self._first:
            self._first = False
            return text.removeprefix(_MARK)
        return text

    def finish(self) -> None:
        """
        Check the whole file; call this after the last line.

        :raises AudienceError: when every line is also UTF-8, with at least three different characters that take three
            bytes or more in UTF-8.
        """
        if self._could_be_utf8 and len(self._long) >= _ENOUGH:
            msg = f"The audience file is UTF-8, but the parameter 'encoding' says {self._encoding}."
            raise AudienceError(msg, advice="leave that parameter out. Nothing was sent.")

    def _try_utf8(self, raw: bytes) -> None:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            self._could_be_utf8 = False
            return
        if len(self._long) < _ENOUGH:
            self._long.update(character for character in text if character >= _FIRST_LONG)


# A longer line is not a row of an audience but part of a file of another kind. Without a limit it could fill the
# memory.
MAX_LINE_BYTES = 4 * 1024 * 1024
_BLOCK = 256 * 1024

BrokenLine = Callable[[str], AudienceError]


def text_lines(stream: BinaryIO, *, encoding: str | None, broken: BrokenLine) -> Iterator[str]:
    """
    Yield the lines of a stream as text with their line ends; a byte order mark at the beginning is left out.

    Memory does not grow with the file: one block and one line are held at a time.

    :param stream: the unpacked bytes of the file.
    :param encoding: as :func:`check_encoding` returned it; None for UTF-8.
    :param broken: makes the error for a line that cannot be read, from what is wrong with it.
    :raises AudienceError: when a line is not in the encoding or is longer than :data:`MAX_LINE_BYTES`.
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
            # The lines before the broken one go out first: the caller counts them, and its error names the position.
            text = block[: block.rfind(b"\n", 0, error.start) + 1].decode()
            complete = False
        else:
            complete = True
        yield from io.StringIO(text, newline="\n")
        if not complete:
            # Raised outside the handler, because the decoder's exception holds the bytes it could not decode.
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
