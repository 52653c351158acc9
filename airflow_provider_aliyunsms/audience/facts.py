# SPDX-License-Identifier: Apache-2.0
"""Gather what a source turned out to be: its format, its columns, and what had to be noted while it was read."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_PLACES = 5
"""The number of places that are named of each finding."""


@dataclass(slots=True)
class Places:
    """
    How often something was found, and where first.

    :param count: how often.
    :param first: the first places, at most :data:`FIRST_PLACES`.
    """

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, place: int) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < FIRST_PLACES:
            self.first.append(place)


@dataclass(frozen=True, slots=True)
class ColumnFact:
    """
    What one column of a table is used for.

    :param name: its name in the source, as an error may show it.
    :param use: the field it is, ``variable``, or why it is left out.
    """

    name: str
    use: str


VARIABLE = "variable"
LEFT_OUT = "left out"


@dataclass(slots=True, kw_only=True)
class SourceFacts:
    """
    What is known of one source once it was read; the readers fill it in as they go.

    It holds no value of any row.

    :param format: the kind of source, such as ``CSV``.
    :param details: further facts by name, such as ``encoding``.
    :param columns: the columns in order, of a source that has a header.
    :param findings: what was noted on the way, in words, with its places.
    :param by_line: whether places are lines of the file; else they are rows.
    :param is_unfinished: whether the last line of a text file has no line end.
    """

    format: str = ""
    details: dict[str, str] = field(default_factory=dict)
    columns: list[ColumnFact] = field(default_factory=list)
    findings: dict[str, Places] = field(default_factory=dict)
    by_line: bool = False
    is_unfinished: bool = False

    def found(self, what: str, place: int) -> None:
        """Count one finding at a line or row."""
        self.findings.setdefault(what, Places()).add(place)
