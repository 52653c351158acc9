# SPDX-License-Identifier: Apache-2.0
"""
Write to the log in lines that Airflow's log page shows whole, with the next step on a line of its own.

The page does not wrap lines unless it is told to. In a window of 1280 pixels some 125 characters are seen, and up to
38 of them are number, time and level of the line. Before the text of an error even more room is left free.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

LINE = 86
"""The most characters of a line; only a word that is longer, such as a path, goes beyond."""

ERROR_LINE = 80
"""The same for a line of the text of an error."""

NEXT_STEP = "Next step: "
"""The beginning of a line that says what to do."""

_INDENT = "  "
_SHORTEST_MEANING = 20


def wrapped(text: str, *, width: int | None = None, before: int = 0) -> list[str]:
    """
    Return a text as lines of at most ``width`` characters; line ends stay, and words are not divided.

    :param width: None for :data:`LINE`.
    :param before: characters that stand before the first line.
    """
    lines = [
        line
        for paragraph in f"{'x' * before}{text}".splitlines()
        for line in textwrap.wrap(
            paragraph,
            width or LINE,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [""]
    ]
    return [lines[0][before:], *lines[1:]] if lines else []


def say(
    log: logging.Logger, level: int, text: str, *args: object, next_step: str | None = None, depth: int = 1
) -> None:
    """
    Log a text in short lines, and below them what to do.

    :param text: a text with placeholders for ``args``, without numbers of people and without secrets.
    :param next_step: the next step of the reader; None for none.
    :param depth: how many callers up the line in the source is that the log names.
    """
    lines = wrapped(text % args if args else text)
    if next_step:
        lines += wrapped(NEXT_STEP + next_step)
    for line in lines:
        log.log(level, "%s", line, stacklevel=depth + 1)


def table(rows: Iterable[tuple[int, str, str]]) -> list[str]:
    """
    Return counts, codes and meanings as the lines of one table, a row on one line; none for no rows.

    :param rows: count, code and meaning; a meaning that is too long for its line is cut.
    """
    body = [(f"{count}", code, meaning) for count, code, meaning in rows]
    if not body:
        return []
    counts = max(len("count"), *(len(count) for count, _, _ in body))
    codes = max(len("code"), *(len(code) for _, code, _ in body))
    left = max(_SHORTEST_MEANING, LINE - counts - codes - 2 * len(_INDENT))
    return [
        f"{count:>{counts}}{_INDENT}{code:<{codes}}{_INDENT}{shortened(meaning, left)}".rstrip()
        for count, code, meaning in [("count", "code", "meaning"), *body]
    ]


def shortened(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters, cut at a semicolon or between two words where it can be."""
    clause = text.partition(";")[0]
    if len(text) <= width or len(clause) > width:
        return text if len(text) <= width else textwrap.shorten(text, width, placeholder=" …")
    return clause
