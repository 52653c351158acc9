# SPDX-License-Identifier: Apache-2.0
"""
Write receipts as JSON lines, CSV or Parquet.

Fields that neighbouring receipts have in common are encoded once, because campaigns have up to millions of receipts.
"""

from __future__ import annotations

import csv
import io
from array import array
from functools import lru_cache
from itertools import chain, repeat
from json.encoder import encode_basestring
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_aliyunsms.campaign.receipts.receipts import Facts, Receipts, Stretch

_BLOCK = 2000
"""Receipts that are encoded and written at once."""
_ROW_GROUP = 20_000
"""Receipts in one Parquet row group; it takes a few MB of memory while it is built."""
_KEPT = 64
"""Facts whose encoded text is cached: the few outcomes of one call may alternate from row to row."""
_CRLF = "\r\n"


def write_json_lines(receipts: Receipts, stream: IO[bytes]) -> None:
    """Write receipts as JSON lines: one object per line, in UTF-8; the stream is left open."""
    texts = _JsonTexts(receipts.fields)
    for block in receipts.blocks(size=_BLOCK):
        stream.write("".join([texts.lines_of(stretch) for stretch in block]).encode())


def write_csv(receipts: Receipts, stream: IO[bytes]) -> None:
    """
    Write receipts as CSV in UTF-8: a header, then one record per receipt, with CRLF line ends.

    None becomes an empty cell. A cell that a spreadsheet would run as a formula gets an apostrophe in front
    (:func:`inert`). Without receipts not even the header is written. The stream is left open.
    """
    header = _csv_lines([receipts.fields])
    texts = _CsvTexts()
    for block in receipts.blocks(size=_BLOCK):
        stream.write((header + "".join([texts.lines_of(stretch) for stretch in block])).encode())
        header = ""


def write_parquet(receipts: Receipts, stream: IO[bytes]) -> None:
    """
    Write receipts as Parquet, in row groups of 20,000; all columns are strings.

    Needs ``pyarrow``. Without receipts nothing is written. The stream is left open.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = pa.schema([(name, pa.string()) for name in receipts.fields])
    writer: Any = None
    try:
        for block in receipts.blocks(size=_ROW_GROUP):
            if writer is None:
                writer = ParquetWriter(stream, schema)
            writer.write_table(pa.table(_columns(block), schema=schema))
    finally:
        if writer is not None:
            writer.close()


class _JsonTexts:
    def __init__(self, fields: tuple[str, ...]) -> None:
        number, *self._names = (f"{encode_basestring(name)}:" for name in fields)
        self._head = "{" + number
        self._tail = lru_cache(maxsize=_KEPT)(self._encode_tail)
        self._around_id = lru_cache(maxsize=_KEPT)(self._encode_around_id)

    def lines_of(self, stretch: Stretch) -> str:
        # All branches must write the same bytes for the same receipts: a rebuilt file must equal the first one,
        # however the receipts were grouped.
        head, numbers = self._head, stretch.numbers
        if stretch.ids is not None:
            before, after = self._around_id(stretch.facts)
            both = zip(map(encode_basestring, numbers), map(_json, stretch.ids), strict=True)
            return head + f"{after}{head}".join(map(before.join, both)) + after
        tail = self._tail(stretch.facts)
        if _is_plain(numbers):
            return f'{head}"' + f'"{tail}{head}"'.join(numbers) + f'"{tail}'
        return head + f"{tail}{head}".join(map(encode_basestring, numbers)) + tail

    def _encode_tail(self, facts: Facts) -> str:
        before, after = self._encode_around_id(facts)
        return f"{before}{_json(facts[2])}{after}"

    def _encode_around_id(self, facts: Facts) -> tuple[str, str]:
        outcome, code, id_field, out_id, time = self._names
        return (
            f",{outcome}{_json(facts[0])},{code}{_json(facts[1])},{id_field}",
            f",{out_id}{_json(facts[3])},{time}{_json(facts[4])}}}\n",
        )


def _json(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


class _CsvTexts:
    def __init__(self) -> None:
        self._tail = lru_cache(maxsize=_KEPT)(self._encode_tail)
        self._around_id = lru_cache(maxsize=_KEPT)(self._encode_around_id)

    def lines_of(self, stretch: Stretch) -> str:
        # All branches must write the same bytes for the same receipts, as in _JsonTexts.
        numbers, ids = stretch.numbers, stretch.ids
        if ids is None and _is_plain(numbers):
            tail = self._tail(stretch.facts)
            return tail.join(numbers) + tail
        if ids is not None and None not in ids and _is_plain(numbers):
            texts = cast("Sequence[str]", ids)
            if _is_plain(texts):
                before, after = self._around_id(stretch.facts)
                return after.join(map(before.join, zip(numbers, texts, strict=True))) + after
        outcome, code, one_id, out_id, time = (repeat(fact, len(numbers)) for fact in stretch.facts)
        rows = zip(numbers, outcome, code, one_id if ids is None else ids, out_id, time, strict=True)
        return _csv_lines(rows)

    @staticmethod
    def _encode_tail(facts: Facts) -> str:
        return _csv_lines([("", *facts)])

    @staticmethod
    def _encode_around_id(facts: Facts) -> tuple[str, str]:
        outcome, code, _, out_id, time = facts
        return _csv_lines([("", outcome, code, "")]).removesuffix(_CRLF), _csv_lines([("", out_id, time)])


def _csv_lines(rows: Iterable[Iterable[str | None]]) -> str:
    text = io.StringIO(newline="")
    # CRLF, because the writer quotes the characters of its own line end only: with one of the two, it would leave a
    # cell unquoted that holds the other, and a reader would end the record there.
    csv.writer(text, lineterminator=_CRLF).writerows(
        [None if cell is None else inert(cell) for cell in row] for row in rows
    )
    return text.getvalue()


_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""The beginnings of a cell that a spreadsheet takes for a formula, some of them in East Asian editions only, and the
apostrophe, so that taking it away again gives the same text."""


def inert(cell: str) -> str:
    """Return a cell with an apostrophe in front if a spreadsheet would run it; :func:`as_given` takes it away."""
    return f"'{cell}" if cell.startswith(_RUN_BY_SPREADSHEETS) else cell


def as_given(cell: str) -> str:
    """Undo :func:`inert`: return the cell without the apostrophe that it added."""
    return cell[1:] if cell.startswith("'") else cell


def _is_plain(texts: Sequence[str]) -> bool:
    """Return whether none of the texts needs quotes or escapes, in CSV or in JSON."""
    together = "".join(texts)
    return together.isascii() and together.isalnum()


def _columns(block: list[Stretch]) -> list[Any]:
    """Return the columns of a block: each fact is converted once, and Arrow repeats it for its rows."""
    import pyarrow as pa

    places = array("i", chain.from_iterable(repeat(at, len(s.numbers)) for at, s in enumerate(block)))
    rows = pa.Array.from_buffers(pa.int32(), len(places), [None, pa.py_buffer(places)])
    columns = [
        pa.array(facts, pa.string()).take(rows) for facts in zip(*(s.facts for s in block), strict=True)
    ]
    if any(s.ids is not None for s in block):
        ids = chain.from_iterable(
            repeat(s.facts[2], len(s.numbers)) if s.ids is None else s.ids for s in block
        )
        columns[2] = pa.array(list(ids), pa.string())
    numbers = pa.array(list(chain.from_iterable(s.numbers for s in block)), pa.string())
    return [numbers, *columns]
