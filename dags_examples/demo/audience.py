# SPDX-License-Identifier: Apache-2.0
"""
Audiences as a shop would export them: mostly fine, with everything in them that real files have.

The last four digits of a number tell the simulator what to do with it (table in docs/simulator.md). No number here is
anybody's: the mainland ones are made up, the others are those that regulators set aside for films.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHINA_ROWS = 1000
GLOBE_ROWS = 600

USUAL_ROWS, TEN_TIMES_ROWS = 300, 3000
GUARDED_PREFIX = "1381"
"""How the numbers begin that only the third campaign has."""

_CHINESE_NAMES = ("张伟", "王芳", "李娜", "刘洋", "陈静", "杨磊", "赵敏", "黄强", "周婷", "吴昊")
_NAMES = ("Amelia", "Oliver", "Isla", "Noah", "Léa", "Hugo", "Chloé", "Jack", "Zoë", "Liam")

# last four digits -> how many: refused by the gateway, failed at the carrier, never answered
_CHINA_MAGIC = {"0501": 4, "0502": 3, "0503": 2, "0401": 8, "0402": 4, "0403": 3, "0404": 6}
_GLOBE_MAGIC = ("0501", "0401", "0402", "0403", "0404")
_GLOBE_MAGIC_PREFIXES = ("+44770090", "+3363998", "+6149157")

Row = tuple[str, str, str]


def write_china(path: Path) -> int:
    """Write the China campaign's file and return its number of rows."""
    odd = [*_china_unusable(), *_china_magic(), *_china_repeated()]
    usual = [_china_row(number) for number in range(CHINA_ROWS - len(odd))]
    return _write(path, header=("phone_number", "name", "points"), rows=_mix(usual, odd))


def write_globe(path: Path) -> int:
    """Write the Globe campaign's file and return its number of rows."""
    odd = [*_globe_unusable(), *_globe_magic(), *_globe_repeated()]
    usual = [_globe_row(number) for number in range(GLOBE_ROWS - len(odd))]
    return _write(path, header=("to", "name", "code"), rows=_mix(usual, odd))


def write_usual(path: Path) -> int:
    """Write the file of the third campaign and return its number of rows."""
    return _write(path, header=("phone_number", "name", "points"), rows=_guarded(USUAL_ROWS))


def write_ten_times(path: Path) -> int:
    """Write the same with ten times as many people, by a mistake in a join, say."""
    return _write(path, header=("phone_number", "name", "points"), rows=_guarded(TEN_TIMES_ROWS))


def write_opted_out(path: Path) -> int:
    """Write the list of those who want nothing any more: three of the usual people."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("phone_number\n" + "".join(f"+86 {row[0]}\n" for row in _guarded(3)))
    return 3


def _guarded(size: int) -> list[Row]:
    return [
        (f"{GUARDED_PREFIX}000{1000 + number}", _CHINESE_NAMES[number % len(_CHINESE_NAMES)], "88")
        for number in range(size)
    ]


def _china_row(number: int, *, spelling: str = "1380000{}") -> Row:
    name = _CHINESE_NAMES[number % len(_CHINESE_NAMES)]
    return spelling.format(1000 + number), name, str(5 + number * 37 % 900)


def _china_unusable() -> list[Row]:
    wrong = (
        "1380000",
        "12345678901",
        "0571-88880000",
        "138-0000-12x4",
        "1380000123456",
        "8613800",
        "电话",
        "-",
    )
    return [
        *((number, "陈静", "10") for number in wrong),
        *(("", "赵敏", "10") for _ in range(3)),
        *((f"1380900{1000 + number}", "很" * 36, "10") for number in range(4)),
        *((f"1380901{1000 + number}", "周婷", "") for number in range(2)),
    ]


def _china_magic() -> list[Row]:
    return [
        (f"1380{nth:03}{ending}", _CHINESE_NAMES[nth % len(_CHINESE_NAMES)], "66")
        for ending, times in _CHINA_MAGIC.items()
        for nth in range(1, times + 1)
    ]


def _china_repeated() -> list[Row]:
    spellings = ("1380000{}", "+86 138 0000 {}", "0086-138-0000-{}", "861380000{}")
    return [_china_row(number, spelling=spellings[number % len(spellings)]) for number in range(20)]


def _globe_row(number: int) -> Row:
    phone = f"+447700900{600 + number}" if number < 400 else f"+3363998{1000 + number}"
    return phone, _NAMES[number % len(_NAMES)], f"SPRING{10 + number % 3 * 5}"


def _globe_unusable() -> list[Row]:
    refused = [f"+1 212 555 01{number:02}" for number in range(10)]
    refused += [f"+86 138 0000 {1000 + number}" for number in range(8)]
    return [
        *((number, "Noah", "SPRING10") for number in refused),
        *(
            (number, "Isla", "SPRING10")
            for number in ("07700 900123", "+44 7700", "+999 123 456", "n/a", "+")
        ),
        *((f"+61 491 570 {number}", "Zoë", "") for number in (156, 157, 158)),
    ]


def _globe_magic() -> list[Row]:
    return [
        (prefix + ending, _NAMES[nth], "SPRING20")
        for ending in _GLOBE_MAGIC
        for nth, prefix in enumerate(_GLOBE_MAGIC_PREFIXES)
    ]


def _globe_repeated() -> list[Row]:
    return [_globe_row(number) for number in range(12)]


def _mix(usual: Sequence[Row], odd: Sequence[Row]) -> list[Row]:
    """Spread the odd rows evenly, beginning after the first few usual ones."""
    rows = list(usual)
    step = len(usual) // len(odd)
    for nth, row in enumerate(odd):
        rows.insert(5 + nth * (step + 1), row)
    return rows


def _write(path: Path, *, header: Row, rows: Sequence[Row]) -> int:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return len(rows)
