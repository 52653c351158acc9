# SPDX-License-Identifier: Apache-2.0
"""Read a binary stream as lines of text and detect a file that is in another encoding than expected."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from airflow_provider_aliyunsms.audience.phone_numbers import mask_number
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.facts import SourceFacts

Broken = Callable[[str], AudienceError]

_UTF8 = {"utf-8", "utf-8-sig"}
_MARK = "\ufeff"
# The bytes of a short GB18030 text can happen to be valid UTF-8 as well, but not with this many different characters
# that take three bytes or more in UTF-8.
_ENOUGH = 3
_FIRST_LONG = "\u0800"

NOT_UTF8 = "is not UTF-8 text"
_SAVE_OR_NAME = (
    "save the file as UTF-8, or say with the parameter 'encoding' what it is, such as encoding='gb18030'"
)
_WIDE = {"utf-16", "utf-16-le", "utf-16-be"}
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKS_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def check_encoding(encoding: str | None) -> str | None:
    """
    Return the encoding by the name Python uses for it, None for UTF-8.

    :raises ConfigurationError: when Python does not know the encoding, or its line ends are not single bytes, except
        for UTF-16.
    """
    if encoding is None:
        return None
    try:
        name = codecs.lookup(encoding).name
        single = name in _UTF8 or name in _WIDE or "\n".encode(name) == b"\n"
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
    would get garbled messages. So a file that is UTF-8 as a whole is refused at its end, see :class:`Utf8Doubt`.

    :param encoding: as :func:`check_encoding` returned it.
    :param broken: makes the error for the current line from what is wrong with it.
    """

    def __init__(self, *, encoding: str, broken: Broken) -> None:
        self._encoding = encoding
        self._broken = broken
        self._first = True
        self._doubt = Utf8Doubt(encoding)

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
        self._doubt.add(raw)
        if self._first:
            self._first = False
            return text.removeprefix(_MARK)
        return text

    def finish(self) -> None:
        """Check the whole file; call this after the last line. See :meth:`Utf8Doubt.check`."""
        self._doubt.check()


class Utf8Doubt:
    """
    Find out whether a file that is read in another encoding is UTF-8.

    :param encoding: the encoding in which it is read.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._could_be_utf8 = True
        self._long: set[str] = set()

    def add(self, raw: bytes) -> None:
        """Look at the next bytes of the file, cut anywhere."""
        if not self._could_be_utf8:
            return
        try:
            text = self._decoder.decode(raw)
        except UnicodeDecodeError:
            self._could_be_utf8 = False
            return
        if len(self._long) < _ENOUGH and not text.isascii():
            self._long.update(character for character in text if character >= _FIRST_LONG)

    def check(self) -> None:
        """
        Check the whole file; call this at its end.

        :raises AudienceError: when all of it is also UTF-8, with at least three different characters that take three
            bytes or more in UTF-8.
        """
        if self._could_be_utf8 and len(self._long) >= _ENOUGH:
            msg = f"The audience file is UTF-8, but the parameter 'encoding' says {self._encoding}."
            raise AudienceError(msg, advice="leave that parameter out. Nothing was sent now.")


# A longer line is not a row of an audience but part of a file of another kind. Without a limit it could fill the
# memory.
MAX_LINE_BYTES = 4 * 1024 * 1024
_BLOCK = 256 * 1024


class ByteStream(Protocol):
    """Anything with ``read`` that returns bytes."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        ...


BrokenLine = Callable[..., AudienceError]
"""Makes the error for the current line from what is wrong with it, and from an advice."""


