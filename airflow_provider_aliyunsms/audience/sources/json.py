# SPDX-License-Identifier: Apache-2.0
"""Read a file of JSON values, one in each line or all in one array, as blocks of rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.facts import ColumnFact
from airflow_provider_aliyunsms.audience.rows import (
    BLOCK,
    CellColumns,
    TableBlock,
    field_label,
    in_blocks,
)
from airflow_provider_aliyunsms.audience.sources.text import text_lines, text_pieces
from airflow_provider_aliyunsms.audience.strict_json import (
    ArrayReader,
    BrokenJsonError,
    parse_json,
    parse_lines,
)
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions, OpenedFile

# More different keys are no columns: they are data, such as phone numbers as keys.
_MOST_KEYS = 1000
# What may stand before the bracket of an array: marks of UTF-8 and UTF-16, zero bytes of the latter, and blanks.
_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"


def read_json(file: OpenedFile, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of a JSON file in blocks: one array of objects or strings, or one of these in each line.

    Keys that the API does not know are template variables, as in a CSV file. A key that other rows have and a row
    lacks is empty in it, if the others are among the rows before it or in the same block. Empty lines are skipped and
    not counted as rows.

    An array is read piece by piece, so that it may be of any size.

    :raises AudienceError: for a value that is not JSON, is of another kind or has a key twice, for more than a
        thousand different keys, another encoding, or an unreadable file.
    """
    yield from _JsonFile(file, reading).blocks()


class _JsonFile:
    """Read one file once, keep the current position for error messages, and the keys met so far."""

    def __init__(self, file: OpenedFile, reading: FileOptions) -> None:
        self._columns = reading.columns
        self._facts = reading.facts
        self._keys: dict[str, None] = {}
        self._row = self._line = 0
        # What is wrong with a line, told by the reader of lines before the rows before that line are counted.
        self._problem: tuple[str, str | None] | None = None
        self._is_array = file.start.lstrip(_BEFORE_TEXT).startswith(b"[")
        reading.facts.format = "JSON array" if self._is_array else "JSON lines"
        reading.facts.by_line = not self._is_array
        read = text_pieces if self._is_array else text_lines
        self._text = read(file, encoding=reading.encoding, broken=self._unreadable, facts=reading.facts)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks; those before an error come before that error."""
        if self._is_array:
            yield from in_blocks(self._rows(self._items()), self._block)
            return
        while True:
            lines: list[str] = []
            failure: AudienceError | None = None
            try:
                lines.extend(islice(self._text, BLOCK))
            except AudienceError as error:
                failure = error
            yield from self._blocks_of(lines)
            # Raised outside the handler, and only now that the rows before are counted.
            if failure is not None:
                raise failure if self._problem is None else self._broken(*self._problem)
            if len(lines) < BLOCK:
                return

    def _blocks_of(self, lines: list[str]) -> Iterator[Block]:
        values = parse_lines(lines) if lines else None
        names = tuple(values[0]) if values is not None else ()
        cells = CellColumns.of_dicts(values, names=names) if values is not None else None
        first = self._row + 1
        if cells is not None and values is not None and self._columns.leaves_alone(values[0]):
            end = self._line + len(lines)
            fields = self._with_keys([names])
            if fields != [*names]:
                known = dict(zip(names, cells.columns, strict=True))
                cells = CellColumns([known.get(name, [None] * len(lines)) for name in fields])
            block = self._table(cells, fields, first, range(self._line + 1, end + 1))
            self._row += len(lines)
            self._line = end
            yield block
            return
        yield from in_blocks(self._rows(self._values(lines)), self._block, first=first)

    def _rows(self, given: Iterable[Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield line and values of each row."""
        for value in given:
            values = self._row_values(value)
            self._row += 1
            yield self._line, values

    def _block(self, rows: list[tuple[int, Mapping[str, Any]]], first: int) -> Block:
        lines = [line for line, _ in rows] if self._facts.by_line else None
        made: list[Any] = [values for _, values in rows]
        names = self._with_keys(dict.fromkeys(map(tuple, made)))
        cells = CellColumns.of_dicts(made, names=names)
        records = [[values.get(name) for name in names] for values in made] if cells is None else cells
        return self._table(records, names, first, lines)

    def _with_keys(self, kinds: Iterable[tuple[str, ...]]) -> list[str]:
        """
        Return all keys that rows and the rows before them have.

        :param kinds: the keys of each row, each set of them once.
        """
        known = len(self._keys)
        for keys in kinds:
            self._keys.update(dict.fromkeys(keys))
        if len(self._keys) > _MOST_KEYS:
            msg = f"The rows have more than {_MOST_KEYS} different keys."
            raise AudienceError(msg, advice="make each row an object with the same few keys.")
        names = [*self._keys]
        self._facts.columns += [
            ColumnFact(field_label(name), self._columns.use(name, name)) for name in names[known:]
        ]
        return names

    def _table(
        self,
        records: Sequence[Sequence[Any]] | CellColumns,
        names: Sequence[str],
        first: int,
        lines: Sequence[int] | None,
    ) -> Block:
        return TableBlock(
            names=names,
            records=records,
            first=first,
            number_field=self._columns.number_field,
            lines=lines,
        )

    def _values(self, lines: Iterable[str]) -> Iterator[Any]:
        for line in lines:
            if line.isspace():
                self._line += 1
                continue
            problem = ""
            try:
                value = parse_json(line)
            except BrokenJsonError as error:
                problem = f"is {error}"
            # Raised outside the handler, and before the line is counted.
            if problem:
                raise self._broken(problem)
            self._line += 1
            yield value

    def _items(self) -> Iterator[Any]:
        problem = ""
        try:
            yield from ArrayReader(self._text).items()
        except BrokenJsonError as error:
            problem = f"is {error}"
        if problem:
            raise self._broken(problem)

    def _row_values(self, value: Any) -> Mapping[str, Any]:
        if isinstance(value, str) or type(value) is int:
            return {self._columns.number_field: value}
        if isinstance(value, dict):
            try:
                return self._columns.renamed(value)
            except AudienceError as error:
                problem = f"has '{error.field}' twice once the names of its keys are mapped"
        else:
            problem = "is neither an object nor a string or a whole number"
        self._line -= self._facts.by_line
        raise self._broken(problem)

    def _unreadable(self, problem: str, advice: str | None = None) -> AudienceError:
        self._problem = (problem, advice)
        return self._broken(problem, advice)

    def _broken(self, problem: str, advice: str | None = None) -> AudienceError:
        row = self._row + 1
        place = f" (line {self._line + 1} of the file)" if self._facts.by_line else ""
        return AudienceError(f"Row {row}{place} {problem}.", row=row, advice=advice)
