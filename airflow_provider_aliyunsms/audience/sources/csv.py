# SPDX-License-Identifier: Apache-2.0
"""Read a text file of cells with a header (CSV, and others like it) as blocks of rows."""

from __future__ import annotations

import csv
import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.fields import clean_name
from airflow_provider_aliyunsms.audience.phone_numbers import compact_number, mainland_number
from airflow_provider_aliyunsms.audience.rows import BLOCK, CellColumns
from airflow_provider_aliyunsms.audience.sources.columns import Table
from airflow_provider_aliyunsms.audience.sources.text import text_lines
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.columns import Columns
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions, OpenedFile

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_FIVE_DIGITS = re.compile(r"(?:[0-9][^0-9]*){5}")
_SEVEN_DIGITS = re.compile(r"\+?[0-9]{7,17}")
_SHORT = "rows with fewer cells than the header, whose last cells are taken as empty"
_LONG = "rows with more cells than the header, all of them empty"
_BLANK = "rows with nothing but empty cells, left out"


def check_delimiter(delimiter: str | None) -> str | None:
    r"""
    Return the delimiter; the word ``tab`` means a tab, and None that it is found in the header.

    :raises ConfigurationError: when it is not one character, or one that cannot stand between cells.
    """
    if delimiter is None:
        return None
    one = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter) if isinstance(delimiter, str) else ""
    if len(one) != 1 or one in '"\r\n' or one.isalnum():
        msg = "delimiter must be one character, such as ';'"
        raise ConfigurationError(msg, advice="Leave it out for comma, semicolon, tab and |: they are found.")
    return one


