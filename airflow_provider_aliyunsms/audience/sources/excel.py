# SPDX-License-Identifier: Apache-2.0
"""Read one sheet of an Excel workbook (.xlsx) as blocks of rows."""

from __future__ import annotations

import datetime
import warnings
import zipfile
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_aliyunsms.audience.fields import clean_name
from airflow_provider_aliyunsms.audience.rows import BLOCK, CellError, field_label, is_missing
from airflow_provider_aliyunsms.audience.sources.columns import Table
from airflow_provider_aliyunsms.audience.sources.date_formats import shown_date
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions, OpenedFile

_MANY_SHEETS = 10
# Excel itself keeps and shows fifteen digits of a number.
_DIGITS = 15
_NOT_AVAILABLE = "#N/A"


def check_excel() -> None:
    """
    Check that workbooks can be read. The first call imports the package ``openpyxl``.

    :raises ConfigurationError: when ``openpyxl`` is not installed.
    """
    try:
        import openpyxl  # noqa: F401 - only whether it is there
    except ImportError:
        msg = "Excel workbooks need the package openpyxl"
        raise ConfigurationError(msg, advice="pip install 'airflow-provider-aliyunsms[excel]'.") from None


def read_excel(file: OpenedFile, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of one sheet in blocks; columns the API does not know are template variables.

    The first row that holds something is the header. Numbers are read as they are stored, dates and times as the cell
    shows them, formulas as the value they had when the workbook was saved. Hidden and filtered rows are rows. Rows
    are read as they are needed; the texts of the workbook are in memory.

    :raises AudienceError: for a file that is no workbook or has a password, a sheet that is not there, several sheets
        when none was named, or columns as in
        :func:`~airflow_provider_aliyunsms.audience.sources.csv.read_csv`.
    """
    reading.facts.format = "Excel workbook"
    reading.facts.by_line = True
    with _workbook(file.seekable()) as workbook:
        sheet = _sheet(workbook, reading.sheet)
        reading.facts.details["sheet"] = field_label(sheet.title)
        yield from _blocks(_rows(sheet), reading)


def workbook_kind(stream: BinaryIO) -> str:
    """Return the kind of a zip archive: ``xlsx``, another kind in words, or ``a zip archive``."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = {*archive.namelist()}
    except zipfile.BadZipFile:
        return "a damaged zip archive or workbook"
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        return "a binary Excel workbook (.xlsb)"
    if "content.xml" in names:
        return "an OpenDocument file (.ods)"
    if any(name.startswith("Index/") for name in names):
        return "a Numbers document"
    return "a zip archive"


@contextmanager
def _workbook(stream: BinaryIO) -> Iterator[Any]:
    import openpyxl

    problem = ""
    with warnings.catch_warnings():
        # It warns of styles and extensions that it does not know; none of them changes a value.
        warnings.simplefilter("ignore")
        try:
            workbook = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        except (OSError, AudienceError):
            raise
        except Exception as error:  # noqa: BLE001 - the reader raises what its parsers raise
            problem = type(error).__name__
    if problem:
        # Raised outside the handler, because the reader's error texts can hold cells.
        raise _unreadable(problem)
    try:
        yield workbook
    finally:
        workbook.close()


def _unreadable(problem: str) -> AudienceError:
    return AudienceError(
        f"The audience file cannot be read as an Excel workbook ({problem}).",
        advice="open it in Excel and save it again as .xlsx, or as CSV UTF-8.",
    )


def _sheet(workbook: Any, name: str | None) -> Any:
    sheets = workbook.worksheets
    if name is not None:
        found = next((sheet for sheet in sheets if sheet.title.strip() == name.strip()), None)
        if found is not None:
            return found
        msg = f"The workbook has no sheet '{field_label(name)}'. It has {_named(sheets)}."
        raise AudienceError(msg, advice="correct the parameter 'sheet'.")
    used = [sheet for sheet in sheets if sheet.sheet_state == "visible" and _holds_something(sheet)]
    if len(used) == 1:
        return used[0]
    if not used:
        msg = "The audience file is empty: no visible sheet of the workbook has a header row."
        raise AudienceError(msg)
    msg = f"The workbook has {len(used)} sheets that hold something: {_named(used)}."
    raise AudienceError(msg, advice="name one of them with the parameter 'sheet'.")


def _named(sheets: Sequence[Any]) -> str:
    names = ", ".join(f"'{field_label(sheet.title)}'" for sheet in sheets[:_MANY_SHEETS])
    return names if len(sheets) <= _MANY_SHEETS else f"{names} and more"


def _holds_something(sheet: Any) -> bool:
    return next(_rows(sheet), None) is not None


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Yield the number and the cells of each row that is not empty."""
    # Some programs write a wrong size of the sheet, and rows beyond it would not be read.
    sheet.reset_dimensions()
    rows = sheet.iter_rows()
    line = 0
    while True:
        problem = ""
        cells: list[Any] = []
        try:
            for row in islice(rows, 1):
                line += 1
                cells = [_value(cell) for cell in row]
                break
            else:
                return
        except (OSError, AudienceError):
            raise
        except Exception as error:  # noqa: BLE001 - the reader raises what its parsers raise
            problem = type(error).__name__
        if problem:
            raise _unreadable(f"{problem} in row {line + 1} of the sheet")
        if not all(map(is_missing, cells)):
            yield line, cells


def _value(cell: Any) -> Any:
    value = cell.value
    kind = type(value)
    if kind is str:
        return value if cell.data_type != "e" or value == _NOT_AVAILABLE else CellError(value)
    if kind is float:
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
        return shown_date(value, cell.number_format)
    return value


def _blocks(rows: Iterator[tuple[int, list[Any]]], reading: FileOptions) -> Iterator[Block]:
    _, header = next(rows)
    while header and is_missing(header[-1]):
        header.pop()
    names = ["" if is_missing(cell) else clean_name(str(cell)) for cell in header]
    table = Table(names, columns=reading.columns, place="header row", facts=reading.facts)
    first = 1
    while batch := [*islice(rows, BLOCK)]:
        records = [
            _fitted(cells, width=table.width, row=first + place, line=line)
            for place, (line, cells) in enumerate(batch)
        ]
        yield table.block(records, first, [line for line, _ in batch])
        first += len(batch)


def _fitted(cells: list[Any], *, width: int, row: int, line: int) -> list[Any]:
    if len(cells) > width and not all(map(is_missing, cells[width:])):
        msg = f"Row {row} (row {line} of the sheet) has a value beside the {width} columns of the header."
        raise AudienceError(msg, row=row, advice="name its column in the header, or clear the cell.")
    return cells[:width] + [None] * (width - len(cells))