def text_lines(
    stream: ByteStream, *, encoding: str | None, broken: BrokenLine, facts: SourceFacts
) -> Iterator[str]:
    """
    Return the lines of a stream as text, each ending in LF; byte order marks at the beginning are left out.

    The lines may end in LF, CRLF or, throughout, in CR. A CR before an LF is kept. Memory does not grow with the
    file: one block and one line are held at a time.

    :param stream: the unpacked bytes of the file.
    :param encoding: as :func:`check_encoding` returned it; None for UTF-8, or UTF-16 that begins with its mark.
    :param broken: makes the error for a line that cannot be read.
    :param facts: takes the encoding.
    :raises AudienceError: when a line is not in the encoding or is longer than :data:`MAX_LINE_BYTES`.
    """
    start = _beginning(stream)
    encoding = _encoding_of(start, encoding, broken=broken, facts=facts)
    if encoding in _WIDE:
        blocks = _wide(start, stream, encoding=encoding, broken=broken, facts=facts)
        return chain.from_iterable(blocks)
    # Old programs on a Mac end lines with CR alone.
    end = b"\r" if b"\r" in start and b"\n" not in start else b"\n"
    whole = _whole_lines(start, stream, broken=broken, end=end, facts=facts)
    if encoding is None:
        # Not a generator over single lines: each line would cost a step of it.
        return chain.from_iterable(_utf8(whole, broken=broken))
    return _decoded(whole, Decoder(encoding=encoding, broken=broken))


def _decoded(blocks: Iterator[bytes], decoder: Decoder) -> Iterator[str]:
    for block in blocks:
        for raw in io.BytesIO(block):
            yield decoder.text(raw)
    decoder.finish()


def text_pieces(
    stream: ByteStream, *, encoding: str | None, broken: BrokenLine, facts: SourceFacts
) -> Iterator[str]:
    """
    Yield the text of a stream in pieces that are cut anywhere; marks at the beginning are left out.

    The parameters and errors are those of :func:`text_lines`.
    """
    block = sample = _beginning(stream)
    encoding = _encoding_of(block, encoding, broken=broken, facts=facts)
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")()
    doubt = None if encoding is None or encoding in _WIDE else Utf8Doubt(encoding)
    first = True
    while True:
        text: str | None
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            text = None
        if text is None and encoding is None:
            raise broken(NOT_UTF8, likely_encodings(sample=sample[:_SAMPLE], wrong=block))
        if text is None:
            raise broken(f"is not {encoding} text")
        yield text.lstrip(_MARK) if first else text
        if doubt is not None:
            doubt.add(block)
        if not block:
            if doubt is not None:
                doubt.check()
            return
        first = False
        block = stream.read(_BLOCK)


def _encoding_of(start: bytes, encoding: str | None, *, broken: BrokenLine, facts: SourceFacts) -> str | None:
    if start.startswith(_MARKS_32):
        raise broken("is UTF-32 text", _SAVE_OR_NAME)
    if start.startswith(_WIDE_MARKS):
        if encoding not in (None, *_WIDE):
            raise broken(f"begins with the mark of UTF-16, but the parameter 'encoding' says {encoding}")
        encoding = "utf-16"
    elif encoding is None and b"\0" in start[:_SAMPLE].partition(b"\n")[0]:
        raise broken(
            "holds zero bytes, as UTF-16 without its mark does",
            "save the file as UTF-8, or say encoding='utf-16-le'",
        )
    facts.details["encoding"] = encoding or "utf-8"
    return encoding


def _beginning(stream: ByteStream) -> bytes:
    """Return the first bytes, enough to see marks and line ends, from a stream that may hand out a few at a time."""
    start = b""
    while len(start) < _SAMPLE and (block := stream.read(_BLOCK)):
        start += block
    return start


def _utf8(blocks: Iterator[bytes], *, broken: BrokenLine) -> Iterator[Iterable[str]]:
    """Yield the lines of each block."""
    at_start = True
    sample = b""
    for marked in blocks:
        block = marked
        while at_start and block.startswith(codecs.BOM_UTF8):
            block = block.removeprefix(codecs.BOM_UTF8)
        if at_start:
            sample = block[:_SAMPLE]
        at_start = False
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            # The lines before the broken one go out first: the caller counts them, and its error names the position.
            start = block.rfind(b"\n", 0, error.start) + 1
            text = block[:start].decode()
            wrong = block[start : start + _SAMPLE]
        else:
            wrong = b""
        yield io.StringIO(text, newline="\n")
        if wrong:
            # Raised outside the handler, because the decoder's exception holds the bytes it could not decode.
            raise broken(NOT_UTF8, likely_encodings(sample=sample, wrong=wrong))


