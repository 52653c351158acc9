# SPDX-License-Identifier: Apache-2.0
"""Rows of a CSV file with a header."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_aliyunsms.audience.byte_lines import text_lines
from airflow_provider_aliyunsms.audience.columns import Table
from airflow_provider_aliyunsms.audience.opening import opened
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.reading import Reading
    from airflow_provider_aliyunsms.audience.rows import Row


def read_csv(path: str, reading: Reading) -> Iterator[Row]:
    """
    The rows of a comma-separated text file, one at a time; every other column is a template variable.

    Quoted cells may hold commas, quotes and line ends. Empty lines are skipped and not counted.

    :raises AudienceError: for a header without the number's column, with a column twice or without a name, a
        row with too few or too many cells, broken quoting, another encoding, or an unreadable file.
    """
    with opened(path, reading) as stream:
        yield from _CsvRows(stream, encoding=reading.encoding).rows(reading)


class _CsvRows:
    """One pass over one file; remembers where it is, so that an error can say so."""

    def __init__(self, stream: BinaryIO, *, encoding: str | None) -> None:
        self._number = 0
        self._in_header = True
        lines = text_lines(stream, encoding=encoding, broken=self._broken)
        self._reader: Reader = csv.reader(lines, strict=True)

    def rows(self, reading: Reading) -> Iterator[Row]:
        table = _table(next(self._records(), None), reading)
        self._in_header = False
        for cells in self._records():
            self._number += 1
            if len(cells) != table.width:
                raise self._ragged(len(cells), table.width)
            yield table.row(cells, number=self._number)

    def _records(self) -> Iterator[list[str]]:
        while True:
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = _plain_words(str(error))
            else:
                if len(cells) > 1 or (cells and cells[0].strip()):
                    yield cells
                continue
            raise self._broken(f"is not valid CSV: {problem}")

    def _broken(self, problem: str) -> AudienceError:
        if self._in_header:
            return AudienceError(f"The header row of the file {problem}.")
        row = self._number + 1
        return AudienceError(f"Row {row} ({self._place()}) {problem}.", row=row)

    def _ragged(self, found: int, expected: int) -> AudienceError:
        return AudienceError(
            f"Row {self._number} (ends {self._place()}) has {found} cells, the header has {expected}.",
            row=self._number,
            advice="put a cell that holds a comma or a line end in double quotes.",
        )

    def _place(self) -> str:
        return f"near line {self._reader.line_num} of the file"


def _plain_words(problem: str) -> str:
    # The reader's own text asks for an argument of Python's open().
    if problem.startswith("new-line"):
        return "a line end in a cell without quotes, or line ends other than LF and CRLF"
    return problem


def _table(header: list[str] | None, reading: Reading) -> Table:
    if header is None:
        msg = "The audience file is empty: it has no header row."
        raise AudienceError(msg)
    names = [cell.strip() for cell in header]
    return Table(names, columns=reading.columns, number_field=reading.number_field, place="header row")