def read_csv(file: OpenedFile, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of a text file of cells in blocks; columns the API does not know are template variables.

    The delimiter is the one with which the header has the column of the phone number. Quoted cells may hold
    delimiters, quotes and line ends. Lines that are empty, or hold only empty cells, are skipped and not counted as
    rows. A row may lack its last cells, or have more cells if they are empty.

    :raises AudienceError: for a header without the column of the phone number or with a column twice, a row with too
        many cells, or so few that it lacks the phone number, broken quoting, a quoted cell that holds other rows,
        another encoding, or an unreadable file.
    """
    reading.facts.format = "CSV"
    reading.facts.by_line = True
    yield from _CsvFile(file, reading).blocks()


def read_txt(file: OpenedFile, reading: FileOptions) -> Iterator[Block]:
    """Yield the rows of a text file like :func:`read_csv`; it may also be phone numbers alone, without a header."""
    reading.facts.format = "text"
    reading.facts.by_line = True
    yield from _CsvFile(file, reading, header_needed=False).blocks()


class _CsvFile:
    """
    Read one file once, and keep the current position for error messages.

    :param header_needed: whether a first line that is a phone number is an error and not the first row.
    """

    def __init__(self, file: OpenedFile, reading: FileOptions, *, header_needed: bool = True) -> None:
        self._number = 0
        self._line = 0  # the last line that belongs to the header or a whole row
        # What is wrong with a line, told by the reader of lines before the rows before that line are counted.
        self._problem: tuple[str, str | None] | None = None
        # The last row that ends with its phone number before its last cells, so that it may be the cut end of a file.
        self._cut: tuple[int, int] | None = None
        self._lines = text_lines(file, encoding=reading.encoding, broken=self._broken, facts=reading.facts)
        first = self._first_line(reading)
        header = self._header(first, reading, header_needed=header_needed)
        self._table = Table(header, columns=reading.columns, place="header row", facts=reading.facts)
        self._facts = reading.facts

    def _first_line(self, reading: FileOptions) -> str:
        self._delimiter = reading.delimiter
        for line in self._lines:
            if not line.strip(" \t\r\n\ufeff,;|"):
                self._line += 1
                continue
            hint = _HINT.fullmatch(line)
            if hint is None or self._line:
                return line
            # The first line that tells Excel which delimiter follows.
            self._line += 1
            self._delimiter = self._delimiter or hint.group(1)
        msg = "The audience file is empty: it has no header row."
        raise AudienceError(msg)

    def _header(self, first: str, reading: FileOptions, *, header_needed: bool) -> list[str]:
        if self._delimiter is None:
            self._delimiter = _delimiter_of(first, reading.columns)
        reading.facts.details["delimiter"] = DELIMITERS.get(self._delimiter, self._delimiter)
        if not header_needed and _is_number(first):
            reading.facts.details["header"] = "none: each line is a phone number"
            self._lines = chain([first], self._lines)
            return [reading.columns.number_field]
        reader = self._reader([first], self._lines)
        try:
            cells = next(reader)
        except csv.Error as error:
            problem = _plain_words(str(error))
        else:
            self._line += reader.line_num
            return [clean_name(cell) for cell in cells]
        raise self._broken(f"is not valid CSV: {problem}")

    def _reader(self, lines: Iterable[str], more: Iterable[str]) -> Reader:
        return csv.reader(
            chain(lines, more), delimiter=str(self._delimiter), skipinitialspace=True, strict=True
        )

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks; those before an error come before that error."""
        while True:
            lines: list[str] = []
            failure: csv.Error | AudienceError | None = None
            try:
                lines.extend(islice(self._lines, BLOCK))
            except AudienceError as error:
                failure = error
            columns = _plain_columns(lines, delimiter=str(self._delimiter), width=self._table.width)
            if columns is not None and "" not in columns[self._table.number_position]:
                yield self._table_of(CellColumns(columns))
            else:
                batch, reader, failure = self._parsed(lines, failure)
                yield from self._checked(batch, reader)
            # Raised outside the handler, and only now that the rows before are counted.
            if isinstance(failure, csv.Error):
                raise self._not_csv(str(failure))
            if failure is not None:
                raise failure if self._problem is None else self._in_row(*self._problem)
            if len(lines) < BLOCK:
                break
        self._check_end()

    def _parsed(
        self, lines: list[str], failure: csv.Error | AudienceError | None
    ) -> tuple[list[list[str]], Reader, csv.Error | AudienceError | None]:
        """
        Return the rows that begin in these lines, their reader, and the error after them.

        :param failure: the error that stands behind the lines, if there is one.
        """
        batch: list[list[str]] = []
        # The last row may end in a later line; the error that is in place of that line is met on the way to it.
        reader = self._reader(lines, self._lines if failure is None else _raising(failure))
        try:
            # No more rows than lines: each row takes at least one line, so that these lines are used up by then.
            batch.extend(islice(reader, len(lines)))
        except (csv.Error, AudienceError) as error:
            failure = error
        return batch, reader, failure

    def _checked(self, batch: list[list[str]], reader: Reader) -> Iterator[Block]:
        # Each row is one line of as many cells as the header, so that nothing is left to find out about single ones.
        if reader.line_num == len(batch) and {*map(len, batch)} == {self._table.width}:
            position = self._table.number_position
            if all(cells[position] for cells in batch):
                yield self._table_of(batch)
                return
        yield from self._one_by_one(batch)

    def _table_of(self, records: list[list[str]] | CellColumns) -> Block:
        """Return rows of one line each as a block, and count them."""
        end = self._line + len(records)
        block = self._table.block(records, self._number + 1, range(self._line + 1, end + 1))
        self._number += len(records)
        self._line = end
        return block

    def _one_by_one(self, batch: list[list[str]]) -> Iterator[Block]:
        records: list[list[str]] = []
        lines: list[int] = []
        first = self._number + 1
        failure: AudienceError | None = None
        for cells in batch:
            line = self._line + 1
            self._line += 1 + sum(cell.count("\n") for cell in cells)
            if not any(cell.strip() for cell in cells):
                if len(cells) > 1:
                    self._facts.found(_BLANK, line)
                continue
            self._number += 1  # before the checks, whose errors name the row
            try:
                self._check_swallowed(cells, line)
                records.append(self._fitted(cells, line))
            except AudienceError as error:
                failure = error
                break
            lines.append(line)
        if records:
            yield self._table.block(records, first, lines)
        if failure is not None:
            raise failure

    def _fitted(self, cells: list[str], line: int) -> list[str]:
        width = self._table.width
        if len(cells) == width:
            return cells
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            self._facts.found(_LONG, line)
            return cells[:width]
        position = self._table.number_position
        # Short, but with its number in it: programs leave out empty cells at the end. Without a number it is rather
        # the rest of a text with a line end that was not quoted.
        if position < len(cells) < width and _FIVE_DIGITS.search(cells[position]):
            if position == len(cells) - 1 and mainland_number(cells[position]) is None:
                self._cut = (self._number, line)
            self._facts.found(_SHORT, line)
            return cells + [""] * (width - len(cells))
        raise self._ragged(len(cells), line)

    def _check_end(self) -> None:
        if self._facts.is_unfinished and self._cut is not None and self._cut[0] == self._number:
            row, line = self._cut
            msg = f"Row {row} (line {line} of the file) is cut: the file ends within its phone number."
            raise AudienceError(msg, row=row, advice="copy the file again, and compare the sizes.")

    def _check_swallowed(self, cells: list[str], line: int) -> None:
        """Check that a cell with line ends in it does not hold other rows, which a stray quote would put there."""
        last = self._line
        if last == line:
            return
        width, position = self._table.width, self._table.number_position
        delimiter = str(self._delimiter)
        # Delimiters in a quoted cell of one line are text; in one of several lines they may be those of other rows.
        text = delimiter.join(cell if "\n" in cell else cell.replace(delimiter, " ") for cell in cells)
        rows = [
            pieces
            for piece in text.split("\n")
            if _is_row(pieces := piece.strip("\r").split(delimiter), width=width, position=position)
        ]
        if len(rows) > 1:
            msg = (
                f"Row {self._number} (lines {line} to {last} of the file) is one row with a quoted cell that holds "
                f"what look like other rows."
            )
            raise AudienceError(
                msg,
                row=self._number,
                advice="look for a quote that is too much in these lines, and write a quote within a cell twice.",
            )

    def _not_csv(self, problem: str) -> AudienceError:
        if problem.startswith(("unexpected end", "field larger")):
            row, line = self._number + 1, self._line + 1
            msg = f"Row {row} is not valid CSV: a quoted cell that opens in line {line} of the file is never closed."
            return AudienceError(
                msg, row=row, advice="remove that quote, or close it; write a quote within a cell twice."
            )
        return self._in_row(f"is not valid CSV: {_plain_words(problem)}", None)

    def _broken(self, problem: str, advice: str | None = None) -> AudienceError:
        self._problem = (problem, advice)
        return AudienceError(f"The header row of the file {problem}.", advice=advice)

    def _in_row(self, problem: str, advice: str | None) -> AudienceError:
        row = self._number + 1
        msg = f"Row {row} (line {self._line + 1} of the file) {problem}."
        return AudienceError(msg, row=row, advice=advice)

    def _ragged(self, found: int, line: int) -> AudienceError:
        return AudienceError(
            f"Row {self._number} (line {line} of the file) has {found} cells, the header has {self._table.width}.",
            row=self._number,
            advice="put a cell that holds a delimiter or a line end in double quotes.",
        )


def _plain_columns(lines: Sequence[str], *, delimiter: str, width: int) -> list[list[str]] | None:
    """
    Return the cells of lines by column, as :func:`csv.reader` with ``skipinitialspace`` reads them.

    :param width: the number of columns.
    :returns: None when it needs that reader to know them, or when a line has not one cell for each column.
    """
    text = "".join(lines).removesuffix("\n")
    if "\r" in text:
        text = text.removesuffix("\r").replace("\r\n", "\n")
    if '"' in text or "\r" in text or f"{delimiter} " in text or "\n " in text or text[:1] in ("", " "):
        return None
    longest = csv.field_size_limit()
    if delimiter == " " or (len(text) > longest and max(map(len, lines)) > longest):
        return None
    # Each line end goes to the beginning of the first cell of the next line. If every line has as many cells as there
    # are columns, these are the cells of the first column, and the first column has all line ends. If one line has
    # more or fewer of them, at least one line end is in another column.
    cells = text.replace("\n", f"{delimiter}\n").split(delimiter)
    firsts = "".join(cells[::width]).split("\n")
    if len(cells) != width * len(lines) or len(firsts) != len(lines):
        return None
    return [firsts, *(cells[position::width] for position in range(1, width))]


def _raising(error: csv.Error | AudienceError) -> Iterator[str]:
    """Raise an error in place of the next line."""
    yield from ()
    raise error


def _delimiter_of(header: str, columns: Columns) -> str:
    """Return the delimiter with which a header has the column of the phone number; a comma if none has."""
    for delimiter in DELIMITERS:
        try:
            cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            continue
        names = [clean_name(cell) for cell in cells]
        if len(names) > 1 and columns.finds_number(names):
            return delimiter
    return ","


def _is_number(line: str) -> bool:
    return _SEVEN_DIGITS.fullmatch(compact_number(line)) is not None


def _is_row(cells: Sequence[str], *, width: int, position: int) -> bool:
    """Return whether the cells of one line look like a row of the table, as its width and phone number show."""
    number = cells[position] if position < len(cells) else ""
    if _is_number(number):
        return True
    # With two columns, a comma in a text makes as many cells as a row has.
    if len(cells) != width or width == 1:
        return False
    return _FIVE_DIGITS.search(number) is not None or (width > 2 and any(map(str.strip, cells)))


def _plain_words(problem: str) -> str:
    # The text of Python's own error speaks of an argument of open(), which does not help the owner of the file.
    if problem.startswith("new-line"):
        return "a line end in a cell without quotes, or line ends of several kinds"
    return problem