def _wide(
    start: bytes, stream: ByteStream, *, encoding: str, broken: BrokenLine, facts: SourceFacts
) -> Iterator[Iterable[str]]:
    """Yield the lines of each block of a file in UTF-16."""
    decoder = codecs.getincrementaldecoder(encoding)()
    rest, first, block = "", True, start
    end = ""
    while block or rest:
        text: str | None
        try:
            text = rest + decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            text = None
        if text is None:
            raise broken(f"is not {encoding} text")
        if first:
            text, first = text.lstrip(_MARK), False
            end = "\r" if "\r" in text and "\n" not in text else "\n"
        text = text.replace("\r", "\n") if end == "\r" else text
        whole, found, rest = text.rpartition("\n")
        yield io.StringIO(whole + found, newline="\n")
        if len(rest) > MAX_LINE_BYTES:
            raise broken("is too long")
        if not block:
            facts.is_unfinished = bool(rest)
            yield [rest] if rest else []
            return
        block = stream.read(_BLOCK)


def _whole_lines(
    start: bytes, stream: ByteStream, *, broken: BrokenLine, end: bytes, facts: SourceFacts
) -> Iterator[bytes]:
    rest, block = b"", start
    while block:
        if end != b"\n":
            block = block.replace(end, b"\n")
        whole, found, rest = (rest + block).rpartition(b"\n")
        if found:
            yield whole + found
        if len(rest) > MAX_LINE_BYTES:
            raise broken("is too long")
        block = stream.read(_BLOCK)
    if rest:
        facts.is_unfinished = True
        yield rest


_SAMPLE = 8192
_CANDIDATES = ("gb18030", "big5", "utf-16")
_SHOWN_CELLS = 8
_SHOWN_LETTERS = 6
_CELL_ENDS = re.compile(r"[,;\t|]")


def likely_encodings(*, sample: bytes, wrong: bytes) -> str:
    """
    Return an advice that says which encodings read a text that is not UTF-8, and what it looks like in each.

    Of the first line that is not ASCII, the first character of each cell is shown, and numbers masked.

    :param sample: the beginning of the file.
    :param wrong: the line at fault and some after it.
    """
    looks = [
        f"encoding='{name}' reads it as {look}"
        for name in _CANDIDATES
        if (look := _look(sample if name == "utf-16" else wrong, name)) is not None
    ]
    if not looks:
        return _SAVE_OR_NAME + "; it is none of " + ", ".join(_CANDIDATES)
    return "save the file as UTF-8, or say with the parameter 'encoding' what it is: " + "; ".join(looks)


def _look(raw: bytes, encoding: str) -> str | None:
    if encoding == "utf-16":
        raw, encoding = raw[: len(raw) // 2 * 2], "utf-16-le"
        if b"\n\0" not in raw:
            return None
    text = ""
    try:
        # The last line may be cut in the middle of a character.
        text = raw[: raw.rfind(b"\n") + 1 or None].decode(encoding)
    except UnicodeDecodeError:
        return None
    line = next((line for line in text.splitlines() if not line.isascii()), "")
    cells = _CELL_ENDS.split(line)[:_SHOWN_CELLS]
    return " | ".join(map(_masked, cells)) if line else None


def _masked(cell: str) -> str:
    cell = cell.strip().strip('"')
    if any(character.isdigit() for character in cell[:1]) or mask_number(cell) != "***":
        return mask_number(cell)
    return cell[:1] + "*" * min(len(cell) - 1, _SHOWN_LETTERS)
