# SPDX-License-Identifier: Apache-2.0
"""Receipt files: JSON lines, CSV or Parquet, as the path ends, written and read back in flat memory."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_aliyunsms.audience.sources import check_parquet
from airflow_provider_aliyunsms.campaign.receipts.encoders import write_csv, write_json_lines, write_parquet
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.receipts.receipts import Receipts

Receipt = Mapping[str, Any]
Wanted = Callable[[int], bool]

RECEIPT_ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
_GZIP = ".gz"


def is_receipt_file(path: str) -> bool:
    """
    Tell a file from a folder by its ending, and make sure that it can be written. Reads nothing.

    :raises ConfigurationError: for gzip of another format, and for Parquet without ``pyarrow``.
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
    Write receipts in the format of the path; equal receipts give equal bytes, however their runs are cut.

    The fields are the same in every format, and all of them are text: in CSV an empty cell stands for None.

    :param path: decides on the format; JSON lines unless its ending says otherwise.
    :param stream: where to write; it is left open.
    """
    ending = _ending(path) or ""
    if ending == ".parquet":
        write_parquet(receipts, stream)
        return
    write = write_csv if ending.startswith(".csv") else write_json_lines
    if ending.endswith(_GZIP):
        # Name and time would be in the header, and a rebuilt file would not be the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as packed:
            write(receipts, cast("IO[bytes]", packed))
    else:
        write(receipts, stream)


def read_receipts(*, path: str, stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    """
    Read wanted receipts back with their positions, counted from 0; the others are passed over unparsed.

    :raises AudienceError: naming the row that is no receipt, never its content.
    :raises ConfigurationError: for Parquet without ``pyarrow``.
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


def _read_json_lines(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    for position, line in enumerate(stream):
        if not wanted(position):
            continue
        try:
            receipt = json.loads(line)
        except ValueError:
            receipt = None
        if not isinstance(receipt, dict):
            raise _no_receipt(position)
        yield position, receipt


def _read_csv(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    records = csv.reader((line.decode() for line in stream), strict=True)
    position = -1  # the header's
    names: list[str] = []
    while True:
        try:
            cells = next(records)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError):
            cells = []
        if position < 0:
            names = cells
        elif len(cells) != len(names):
            raise _no_receipt(position)
        elif wanted(position):
            yield position, {name: cell or None for name, cell in zip(names, cells, strict=True)}
        position += 1


def _read_parquet(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[int, Receipt]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    position = 0
    try:
        source = ParquetFile(stream, pre_buffer=False, buffer_size=1024 * 1024)
        for batch in source.iter_batches(batch_size=4096, use_threads=False):
            names = batch.schema.names
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if wanted(position):
                    yield position, dict(zip(names, cells, strict=True))
                position += 1
    except (ArrowException, ValueError):
        broken = True
    except OSError as error:
        # Damaged pages are reported as plain OSErrors; those of the storage carry a number.
        if error.errno is not None:
            raise
        broken = True
    else:
        broken = False
    if broken:
        raise _no_receipt(position)


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
