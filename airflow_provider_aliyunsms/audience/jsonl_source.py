# SPDX-License-Identifier: Apache-2.0
"""Rows of a file with one JSON value a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.byte_lines import opened, text_lines
from airflow_provider_aliyunsms.audience.rows import OpenBinary, Row
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_jsonl(path: str, *, number_field: str, open_binary: OpenBinary) -> Iterator[Row]:
    """
    The rows of a UTF-8 file of JSON lines, one at a time: objects, or strings that are just a number.

    Keys the API does not know are template variables, as in a CSV file. Empty lines are skipped.

    :raises AudienceError: for a line that is no JSON, is another kind of value or has a key twice, another
        encoding, or an unreadable file.
    """
    row = line_number = 0

    def broken(problem: str) -> AudienceError:
        return AudienceError(f"Row {row + 1} (line {line_number + 1} of the file) {problem}.", row=row + 1)

    with opened(path, open_binary) as stream:
        for line in text_lines(stream, broken=broken):
            if line.strip():
                values = _values(line, number_field)
                if isinstance(values, str):
                    raise broken(values)
                row += 1
                yield Row(number=row, values=values, flat=True, number_field=number_field)
            line_number += 1


def _values(line: str, number_field: str) -> dict[str, Any] | str:
    """The row's values, or what is wrong with the line."""
    try:
        value = parse_json(line)
    except BrokenJsonError as error:
        return f"is {error}"
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {number_field: value}
    return "is neither an object nor a string"
