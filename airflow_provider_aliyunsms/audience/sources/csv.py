# SPDX-License-Identifier: Apache-2.0
"""Read a CSV file with a header as blocks of rows."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_aliyunsms.audience.rows import in_blocks
from airflow_provider_aliyunsms.audience.sources.columns import Table
from airflow_provider_aliyunsms.audience.sources.files import opened
from airflow_provider_aliyunsms.audience.sources.text import text_lines
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions


def read_csv(path: str, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of a comma-separated text file in blocks; columns the API does not know are template variables.

    Quoted cells may hold commas, quotes and line ends. Empty lines are skipped and not counted as rows.

    :param path: a path or URI, ending in ``.gz`` when the file is packed with gzip.
    :raises AudienceError: for a header without the column of the phone number, with a column twice or without a
        name, a row with too few or too many cells, broken quoting, another encoding, or an unreadable file.
    """
    with opened(path, reading) as stream:
        rows = _CsvRows(stream, encoding=reading.encoding)
        table = _table(rows.header(), reading)
        yield from in_blocks(rows.records(width=table.width), table.block)


class _CsvRows:
    """Read one file once, and keep the current position for error messages."""

    def __init__(self, stream: BinaryIO, *, encoding: str | None) -> None:
        self._number = 0
        self._in_header = True
        lines = text_lines(stream, encoding=encoding, broken=self._broken)
        self._reader: Reader = csv.reader(lines, strict=True)

    def header(self) -> list[str] | None:
        cells = next(self._cells(), None)
        self._in_header = False
        return cells

    def records(self, *, width: int) -> Iterator[list[str]]:
        for cells in self._cells():
            self._number += 1  # before the check, whose error names the row
            if len(cells) != width:
                raise self._ragged(len(cells), width)
            yield cells

    def _cells(self) -> Iterator[list[str]]:
        try:
            for cells in self._reader:
                if len(cells) > 1 or (cells and cells[0].strip()):
                    yield cells
        except csv.Error as error:
            problem = _plain_words(str(error))
        else:
            return
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
    # The text of Python's own error speaks of an argument of open(), which does not help the owner of the file.
    if problem.startswith("new-line"):
        return "a line end in a cell without quotes, or line ends other than LF and CRLF"
    return problem


def _table(header: list[str] | None, reading: FileOptions) -> Table:
    if header is None:
        msg = "The audience file is empty: it has no header row."
        raise AudienceError(msg)
    names = [cell.strip() for cell in header]
    return Table(names, columns=reading.columns, number_field=reading.number_field, place="header row")
