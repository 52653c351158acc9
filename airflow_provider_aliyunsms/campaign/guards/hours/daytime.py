# SPDX-License-Identifier: Apache-2.0
"""
Work out when the hours of a day are on in a time zone, over midnight and over changes of the clock.

The hours are on at a moment when the clock on the wall shows one of them, whatever the clock did before. So hours
that begin in a gap begin after it, and a clock that is set back can end them, or begin them, a second time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
"""Beginning and end, in UTC; the end is not part of it."""

HORIZON: Final = timedelta(days=15)
"""How far spans are looked for: further than a week, because a change of the clock can swallow short hours once."""

_DAY_MINUTES: Final = 24 * 60
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_LIST = re.compile(r"[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*")
# The clock of no place is set twice within so short a time, so that no change of it is passed over.
_STEP: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayHours:
    """
    Hours of the day, the same on each day or on some weekdays only.

    :param begin: minutes after midnight of the first one.
    :param end: minutes after midnight of the first one that is none of them; before ``begin`` for hours over
        midnight.
    :param weekdays: the days on which they begin, 0 for Monday.
    """

    begin: int
    end: int
    weekdays: frozenset[int]

    def hold_at(self, local: datetime) -> bool:
        """Return whether they are on when the clock on the wall shows this."""
        minute = local.hour * 60 + local.minute
        today = local.weekday()
        if self.begin < self.end:
            return self.begin <= minute < self.end and today in self.weekdays
        if minute >= self.begin:
            return today in self.weekdays
        # What is left of the hours that began the evening before.
        return minute < self.end and (today - 1) % 7 in self.weekdays

    def spans(self, *, zone: ZoneInfo, since: datetime) -> list[Span]:
        """
        Return the spans in which they are on in a zone, from a moment to the :data:`HORIZON`, in their order.

        Costs about a millisecond.

        :param since: the moment, in UTC.
        """
        until = since + HORIZON
        edges = sorted({since, *(edge for edge in self._edges(zone, since, until) if since < edge < until)})
        found: list[Span] = []
        for edge, following in zip(edges, [*edges[1:], until], strict=True):
            if not self.hold_at(edge.astimezone(zone)):
                continue
            if found and found[-1][1] == edge:
                found[-1] = (found[-1][0], following)
            else:
                found.append((edge, following))
        return found

    def _edges(self, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield every moment at which they can begin or end: the clock shows it, or was set."""
        day = since.astimezone(zone).date() - timedelta(days=1)
        last = until.astimezone(zone).date() + timedelta(days=1)
        while day <= last:
            for minutes in (0, self.begin, self.end % _DAY_MINUTES):
                yield from _moments(day, minutes, zone)
            day += timedelta(days=1)
        yield from _clock_changes(zone, since, until)


def _moments(day: date, minutes: int, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments at which a clock shows a time; of a time that it never shows, some moments near by."""
    shown = datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=zone)
    yield shown.astimezone(UTC)
    yield shown.replace(fold=1).astimezone(UTC)


def _clock_changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments at which the clock is set, to the second."""
    early = since
    while early < until:
        late = early + _STEP
        before = early.astimezone(zone).utcoffset()
        if late.astimezone(zone).utcoffset() != before:
            yield _change_between(zone, early, late)
        early = late


def _change_between(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    before = early.astimezone(zone).utcoffset()
    first = early.replace(microsecond=0)
    # The clock is set on a whole second; ``first`` always lies before it, ``first + span`` not.
    span = int((late - first).total_seconds()) + 1
    low, high = 0, span
    while high - low > 1:
        middle = (low + high) // 2
        if (first + timedelta(seconds=middle)).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return first + timedelta(seconds=high)


def common_spans(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """Return the spans that lie in both, in their order."""
    found: list[Span] = []
    here = there = 0
    while here < len(first) and there < len(second):
        begin = max(first[here][0], second[there][0])
        end = min(first[here][1], second[there][1])
        if begin < end:
            found.append((begin, end))
        if first[here][1] <= second[there][1]:
            here += 1
        else:
            there += 1
    return found


def read_clock(text: str, *, name: str, as_end: bool = False) -> int:
    """
    Return a time such as ``08:00`` as minutes after midnight.

    :param name: the name of the parameter, for the error.
    :param as_end: allow ``24:00``.
    :raises ConfigurationError: when it is anything else.
    """
    if not isinstance(text, str) or not _CLOCK.fullmatch(text) or (text == "24:00" and not as_end):
        raise ConfigurationError(
            f"{name}={text!r} is no time of day.",
            advice="Write hours and minutes with two digits each, such as 08:00.",
        )
    return int(text[:2]) * 60 + int(text[3:])


def read_weekdays(text: str | None) -> frozenset[int]:
    """
    Return the weekdays that a text such as ``mon-fri`` or ``mon,wed,fri`` names, 0 for Monday; all of them for None.

    :raises ConfigurationError: when it is anything else.
    """
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    if isinstance(text, str) and _DAY_LIST.fullmatch(text):
        for part in text.split(","):
            first, _, last = part.partition("-")
            if first in _DAYS and (last or first) in _DAYS:
                begin, end = _DAYS.index(first), _DAYS.index(last or first)
                found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
                continue
            found.clear()
            break
    if not found:
        raise ConfigurationError(
            f"weekdays={text!r} names no days of the week.",
            advice="Write a range or a list of mon, tue, wed, thu, fri, sat and sun, such as mon-fri.",
        )
    return frozenset(found)


def read_zone(name: str) -> ZoneInfo:
    """
    Return the time zone with this name.

    :raises ConfigurationError: when this machine knows no such zone.
    """
    from zoneinfo import ZoneInfo

    try:
        if isinstance(name, str) and name:
            return ZoneInfo(name)
    # A name that is not there is a KeyError, one that leads out of the folder a ValueError, a folder an OSError.
    except (KeyError, ValueError, OSError):
        pass
    raise ConfigurationError(
        f"tz={name!r} is no time zone that this machine knows.",
        advice="Write a name such as Asia/Shanghai; where it is right, install the package tzdata.",
    )
