# SPDX-License-Identifier: Apache-2.0
"""Search everything that an Airflow has written: every cell of its database, and every file, unpacked if need be."""

from __future__ import annotations

import base64
import contextlib
import gzip
import re
import sqlite3
import urllib.parse
import zlib
from collections import defaultdict
from pathlib import Path

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")


def in_database(path, needles):
    """Give ``{needle: {"table.column", ...}}`` for every cell that holds a needle, plain, escaped or packed."""
    found = defaultdict(set)
    with contextlib.closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            columns = [row[1] for row in database.execute(f'pragma table_info("{table}")')]
            for row in database.execute(f'select * from "{table}"'):
                for column, value in zip(columns, row, strict=True):
                    for needle in _held(value, needles):
                        found[needle].add(f"{table}.{column}")
    return dict(found)


def in_files(root, needles, *, skip=()):
    """Give ``{needle: {relative path, ...}}`` for every file below a folder that holds a needle, also in its name."""
    found = defaultdict(set)
    root = Path(root)
    for path in root.rglob("*"):
        relative = path.relative_to(root).as_posix()
        if not path.is_file() or any(relative.startswith(prefix) for prefix in skip):
            continue
        for needle in _held(path.read_bytes(), needles) | _held(relative, needles):
            found[needle].add(relative)
    return dict(found)


def in_text(text, needles):
    """Give the needles that a text holds, plain, escaped or packed."""
    return _held(text, needles)


def _held(value, needles):
    if value is None:
        return set()
    text = value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
    held = set()
    # Each reading once, for all needles: a log of megabytes is slow to unquote.
    for each in _readings(text, value):
        held.update(needle for needle in needles if needle in each)
    return held


def _readings(text, raw):
    yield text
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    if "%" in text:
        yield urllib.parse.unquote_plus(text)
    if isinstance(raw, bytes) and raw[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(raw).decode("utf-8", "replace")
    for packed in _BASE64.findall(text):
        with contextlib.suppress(ValueError):
            data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
            yield data.decode("utf-8", "replace")
            with contextlib.suppress(zlib.error):
                yield zlib.decompress(data).decode("utf-8", "replace")
