# SPDX-License-Identifier: Apache-2.0
"""The audience of every benchmark: made-up numbers, two variables, Chinese in each row."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path

SIGN_NAME = "阿里云测试"
TEMPLATE_CODE = "SMS_152550005"
CHUNK = 100
HEADER = "phone_number,name,code\n"


def number(index):
    """Return the made-up number of a row: eleven digits, different for every row."""
    return str(13_800_000_000 + index)


def name(index):
    return f"张三{index % 1000}"


def code(index):
    return f"{index * 7919 % 1_000_000:06d}"


def write_csv(path, size):
    """Write an audience of ``size`` rows."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        for start in range(0, size, 10_000):
            rows = range(start, min(start + 10_000, size))
            stream.write("".join(f"{number(index)},{name(index)},{code(index)}\n" for index in rows))
    return path


def batch(start=0):
    """Return numbers, signatures and variables of one call."""
    rows = range(start, start + CHUNK)
    return (
        [number(index) for index in rows],
        [SIGN_NAME] * CHUNK,
        [{"name": name(index), "code": code(index)} for index in rows],
    )


def batches(path):
    """Read an audience a call at a time, as people do who write the loop themselves."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        while chunk := list(islice(rows, CHUNK)):
            yield (
                [row["phone_number"] for row in chunk],
                [SIGN_NAME] * len(chunk),
                [{"name": row["name"], "code": row["code"]} for row in chunk],
            )


def as_json(value):
    """Encode as a person who knows Chinese text would, with the SDK."""
    return json.dumps(value, ensure_ascii=False)
