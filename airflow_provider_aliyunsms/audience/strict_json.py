# SPDX-License-Identifier: Apache-2.0
"""Parse JSON strictly: numbers stay as they were written (12.50 stays 12.50), ambiguous text is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class BrokenJsonError(ValueError):
    """The error for text that is not one unambiguous JSON value; its message never holds any of the text."""


def parse_json(text: str) -> Any:
    """
    Return the value of one JSON text; fractions become ``Decimal``.

    :raises BrokenJsonError: for a syntax error, a key that occurs twice, NaN or Infinity, a number with too many
        digits, or nesting that is too deep.
    """
    try:
        return _value(text)
    except BrokenJsonError:
        raise
    except json.JSONDecodeError as error:
        # The new error is raised outside the handler, because the decoder's exception carries the whole document.
        position = error.pos + 1
        problem = error.msg
    except RecursionError:
        problem, position = "too deeply nested", 1
    except (ValueError, ArithmeticError):
        # The latter for an exponent of so many digits that no decimal number can have it.
        problem, position = "a number with too many digits", 1
    msg = f"not valid JSON: {problem} (character {position})"
    raise BrokenJsonError(msg)


def parse_lines(lines: Sequence[str]) -> list[dict[str, Any]] | None:
    """
    Return the object of each line, as :func:`parse_json` returns it; None when each must be parsed by itself.

    All lines are parsed as one text, which costs far less CPU than a call for each. None says nothing of them: it is
    returned for every mistake, and for lines that hold something else than an object, or an array within it.

    :param lines: at least one; each ends in LF, except perhaps the last one.
    """
    text = ",".join(lines)
    # Without arrays, what follows a comma within an object is a key: a line that begins with a brace does not go on
    # with the line before. So lines that are broken alone and complete together are no values here either.
    if "[" in text or "]" in text or {*map(itemgetter(0), lines)} != {"{"}:
        return None
    try:
        values, end = _PLAIN_DECODER.scan_once(f"[{text}]", 0)  # type: ignore[attr-defined]
    except (StopIteration, ValueError, ArithmeticError, RecursionError):
        return None
    if end != len(text) + 2 or len(values) != len(lines):
        return None
    return values if _has_each_key_once(values, text) else None


def _has_each_key_once(values: list[dict[str, Any]], text: str) -> bool:
    """Return whether no key was lost because an object has it twice; also False where that is hard to tell."""
    colons = text.count(":")
    found = sum(map(len, values))
    if found != colons:
        cells = chain.from_iterable(map(dict.values, values))
        found += sum(map(len, [cell for cell in cells if type(cell) is dict]))
    if found == colons:
        return True
    # Some of the colons are in texts. A key's colon directly follows a quote, unless there are blanks between them.
    return found == text.count('":') and not any(blank in text for blank in _BEFORE_COLON)


def _value(text: str) -> Any:
    # Past the decoder's own search for blanks on both sides, which costs as much as a short value itself.
    try:
        value, end = _DECODER.scan_once(text, 0)  # type: ignore[attr-defined]
    except StopIteration:
        return _DECODER.decode(text)
    return value if text[end:] in _LINE_ENDS else _DECODER.decode(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "not valid JSON: a key occurs twice"
        raise BrokenJsonError(msg)
    return made


def _no_constant(_name: str) -> NoReturn:
    msg = "not valid JSON: NaN and Infinity are no JSON numbers"
    raise BrokenJsonError(msg)


_LINE_ENDS = ("", "\n", "\r\n")
_BEFORE_COLON = ('" ', '"\t', '"\r')
_PLAIN_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant)


class ArrayReader:
    """
    Read the items of one JSON array that is given in pieces, without holding all of it.

    :param pieces: the text of the array, cut anywhere.
    """

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._text = ""
        self._at = 0

    def items(self) -> Iterator[Any]:
        """
        Yield the items of the array.

        :raises BrokenJsonError: as :func:`parse_json`, and when the array does not end or something follows it.
        """
        mark = self._next_mark()
        if mark != "[":
            raise BrokenJsonError("not valid JSON: no array")
        self._at += 1
        if self._next_mark() == "]":
            self._at += 1
            mark = "]"
        while mark != "]":
            yield self._item()
            mark = self._next_mark()
            if mark not in ",]":
                raise BrokenJsonError("not valid JSON: a comma is missing between two items")
            self._at += 1
            if mark == ",":
                self._next_mark()
        if self._text[self._at :].strip() or any(piece.strip() for piece in self._pieces):
            raise BrokenJsonError("not valid JSON: something follows the array")

    def _next_mark(self) -> str:
        """Return the next character that is no blank, and stay before it."""
        while True:
            while self._at < len(self._text):
                mark = self._text[self._at]
                if mark not in " \t\r\n":
                    return mark
                self._at += 1
            if not self._more():
                raise BrokenJsonError("not valid JSON: the array does not end")

    def _item(self) -> Any:
        while True:
            value, end, problem = _decoded(self._text, self._at)
            # A number at the end of what was read may go on in the next piece.
            complete = problem is None and (end < len(self._text) or isinstance(value, str | dict | list))
            if not complete and len(self._text) - self._at <= _LONGEST_ITEM and self._more():
                continue
            if problem is not None:
                raise problem
            self._at = end
            return value

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._text, self._at = self._text[self._at :] + piece, 0
        return True


_LONGEST_ITEM = 4 * 1024 * 1024


def _decoded(text: str, at: int) -> tuple[Any, int, BrokenJsonError | None]:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except BrokenJsonError as error:
        return None, 0, error
    except json.JSONDecodeError as error:
        # A new error, because the decoder's holds the whole text.
        return None, 0, BrokenJsonError(f"not valid JSON: {error.msg}")
    except RecursionError:
        return None, 0, BrokenJsonError("not valid JSON: too deeply nested")
    except (ValueError, ArithmeticError):
        return None, 0, BrokenJsonError("not valid JSON: a number with too many digits")
    return value, end, None
