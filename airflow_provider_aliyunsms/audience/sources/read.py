# SPDX-License-Identifier: Apache-2.0
"""Choose the reader for an audience: a list, a data frame, or a file by its ending and its first bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.audience.fields import PHONE_NUMBER
from airflow_provider_aliyunsms.audience.phone_numbers import compact_number
from airflow_provider_aliyunsms.audience.rows import Block, OpenBinary
from airflow_provider_aliyunsms.audience.sources.cells import check_null_values, without_nulls
from airflow_provider_aliyunsms.audience.sources.columns import Columns
from airflow_provider_aliyunsms.audience.sources.csv import check_delimiter, read_csv, read_txt
from airflow_provider_aliyunsms.audience.sources.excel import check_excel, read_excel
from airflow_provider_aliyunsms.audience.sources.files import (
    GZIP_ENDING,
    FileOptions,
    Fingerprint,
    OpenedFile,
    no_fingerprint,
    opened,
)
from airflow_provider_aliyunsms.audience.sources.frames import is_frame, read_frame
from airflow_provider_aliyunsms.audience.sources.json import read_json
from airflow_provider_aliyunsms.audience.sources.lists import read_list
from airflow_provider_aliyunsms.audience.sources.marks import PARQUET, WORKBOOK, kind_of
from airflow_provider_aliyunsms.audience.sources.parquet import check_parquet, read_parquet
from airflow_provider_aliyunsms.audience.sources.text import check_encoding
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

Reader = Callable[[OpenedFile, FileOptions], Iterator[Block]]

_CELLS: Mapping[str, Reader] = {".csv": read_csv, ".tsv": read_csv, ".txt": read_txt}
_JSON: Mapping[str, Reader] = {
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json-lines": read_json,
    ".json": read_json,
}
_BINARY: Mapping[str, Reader] = {".parquet": read_parquet, ".xlsx": read_excel, ".xlsm": read_excel}
_READERS = {**_CELLS, **_JSON, **_BINARY}
_BY_KIND: Mapping[str, Reader] = {PARQUET: read_parquet, WORKBOOK: read_excel}
_CHECKS: Mapping[Reader, Callable[[], None]] = {read_parquet: check_parquet, read_excel: check_excel}
FILE_ENDINGS = (*_READERS,)
"""The file endings that can be read; each may be followed by ``.gz``."""

_SAVE_AS_XLSX = "open it and save it as .xlsx, or as CSV UTF-8."
# Endings of files that people try, and what to do with them.
_OTHER_ENDINGS = {
    ".xls": _SAVE_AS_XLSX,
    ".xlsb": _SAVE_AS_XLSX,
    ".ods": _SAVE_AS_XLSX,
    ".numbers": "export it as CSV, or as .xlsx.",
    ".zip": "unpack it, and give the path of the file in it.",
    ".7z": "unpack it, and give the path of the file in it.",
    ".rar": "unpack it, and give the path of the file in it.",
    ".bz2": "unpack it, or pack it with gzip (.gz).",
    ".xz": "unpack it, or pack it with gzip (.gz).",
    ".zst": "unpack it, or pack it with gzip (.gz).",
    ".feather": "write it as .parquet.",
    ".arrow": "write it as .parquet.",
    ".orc": "write it as .parquet.",
    ".avro": "write it as .parquet.",
    ".xml": "write it as CSV or JSON lines.",
    ".html": "open it in Excel and save it as .xlsx, or as CSV UTF-8.",
    ".pdf": "get the table behind it as .xlsx or CSV.",
    ".doc": "put the table into a workbook and save it as .xlsx.",
    ".docx": "put the table into a workbook and save it as .xlsx.",
    ".vcf": "write the numbers as CSV.",
    ".sql": "give a query as recipients_sql.",
}


def read_blocks(
    source: object,
    *,
    open_binary: OpenBinary,
    number_field: str = PHONE_NUMBER,
    fingerprint: Fingerprint = no_fingerprint,
    columns: Columns | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    null_values: Collection[str] | None = None,
    facts: SourceFacts | None = None,
) -> Iterator[Block]:
    """
    Return the rows of an audience in order, as an iterator over blocks of up to some thousand rows.

    The kind of source is checked at once. A file is opened when the first block is asked for, and its errors come
    after the rows before them. Reading a source twice gives the same rows, except for an iterator that can be read
    only once.

    :param source: an iterable of numbers or mappings, or of lists of these; the same as JSON text; a data frame; or
        the path or URI of a file ending in one of :data:`FILE_ENDINGS`, packed with gzip or not.
    :param open_binary: opens a path or URI for reading bytes.
    :param number_field: the key that holds the phone number, ``phone_number`` or ``to``.
    :param fingerprint: returns a value that differs once a file has changed.
    :param columns: the mapping of the source's column names to field names, where they differ.
    :param encoding: the encoding of a text file; None for UTF-8, or UTF-16 with its mark.
    :param delimiter: the character between the cells of a CSV file; None to find it in the header.
    :param sheet: the sheet of a workbook; None for the only one that holds something.
    :param null_values: the texts that stand for an empty cell; None for the usual ones.
    :param facts: takes what the source turned out to be.
    :raises AudienceError: when the source or a row has the wrong shape; the error never holds a value of a row.
    :raises ConfigurationError: when the file's ending or encoding is unknown, a parameter is given that means nothing
        for this source, or the package for the format is not installed.
    """
    facts = SourceFacts() if facts is None else facts
    nulls = check_null_values(null_values)
    reading = FileOptions(
        open_binary=open_binary,
        fingerprint=fingerprint,
        columns=(columns or Columns()).of(number_field),
        encoding=check_encoding(encoding),
        delimiter=check_delimiter(delimiter),
        sheet=sheet,
        facts=facts,
    )
    rows = _from_text(source)
    path = check_source(rows)
    ending = None if path is None else _ending(path)
    _check_options(ending, encoding=encoding, delimiter=delimiter, sheet=sheet)
    if path is not None and ending is not None:
        _CHECKS.get(_READERS[ending], _nothing)()
        blocks = _read_file(path, ending, reading)
    elif is_frame(rows):
        blocks = read_frame(rows, columns=reading.columns, facts=facts)
    else:
        blocks = read_list(rows, columns=reading.columns, facts=facts)
    return without_nulls(blocks, nulls=nulls, facts=facts)


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
    if is_frame(source):
        return None
    if source is None:
        msg = (
            "There are no recipients: the task that should return them returned None, was skipped or failed."
        )
        raise AudienceError(msg, advice="return a list, or the path of a file; an empty list sends nothing.")
    if isinstance(source, Mapping | bytes | bytearray | memoryview) or not isinstance(source, Iterable):
        msg = (
            f"Recipients cannot be a {type(source).__name__}: give a list of numbers or mappings, "
            f"a data frame, or the path of a file."
        )
        raise AudienceError(msg)
    return None


def _read_file(path: str, ending: str, reading: FileOptions) -> Iterator[Block]:
    with opened(path, reading) as file:
        reader = _READERS[ending]
        kind = kind_of(file)
        if kind is not None and kind in _BY_KIND:
            reader = _BY_KIND[kind]
        elif kind is not None:
            msg = f"The audience file '{file.name}' is {kind}."
            raise AudienceError(msg, advice=_advice_for(kind))
        elif ending in (".xlsx", ".xlsm") and file.start:
            msg = f"The audience file '{file.name}' is no Excel workbook, though its name says so."
            raise AudienceError(msg, advice="name the file after what is in it, such as .csv for text.")
        if reader is not _READERS[ending]:
            reading.facts.details["name"] = f"says {ending}"
            _CHECKS[reader]()
        yield from reader(file, reading)


def _advice_for(kind: str) -> str:
    if "archive" in kind or "packed" in kind:
        return "unpack it, and give the path of the file in it."
    return "save the table as .xlsx or as CSV UTF-8, and give that file."


def _check_options(
    ending: str | None, *, encoding: str | None, delimiter: str | None, sheet: str | None
) -> None:
    means = (
        ("encoding", encoding, {*_CELLS, *_JSON}, "CSV and JSON files"),
        ("delimiter", delimiter, {*_CELLS}, "CSV files"),
        ("sheet", sheet, {".xlsx", ".xlsm"}, "Excel workbooks"),
    )
    for name, value, endings, files in means:
        if value is not None and ending not in endings:
            msg = f"{name} means something for {files} only"
            raise ConfigurationError(msg, advice="Leave it out.")


def _from_text(source: Any) -> Any:
    """Return the rows that a text holds as a JSON list, as a template with the filter tojson renders it."""
    if not isinstance(source, str) or not source.strip().startswith("["):
        return source
    rows = None
    try:
        rows = parse_json(source.strip())
    except BrokenJsonError:
        if not source.rstrip().endswith("]"):
            return source
    if rows is None:
        msg = "Recipients are the text of a list, not a list."
        raise ConfigurationError(
            msg,
            advice="give the output of the task itself, or use render_template_as_native_obj=True or the filter "
            "tojson in the template.",
        )
    return rows


def _path_of(source: Any) -> str | None:
    if isinstance(source, str):
        return source
    if isinstance(source, os.PathLike):
        return os.fsdecode(source)
    # Storage paths such as Airflow's ObjectStoragePath are not os.PathLike; str() of one is its URI.
    return str(source) if hasattr(source, "as_uri") else None


def _ending(path: str) -> str:
    lower = path.strip().lower().removesuffix(GZIP_ENDING)
    for ending in FILE_ENDINGS:
        if lower.endswith(ending):
            return ending
    for other, advice in _OTHER_ENDINGS.items():
        if lower.endswith(other):
            msg = f"Files ending in {other} cannot be read; {_ENDINGS} can."
            raise ConfigurationError(msg, advice=advice)
    msg = f"Recipients given as text must be the path of a file ending in {_ENDINGS}, with or without {GZIP_ENDING}."
    raise ConfigurationError(msg, advice=_advice_for_text(path.strip()))


_ENDINGS = ", ".join(FILE_ENDINGS)


def _advice_for_text(text: str) -> str:
    if text in ("", "None", "null"):
        return "the task or template that should give the recipients gave nothing."
    if text.startswith(("{", "(", "<")):
        return (
            "give the output of the task itself, or use render_template_as_native_obj=True or the filter tojson in "
            "the template."
        )
    digits = compact_number(text).removeprefix("+")
    if digits.isascii() and digits.isdigit():
        return "put a single phone number into a list."
    return "give the path of such a file, or a list."


def _nothing() -> None:
    """Check nothing."""
