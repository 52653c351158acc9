# SPDX-License-Identifier: Apache-2.0
"""Choose the reader for an audience: a list, or a file by the ending of its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_aliyunsms.audience.rows import PHONE_NUMBER, Block, OpenBinary, row_blocks
from airflow_provider_aliyunsms.audience.sources.columns import Columns
from airflow_provider_aliyunsms.audience.sources.csv import read_csv
from airflow_provider_aliyunsms.audience.sources.files import (
    GZIP_ENDING,
    FileOptions,
    Fingerprint,
    no_fingerprint,
)
from airflow_provider_aliyunsms.audience.sources.jsonl import read_jsonl
from airflow_provider_aliyunsms.audience.sources.lists import read_list
from airflow_provider_aliyunsms.audience.sources.parquet import check_parquet, read_parquet
from airflow_provider_aliyunsms.audience.sources.text import check_encoding
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

_TEXT: Mapping[str, Callable[[str, FileOptions], Iterator[Block]]] = {
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json-lines": read_jsonl,
}
_PARQUET = ".parquet"
FILE_ENDINGS = (*_TEXT, _PARQUET)
"""The file endings that can be read; each may be followed by ``.gz``."""


def read_blocks(
    source: object,
    *,
    number_field: str = PHONE_NUMBER,
    open_binary: OpenBinary,
    fingerprint: Fingerprint = no_fingerprint,
    columns: Columns | None = None,
    encoding: str | None = None,
) -> Iterator[Block]:
    """
    Return the rows of an audience in order, as an iterator over blocks of up to some thousand rows.

    The kind of source is checked at once. A file is opened when the first block is asked for, and its errors come
    after the rows before them. Reading a source twice gives the same rows, except for an iterator that can be read
    only once.

    :param source: an iterable of numbers or mappings, or of lists of these, or the path or URI of a file ending in
        one of :data:`FILE_ENDINGS`, packed with gzip or not.
    :param number_field: the key that holds the phone number, ``phone_number`` or ``to``.
    :param open_binary: opens a path or URI for reading bytes.
    :param fingerprint: returns a value that differs once a file has changed.
    :param columns: the mapping of the source's column names to field names, where they differ.
    :param encoding: the encoding of a text file; None for UTF-8 with or without a byte order mark.
    :raises AudienceError: when the source or a row has the wrong shape; the error never holds a value of a row.
    :raises ConfigurationError: when the file's ending or encoding is unknown, an encoding is given for a source that
        is not a text file, or ``pyarrow`` is not installed.
    """
    path = check_source(source)
    reading = FileOptions(
        number_field=number_field,
        open_binary=open_binary,
        fingerprint=fingerprint,
        columns=columns or Columns(),
        encoding=check_encoding(encoding),
    )
    ending = None if path is None else _ending(path)
    if encoding is not None and ending not in _TEXT:
        msg = "encoding means something for CSV and JSON-lines files only"
        raise ConfigurationError(msg, advice="Leave it out.")
    if path is None:
        return row_blocks(read_list(source, number_field=number_field, columns=reading.columns))  # type: ignore[arg-type] # check_source saw an iterable
    if ending == _PARQUET:
        check_parquet()
        return read_parquet(path, reading)
    return _TEXT[_ending(path)](path, reading)


def check_source(source: object) -> str | None:
    """
    Return the path or URI that a source names, or None when it holds the rows itself. Opens and reads nothing.

    :raises AudienceError: when the source is neither a path nor an iterable of rows.
    :raises ConfigurationError: when the file's ending is unknown.
    """
    path = _path_of(source)
    if path is not None:
        _ending(path)
        return path
    if isinstance(source, Mapping | bytes | bytearray | memoryview) or not isinstance(source, Iterable):
        msg = (
            f"Recipients cannot be a {type(source).__name__}: give a list of numbers or mappings, "
            f"or the path of a file."
        )
        raise AudienceError(msg)
    return None


def _path_of(source: Any) -> str | None:
    if isinstance(source, str):
        return source
    if isinstance(source, os.PathLike):
        return os.fsdecode(source)
    # Storage paths such as Airflow's ObjectStoragePath are not os.PathLike; str() of one is its URI.
    return str(source) if hasattr(source, "as_uri") else None


def _ending(path: str) -> str:
    lower = path.lower().removesuffix(GZIP_ENDING)
    for ending in FILE_ENDINGS:
        if lower.endswith(ending):
            return ending
    msg = (
        f"Recipients given as text must be the path of a file ending in {', '.join(FILE_ENDINGS)}, "
        f"with or without {GZIP_ENDING}."
    )
    raise ConfigurationError(msg, advice="put a single phone number into a list.")
