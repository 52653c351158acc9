# SPDX-License-Identifier: Apache-2.0
"""Read a Parquet file as blocks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_aliyunsms.audience.rows import BLOCK
from airflow_provider_aliyunsms.audience.sources.cells import check_number_type, is_single_type, short_single
from airflow_provider_aliyunsms.audience.sources.columns import Table
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.files import FileOptions, OpenedFile


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


def read_parquet(file: OpenedFile, reading: FileOptions) -> Iterator[Block]:
    """
    Yield the rows of a Parquet file in blocks; columns the API does not know are template variables.

    A small batch of a row group is held in memory at a time. A Parquet file is read from its end, so that one packed
    with gzip is first unpacked into a nameless file on local disk.

    :raises AudienceError: for a file that is not Parquet or is damaged, columns as in
        :func:`~airflow_provider_aliyunsms.audience.sources.csv.read_csv`, phone numbers in a column of 16 or 32-bit
        floats, a value that has no Python form, or a full local disk.
    """
    reading.facts.format = "Parquet"
    yield from _blocks(file.seekable(), reading)


def _blocks(file: BinaryIO, reading: FileOptions) -> Iterator[Block]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        # Without pre_buffer=False and a buffer_size, whole column chunks of a row group would be in memory at once.
        source = ParquetFile(file, pre_buffer=False, buffer_size=_BLOCK)
        schema = source.schema_arrow
        table = Table(schema.names, columns=reading.columns, place="Parquet file", facts=reading.facts)
        check_number_type(str(schema.types[table.number_position]))
        for batch in source.iter_batches(batch_size=BATCH, use_threads=False):
            records = [*zip(*map(arrow_cells, batch.columns), strict=True)]
            if records:
                yield table.block(records, number + 1, None)
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


def arrow_cells(column: Any) -> list[Any]:
    """Return the values of an Arrow column; those of a column of 32-bit floats as their shortest decimal."""
    cells: list[Any] = column.to_pylist()
    if not is_single_type(str(column.type)):
        return cells
    return [short_single(cell) for cell in cells]
