# SPDX-License-Identifier: Apache-2.0
"""
Write and read receipt files in the format that the path ends with: JSON lines, CSV or Parquet.

Both directions hold only a small part of the file in memory at a time.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_aliyunsms.audience.sources import check_parquet
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json
from airflow_provider_aliyunsms.campaign.receipts.encoders import (
    as_given,
    write_csv,
    write_json_lines,
    write_parquet,
)
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.receipts.receipts import Receipts

Receipt = Mapping[str, Any]
"""One receipt: its values, texts or None, by field name."""

Wanted = Callable[[int], bool]
"""Returns whether the receipt at a position, counted from 0, is to be read."""

RECEIPT_ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
_GZIP = ".gz"
_TYPES = frozenset({str, type(None)})
_LONGEST_LINE = 32 * 1024 * 1024
_LARGEST_ROW_GROUP = 256 * 1024 * 1024


def is_receipt_file(path: str) -> bool:
    """
    Return whether a path names a receipts file, and not a folder, by the way it ends.

    Only the text of the path is looked at, no storage. The check runs before anything is sent, so that a format which
    cannot be written is found in time.

    :raises ConfigurationError: the path ends in ``.gz`` but is neither JSON lines nor CSV, or it is Parquet and
        ``pyarrow`` is missing.
    """
    ending = _ending(path)
    if ending is None and path.lower().endswith(_GZIP):
        raise ConfigurationError(
            "receipts_path ends in .gz but is neither .jsonl.gz nor .csv.gz",
            advice="Parquet packs its data by itself: leave .gz out.",
        )
    if ending == ".parquet":
        check_parquet()
    return ending is not None


def write_receipts(*, receipts: Receipts, path: str, stream: IO[bytes]) -> None:
    """
    Write receipts in the format that the path ends with.

    Equal receipts give equal bytes, however their runs are cut. The fields are the same in every format, and all of
    them are text. In CSV an empty cell stands for None, and an apostrophe in front of a cell is no part of it: it
    keeps a spreadsheet from running the cell.

    :param receipts: the receipts; they are used up.
    :param path: decides on the format; JSON lines if its ending is not one of :data:`RECEIPT_ENDINGS`.
    :param stream: a binary stream to write to; it is left open.
    """
    ending = _ending(path) or ""
    if ending == ".parquet":
        write_parquet(receipts, stream)
        return
    write = write_csv if ending.startswith(".csv") else write_json_lines
    if ending.endswith(_GZIP):
        # Without name and time: gzip would put them into its header, and a rebuilt file would have other bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as packed:
            write(receipts, cast("IO[bytes]", packed))
    else:
        write(receipts, stream)


def read_receipts(*, path: str, stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    """
    Yield the wanted receipts with their positions, counted from 0.

    JSON lines that are not wanted are not parsed, so they are not checked either.

    :param path: decides on the format, as in :func:`write_receipts`.
    :param stream: a binary stream to read from; it is left open.
    :param wanted: asked for each position, in ascending order.
    :raises AudienceError: a row is not a receipt, or the file is cut or damaged; the error names the row, never its
        content.
    :raises ConfigurationError: the file is Parquet and ``pyarrow`` is missing.
    """
    ending = _ending(path) or ""
    if ending == ".parquet":
        check_parquet()
        yield from _read_parquet(stream, wanted)
        return
    read = _read_csv if ending.startswith(".csv") else _read_json_lines
    with _unpacked(stream, packed=ending.endswith(_GZIP)) as lines:
        yield from read(lines, wanted)


def _ending(path: str) -> str | None:
    lower = path.lower()
    return next((ending for ending in RECEIPT_ENDINGS if lower.endswith(ending)), None)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """
    Yield the lines of a file, each with its line end.

    :raises AudienceError: a line is longer than that of any receipt; it is not read to its end.
    """
    position = 0
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise _no_receipt(position)
        yield line
        position += 1


def _read_json_lines(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    for position, line in enumerate(_lines(stream)):
        if not wanted(position):
            continue
        try:
            receipt = parse_json(line.decode())
        except (BrokenJsonError, UnicodeDecodeError):
            receipt = None
        yield position, _checked(receipt, position)


def _checked(receipt: Any, position: int) -> Receipt:
    """
    Return a receipt if it is one: texts and None by field name.

    :raises AudienceError: it is anything else; what was edited by hand is not guessed at.
    """
    if isinstance(receipt, dict) and {*map(type, receipt.values())} <= _TYPES:
        return receipt
    raise _no_receipt(position)


def _read_csv(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    records = csv.reader((line.decode() for line in _lines(stream)), strict=True)
    names: list[str] | None = None
    position = 0
    while (cells := _next_record(records, position)) is not None:
        if names is None:
            # Checked as strictly as a record: with a header that cannot be read, it is not known what is missing.
            names = _header(cells)
            continue
        if len(cells) != len(names):
            raise _no_receipt(position)
        if wanted(position):
            if "'" in "".join(cells):
                cells = [as_given(cell) for cell in cells]
            yield position, {name: cell or None for name, cell in zip(names, cells, strict=True)}
        position += 1


def _next_record(records: Iterator[list[str]], position: int) -> list[str] | None:
    try:
        return next(records, None)
    except (csv.Error, UnicodeDecodeError):
        broken = _no_receipt(position)
    # Outside the except clause: the error of the decoder holds the bytes of the line.
    raise broken


def _header(cells: list[str]) -> list[str]:
    if "outcome" not in cells or len(set(cells)) != len(cells):
        raise AudienceError("the receipts file has a header that is not one of receipts", advice=_ADVICE)
    return cells


def _read_parquet(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    position = 0
    try:
        source = ParquetFile(stream, pre_buffer=False, buffer_size=1024 * 1024)
        if any(size > _LARGEST_ROW_GROUP for size in _unpacked_sizes(source)):
            raise ValueError("a row group that no campaign wrote")
        for batch in source.iter_batches(batch_size=4096, use_threads=False):
            names = batch.schema.names
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if wanted(position):
                    yield position, _checked(dict(zip(names, cells, strict=True)), position)
                position += 1
    except (ArrowException, ValueError):
        broken = True
    except OSError as error:
        # pyarrow reports damaged pages as an OSError without an errno; errors of the storage have one.
        if error.errno is not None:
            raise
        broken = True
    else:
        broken = False
    # Outside the except clauses: pyarrow's error must not be chained to this one, because it may quote a receipt.
    if broken:
        raise _no_receipt(position)


def _unpacked_sizes(source: Any) -> Iterator[int]:
    metadata = source.metadata
    return (metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


@contextmanager
def _unpacked(stream: IO[bytes], *, packed: bool) -> Iterator[IO[bytes]]:
    if not packed:
        yield stream
        return
    try:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=stream, mode="rb"))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        broken = True
    else:
        broken = False
    if broken:
        raise AudienceError("the receipts file is cut or damaged: it cannot be unpacked", advice=_ADVICE)


def _no_receipt(position: int) -> AudienceError:
    msg = "the receipts file has a line that is not a receipt"
    return AudienceError(msg, row=position + 1, advice=_ADVICE)


_ADVICE = "The file was cut or edited: clear the send task, it rebuilds the receipts without sending."
