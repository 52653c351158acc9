# SPDX-License-Identifier: Apache-2.0
"""Rows of a CSV file with a header."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_aliyunsms.audience.byte_lines import opened, text_lines
from airflow_provider_aliyunsms.audience.rows import PHONE_NUMBER, OpenBinary, Row, field_label
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator


def read_csv(path: str, *, number_field: str, open_binary: OpenBinary) -> Iterator[Row]:
    """
    The rows of a comma-separated UTF-8 file, one at a time; every other column is a template variable.

    Quoted cells may hold commas, quotes and line ends. Empty lines are skipped and not counted.

    :raises AudienceError: for a header without the number's column, with a column twice or without a name, a
        row with too few or too many cells, broken quoting, another encoding, or an unreadable file.
    """
    with opened(path, open_binary) as stream:
        yield from _CsvRows(stream).rows(number_field)


class _CsvRows:
    """One pass over one file; remembers where it is, so that an error can say so."""

    def __init__(self, stream: BinaryIO) -> None:
        self._number = 0
        self._in_header = True
        lines = text_lines(stream, broken=self._broken)
        self._reader: Reader = csv.reader(lines, strict=True)

    def rows(self, number_field: str) -> Iterator[Row]:
        header = _checked_header(next(self._records(), None), number_field)
        self._in_header = False
        for cells in self._records():
            self._number += 1
            if len(cells) != len(header):
                raise self._ragged(len(cells), len(header))
            yield Row(
                number=self._number,
                values=dict(zip(header, cells, strict=True)),
                flat=True,
                number_field=number_field,
            )

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


def _checked_header(cells: list[str] | None, number_field: str) -> list[str]:
    if cells is None:
        msg = "The audience file is empty: it has no header row."
        raise AudienceError(msg)
    header = [cell.strip() for cell in cells]
    # First of all, because the first row of a file without a header is somebody's data and must not be shown.
    if number_field not in header and PHONE_NUMBER not in header:
        msg = f"The header row has no column '{number_field}'."
        raise AudienceError(
            msg, field=number_field, advice="name the columns in the first row, and separate them by commas."
        )
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name:
            msg = f"Column {position} has no name in the header row."
            raise AudienceError(msg)
        if name in seen:
            label = field_label(name)
            msg = f"The header row has the column '{label}' twice."
            raise AudienceError(msg, field=label)
        seen.add(name)
    return header
