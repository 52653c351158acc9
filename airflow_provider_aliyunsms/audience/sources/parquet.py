# SPDX-License-Identifier: Apache-2.0
"""Rows of a Parquet file."""

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
    Make sure that Parquet can be read and written. The first call imports ``pyarrow``: some 0.3 seconds.

    :raises ConfigurationError: when it is not installed.
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
    The rows of a Parquet file, a small batch of a row group at a time; every other column is a variable.

    Such a file is read from its end, so one within gzip is first unpacked into a nameless file on local disk.

    :raises AudienceError: for a file that is no Parquet or damaged, columns as in a CSV file, a value that has no
        Python form, or an unreadable file.
    """
    with opened(path, reading) as stream, _seekable(stream, packed=is_packed(path)) as file:
        yield from _blocks(file, reading)


def _blocks(file: BinaryIO, reading: FileOptions) -> Iterator[Block]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        # Without these two, whole column chunks of a row group would be held at once.
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
        # Damaged pages are reported as plain OSErrors; those of the storage carry a number.
        if error.errno is not None:
            raise
        problem = "damaged data"
    else:
        return
    # Raised outside the handler: the reader's texts can hold values.
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
        while block := stream.read(_BLOCK):
            with disk_before_sending():
                scratch.write(block)
        with disk_before_sending():
            scratch.seek(0)
        yield cast("BinaryIO", scratch)
