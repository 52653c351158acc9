# SPDX-License-Identifier: Apache-2.0
"""Recognise the format of a file by its first bytes, whatever its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.sources.excel import workbook_kind

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.sources.files import OpenedFile

PARQUET = "parquet"
WORKBOOK = "xlsx"

_MARKS = (
    (b"PAR1", PARQUET),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls), or one with a password"),
    (b"\x1f\x8b", "packed with gzip twice"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"ARROW1", "an Arrow or Feather file"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"{\\rtf", "an RTF document"),
)
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_MARKUP = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<head", b"<meta", b"<style")


def kind_of(file: OpenedFile) -> str | None:
    """
    Return ``parquet`` or ``xlsx`` for a file that begins as these do, another binary format in words, None for text.

    A zip archive is opened, to tell a workbook from others.
    """
    start = file.start
    if start.startswith((_ZIP, _EMPTY_ZIP)):
        return workbook_kind(file.seekable())
    for mark, kind in _MARKS:
        if start.startswith(mark):
            return kind
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "an HTML or XML page" if text.startswith(_MARKUP) else None
