# SPDX-License-Identifier: Apache-2.0
"""Write a date of a workbook as its cell shows it, by the number format of the cell."""

from __future__ import annotations

import datetime
import re

_TOKEN = re.compile(
    r'"([^"]*)"'  # a text in quotes
    r"|\\(.)"  # one character as it is
    r"|_."  # a space as wide as a character
    r"|\*."  # a character that fills the cell
    r"|\[\$([^\]-]*)(?:-[^\]]*)?\]"  # a text and a language
    r"|\[([hms]+)\]"  # a duration in one unit
    r"|\[[^\]]*\]"  # a colour or a condition
    r"|(AM/PM|A/P|上午/下午)"
    r"|(y+|m+|d+|h+|s+|a{3,4})"
    r"|\.(0+)"  # fractions of a second
    r"|(.)",
    re.IGNORECASE | re.DOTALL,
)
# Formats that every computer shows in its own way: the short date and the like, as the reader names them, and those
# that say "as in the settings of the system".
_OWN_WAY = {"mm-dd-yy", "m/d/yy h:mm", "general", "@"}
_BY_SYSTEM = re.compile(r"\[\$-(?:x-sys[a-z]+|F400|F800)", re.IGNORECASE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CHINESE_WEEKDAYS = "一二三四五六日"

DateValue = datetime.datetime | datetime.date | datetime.time | datetime.timedelta


def shown_date(value: DateValue, number_format: str) -> str:
    """
    Return a date, time or duration as the cell shows it.

    A format that each computer shows in its own way, such as the short date, gives the ISO form.

    :param number_format: the format of the cell, such as ``yyyy"年"m"月"d"日"``.
    """
    section = number_format.split(";")[0]
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if section.strip().lower() in _OWN_WAY or _BY_SYSTEM.search(section):
        return _iso(value)
    shown = "".join(_pieces(_moment(value), section)).strip()
    return shown or _iso(value)


def _moment(value: datetime.datetime | datetime.date | datetime.time) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a workbook knows no zones
    return datetime.datetime.combine(datetime.date(1900, 1, 1), value)


def _iso(value: datetime.datetime | datetime.date | datetime.time) -> str:
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ")
    return value.isoformat()


def _duration(value: datetime.timedelta) -> str:
    seconds = round(value.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _pieces(moment: datetime.datetime, section: str) -> list[str]:
    tokens = [*_TOKEN.finditer(section)]
    half_day = any(token.group(5) for token in tokens)
    pieces: list[str] = []
    hours_before = False
    for place, token in enumerate(tokens):
        quoted, escaped, currency, unit, noon, letters, fraction, other = token.groups()
        letters = unit or letters
        if letters is not None:
            letters = letters.lower()
            if letters[0] == "m" and len(letters) <= 2 and (hours_before or _seconds_follow(tokens, place)):
                pieces.append(_padded(moment.minute, letters))
            else:
                pieces.append(_part(moment, letters, half_day=half_day))
            hours_before = letters[0] == "h"
        elif noon is not None:
            pieces.append(_noon(moment, noon))
        elif fraction is not None:
            pieces.append("." + f"{moment.microsecond:06d}"[: len(fraction)])
        else:
            pieces.append(quoted or escaped or currency or other or "")
    return pieces


def _seconds_follow(tokens: list[re.Match[str]], place: int) -> bool:
    following = (token.group(4) or token.group(6) for token in tokens[place + 1 :])
    return next((letters[0].lower() == "s" for letters in following if letters), False)


def _part(moment: datetime.datetime, letters: str, *, half_day: bool) -> str:
    kind, length = letters[0], len(letters)
    if kind == "y":
        return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"
    if kind == "m":
        return _month(moment.month, length)
    if kind == "d":
        return _padded(moment.day, letters) if length <= 2 else _weekday(moment, length)
    if kind == "a":
        weekday = _CHINESE_WEEKDAYS[moment.weekday()]
        return weekday if length == 3 else f"星期{weekday}"
    if kind == "h":
        return _padded((moment.hour - 1) % 12 + 1 if half_day else moment.hour, letters)
    return _padded(moment.second, letters)


def _month(month: int, length: int) -> str:
    if length <= 2:
        return f"{month:02d}" if length == 2 else str(month)
    if length == 3:
        return _MONTHS[month - 1]
    return _LONG_MONTHS[month - 1][: 1 if length == 5 else None]


def _weekday(moment: datetime.datetime, length: int) -> str:
    return _WEEKDAYS[moment.weekday()][: 3 if length == 3 else None]


def _noon(moment: datetime.datetime, form: str) -> str:
    before, after = form.split("/")
    return before if moment.hour < 12 else after


def _padded(number: int, letters: str) -> str:
    return f"{number:02d}" if len(letters) >= 2 else str(number)
