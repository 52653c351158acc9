# SPDX-License-Identifier: Apache-2.0
"""Read a Parquet file as blocks of rows."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from airflow_provider_aliyunsms.audience.disk import disk_before_sending
from airflow_provider_aliyunsms.audience.rows import BLOCK
from airflow_provider_aliyunsms.audience.sources.columns import Table
from airflow_provider_aliyunsms.audience.sources.files import is_packed, opened
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions


def check_parquet() -> None:
    """
    Check that Parquet can be read and written. The first call imports the large package ``pyarrow``.

    :raises ConfigurationError: when ``pyarrow`` is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401 - only whether it is there
    except ImportError:
        msg = "Parquet files need the package pyarrow"
        raise ConfigurationError(msg, advice="pip install 'airflow-provider-aliyunsms[parquet]'.") from None


BATCH = BLOCK
_BLOCK = 1024 * 1024


def read_parquet(path: str, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of a Parquet file in blocks; columns the API does not know are template variables.

    A small batch of a row group is held in memory at a time. A Parquet file is read from its end, so that one packed
    with gzip is first unpacked into a nameless file on local disk.

    :param path: a path or URI, ending in ``.gz`` when the file is packed with gzip.
    :raises AudienceError: for a file that is not Parquet or is damaged, columns as in
        :func:`~airflow_provider_aliyunsms.audience.sources.csv.read_csv`, a value that has no Python form, a full
        local disk, or an unreadable file.
    """
    with opened(path, reading) as stream, _seekable(stream, packed=is_packed(path)) as file:
        yield from _blocks(file, reading)


def _blocks(file: BinaryIO, reading: FileOptions) -> Iterator[Block]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        # Without pre_buffer=False and a buffer_size, whole column chunks of a row group would be in memory at once.
        source = ParquetFile(file, pre_buffer=False, buffer_size=_BLOCK)
        table = Table(
            source.schema_arrow.names,
            columns=reading.columns,
            number_field=reading.number_field,
            place="Parquet file",
        )
        for batch in source.iter_batches(batch_size=BATCH, use_threads=False):
            records = [*zip(*(column.to_pylist() for column in batch.columns), strict=True)]
            if records:
                yield table.block(records, number + 1)
            number += len(records)
    except (ArrowException, ValueError, OverflowError) as error:
        problem = type(error).__name__
    except OSError as error:
        # Damaged pages are reported as OSErrors without an errno; the errors of a storage carry one.
        if error.errno is not None:
            raise
        problem = "damaged data"
    else:
        return
    # Raised outside the handlers, because the reader's error texts can hold values of rows.
    msg = f"After row {number} the audience file cannot be read as Parquet ({problem})."
    raise AudienceError(msg, row=number, advice="write the file again, or copy it again.")


@contextmanager
def _seekable(stream: BinaryIO, *, packed: bool) -> Iterator[BinaryIO]:
    if not packed:
        yield stream
        return
    with disk_before_sending():
        scratch = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, the disk's errors are told apart here
    with scratch:
        # The source is read outside disk_before_sending: its errors must not be reported as a full disk.
        while block := stream.read(_BLOCK):
            with disk_before_sending():
                scratch.write(block)
        with disk_before_sending():
            scratch.seek(0)
        yield cast("BinaryIO", scratch)
