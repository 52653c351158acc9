# SPDX-License-Identifier: Apache-2.0
"""Read a file with one JSON value in each line as blocks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_aliyunsms.audience.rows import Block, Row, row_blocks
from airflow_provider_aliyunsms.audience.sources.files import opened
from airflow_provider_aliyunsms.audience.sources.text import text_lines
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_aliyunsms.audience.sources.columns import Columns
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions


def read_jsonl(path: str, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of a text file of JSON lines in blocks: each line is an object, or a string with a phone number.

    Keys that the API does not know are template variables, as in a CSV file. Empty lines are skipped and not counted
    as rows.

    :param path: a path or URI, ending in ``.gz`` when the file is packed with gzip.
    :raises AudienceError: for a line that is not JSON, is another kind of value or has a key twice, another
        encoding, or an unreadable file.
    """
    with opened(path, reading) as stream:
        yield from row_blocks(_rows(stream, reading))


def _rows(stream: BinaryIO, reading: FileOptions) -> Iterator[Row]:
    row = line_number = 0

    def broken(problem: str) -> AudienceError:
        return AudienceError(f"Row {row + 1} (line {line_number + 1} of the file) {problem}.", row=row + 1)

    for line in text_lines(stream, encoding=reading.encoding, broken=broken):
        if line.strip():
            values = _values(line, reading)
            if isinstance(values, str):
                raise broken(values)
            row += 1
            yield Row(number=row, values=values, flat=True, number_field=reading.number_field)
        line_number += 1


def _values(line: str, reading: FileOptions) -> Mapping[str, Any] | str:
    """Return the row's values, or a text that says what is wrong with the line."""
    try:
        value = parse_json(line)
    except BrokenJsonError as error:
        return f"is {error}"
    if isinstance(value, dict):
        return _renamed(value, reading.columns)
    if isinstance(value, str):
        return {reading.number_field: value}
    return "is neither an object nor a string"


def _renamed(values: dict[str, Any], columns: Columns) -> Mapping[str, Any] | str:
    try:
        return columns.renamed(values)
    except AudienceError as error:
        return f"has '{error.field}' twice once column_mapping is applied"
