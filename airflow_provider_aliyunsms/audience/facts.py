# SPDX-License-Identifier: Apache-2.0
"""Collect the facts about a source while it is read: its format, its columns, and findings such as blank lines."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_PLACES = 5
"""The number of places that are named of each finding."""


@dataclass(slots=True)
class Places:
    """
    The number of places where something was found, and the first of them.

    :param count: how often.
    :param first: the first places, at most :data:`FIRST_PLACES`.
    """

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, place: int) -> None:
        """Count one place where it was found."""
        self.count += 1
        if len(self.first) < FIRST_PLACES:
            self.first.append(place)


@dataclass(frozen=True, slots=True)
class ColumnFact:
    """
    The use of one column of a table.

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
    The facts about one source; the readers fill them in while they read.

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
