# SPDX-License-Identifier: Apache-2.0
"""Judge a campaign by the clock: whether people may be sent to at this hour, and whether it comes too late."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_aliyunsms.audience.phone_numbers import calling_code, is_mainland
from airflow_provider_aliyunsms.campaign.guards.hours.daytime import (
    DayHours,
    common_spans,
    read_clock,
    read_weekdays,
    read_zone,
)
from airflow_provider_aliyunsms.campaign.guards.hours.zones import (
    MAINLAND_ZONE,
    all_zones_of_code,
    zones_of,
    zones_of_code,
)
from airflow_provider_aliyunsms.campaign.guards.protocol import fail, go, skip, wait_until
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.parameter_checks import as_duration, check_word
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_aliyunsms.campaign.guards.facts import Facts
    from airflow_provider_aliyunsms.campaign.guards.hours.daytime import Span
    from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict

RECIPIENT: Final = "recipient"
"""As ``tz`` of :class:`QuietHours`: the time zones of each recipient's own number."""


@dataclass(frozen=True)
class QuietHours:
    """
    Send in certain hours of the day only, and wait through the night.

    ``QuietHours("08:00", "21:00")`` sends from 08:00 to 21:00. Outside, the task waits with its slot free. A campaign
    that is under way stops before its next window of calls, some seconds at most after the hours end, and goes on
    when they begin again; nobody gets anything twice. The clock on the wall decides, also where it is set forward or
    back; the time is the gateway's where that is known.

    With ``tz="recipient"`` each number has the hours of its own place. Who is outside them is held back, and the
    others go; the pass ends when hours begin or end for somebody, and the next one judges anew. A number that may be
    in several zones is sent to only in hours that all of them share. Of a number that is bound to no place, such as
    most mobiles outside North America, that is every zone of its country. A number whose zones are not known, or
    share no hours within 15 days, is left out (``local.NO_COMMON_HOURS``); where that is everybody, the guard fails.

    Costs nothing with one zone. With ``tz="recipient"`` it costs a pass over the audience, which takes longer for
    numbers whose country has several times, as in North America, Brazil or Russia.

    :param begin: the first time at which sending is allowed. Example: ``"08:00"``.
    :param end: the first time at which it is not any more, at most ``24:00``; before ``begin`` for hours over
        midnight. Example: ``"21:00"``.
    :param tz: the name of a time zone, or ``recipient``. Example: ``"recipient"``.
    :param weekdays: the days on which these hours begin, such as ``mon,wed``; None for every day. Hours over midnight
        belong to the day on which they begin. Example: ``"mon-fri"``.
    :raises ConfigurationError: one of them is not so, or ``begin`` and ``end`` are the same.
    """

    begin: str
    end: str
    _: KW_ONLY
    tz: str = MAINLAND_ZONE
    weekdays: str | None = None

    def __post_init__(self) -> None:
        hours = self._hours()
        if hours.begin == hours.end:
            raise ConfigurationError(
                f"begin and end are both {self.begin!r}, so they name no hours.",
                advice='Write "00:00" and "24:00" for the whole day.',
            )
        if self.tz != RECIPIENT:
            read_zone(self.tz)

    def before_sending(self, facts: Facts) -> Verdict:
        """Wait until the hours begin, or hold back those recipients for whom they have not."""
        if self.tz == RECIPIENT:
            return self._by_recipient(facts)
        return self._in_one_zone(facts.now)

    def before_window(self, facts: Facts) -> Verdict:
        """Wait when the hours have ended; with the recipients' own, when they begin or end for somebody."""
        if self.tz != RECIPIENT:
            return self._in_one_zone(facts.now)
        now, until = facts.now, facts.notes.get(self)
        if not isinstance(until, datetime):
            return fail(
                "nobody has looked at the recipients' hours yet",
                advice="Ask before_sending of this guard first.",
            )
        if now < until:
            return go(f"nobody's hours change before {until:%Y-%m-%d %H:%M} UTC")
        return wait_until(now, f"at {until:%Y-%m-%d %H:%M} UTC the hours began or ended for some recipients")

    def _hours(self) -> DayHours:
        return DayHours(
            begin=read_clock(self.begin, name="begin"),
            end=read_clock(self.end, name="end", as_end=True),
            weekdays=read_weekdays(self.weekdays),
        )

    @property
    def _words(self) -> str:
        days = "" if self.weekdays is None else f" ({self.weekdays})"
        return f"{self.begin} to {self.end}{days}"

    def _in_one_zone(self, now: datetime) -> Verdict:
        zone = read_zone(self.tz)
        local = now.astimezone(zone)
        hours = self._hours()
        if hours.hold_at(local):
            return go(f"it is {local:%H:%M} in {self.tz}, within {self._words}")
        spans = hours.spans(zone=zone, since=now)
        if not spans:
            return fail(
                f"the hours {self._words} do not begin in {self.tz} within 15 days",
                advice="Name other hours or weekdays.",
            )
        return wait_until(
            spans[0][0], f"it is {local:%a %H:%M} in {self.tz}, outside the hours {self._words}"
        )

    def _by_recipient(self, facts: Facts) -> Verdict:
        # Here, because a DAG file imports this module when it is parsed.
        from airflow_provider_aliyunsms.codes import LocalCode

        hours = _HoursByNumber(hours=self._hours(), now=facts.now, has_mainland=facts.product is CHINA)
        ready = later = never = 0
        for rows in facts.pending():
            slots = hours.slots(rows.members.numbers)
            ready += slots.count(_NOW)
            for slot, places in _grouped(slots, rows.places):
                if slot is None:
                    never += len(places)
                    facts.leave_out(places, code=LocalCode.NO_COMMON_HOURS.value)
                else:
                    later += len(places)
                    facts.hold(places, until=slot, code=LocalCode.QUIET_HOURS.value)
        facts.notes[self] = hours.next_change
        return self._told(facts, hours.first_opening, ready=ready, later=later, never=never)

    def _told(self, facts: Facts, opening: datetime | None, *, ready: int, later: int, never: int) -> Verdict:
        figures: dict[str, Any] = {"ready": ready, "held": later, "left_out": never}
        if ready:
            return go(
                f"{ready} recipients are within {self._words} of their own time, {later} are held back until then"
                + (f", {never} are left out, because nobody can tell their time" if never else ""),
                **figures,
            )
        if opening is not None:
            return wait_until(
                opening, f"none of {later} recipients is within {self._words} of their own time", **figures
            )
        if facts.already or facts.held is not None:
            return go(
                f"the last {never} recipients are left out, because nobody can tell their time", **figures
            )
        return fail(
            f"nobody can tell when any of {never} recipients is within {self._words} of their own time",
            advice="Name a time zone as tz, or wider hours.",
            **figures,
        )


_NOW: Final = datetime.min.replace(tzinfo=UTC)
_Slot = datetime | None
_MAINLAND_ZONES: Final = (MAINLAND_ZONE,)


class _HoursByNumber:
    """
    The hours of many numbers at one moment.

    :ivar next_change: the first moment at which they begin or end for one of the numbers seen.
    :ivar first_opening: the first moment at which they begin for one of those outside them; None for nobody.
    """

    def __init__(self, *, hours: DayHours, now: datetime, has_mainland: bool) -> None:
        self._hours = hours
        self._now = now
        self._has_mainland = has_mainland
        self._spans: dict[str, list[Span]] = {}
        self._by_zones: dict[tuple[str, ...], _Slot] = {}
        # By the first digits of a number, where these decide.
        self._by_head: dict[str, _Slot] = {}
        # The first digits that do not.
        self._divided: set[str] = set()
        self.next_change = datetime.max.replace(tzinfo=UTC)
        self.first_opening: datetime | None = None

    def slots(self, numbers: Iterable[str]) -> list[_Slot]:
        """Return for each number when it may be sent to: :data:`_NOW`, a later moment, or None for never."""
        known, slot_of = self._by_head, self._slot_of
        if self._has_mainland:
            of_zones = self._slot_of_zones
            return [
                of_zones(_MAINLAND_ZONES) if is_mainland(number) else slot_of(number) for number in numbers
            ]
        return [known[head] if (head := number[:3]) in known else slot_of(number) for number in numbers]

    def _slot_of(self, number: str) -> _Slot:
        head = number[:3]
        if head in self._divided:
            return self._slot_of_zones(zones_of(number))
        code = calling_code(head)
        zones = zones_of_code(code)
        if zones is None:
            zones = all_zones_of_code(code)
            # Guernsey and London are two zones with one clock: the whole number need not be looked at.
            if any(self._spans_of(zone) != self._spans_of(zones[0]) for zone in zones):
                self._divided.add(head)
                return self._slot_of_zones(zones_of(number))
        slot = self._by_head[head] = self._slot_of_zones(zones)
        return slot

    def _slot_of_zones(self, zones: tuple[str, ...]) -> _Slot:
        if zones not in self._by_zones:
            self._by_zones[zones] = self._judged(zones)
        return self._by_zones[zones]

    def _judged(self, zones: tuple[str, ...]) -> _Slot:
        common: list[Span] | None = None
        for name in zones:
            spans = self._spans_of(name)
            common = spans if common is None else common_spans(common, spans)
        if not common:
            return None
        begin, end = common[0]
        if begin <= self._now:
            self.next_change = min(self.next_change, end)
            return _NOW
        self.next_change = min(self.next_change, begin)
        self.first_opening = begin if self.first_opening is None else min(self.first_opening, begin)
        return begin

    def _spans_of(self, name: str) -> list[Span]:
        if name not in self._spans:
            try:
                zone = read_zone(name)
            # The machine's list of zones is older than that of the numbers: nobody can tell the time there.
            except ConfigurationError:
                self._spans[name] = []
            else:
                self._spans[name] = self._hours.spans(zone=zone, since=self._now)
        return self._spans[name]


def _grouped(slots: Sequence[_Slot], places: Sequence[int]) -> Iterable[tuple[_Slot, list[int]]]:
    """Return the places of those who cannot be sent to now, by the moment when they can."""
    found: dict[_Slot, list[int]] = {}
    for slot, place in zip(slots, places, strict=True):
        if slot is not _NOW:
            found.setdefault(slot, []).append(place)
    return found.items()


@dataclass(frozen=True)
class Fresh:
    """
    Do not send a campaign that comes too late: yesterday's offer after a catch-up or an outage.

    Compares the time with the one for which the run of the DAG was due, before the first call and before each window
    of calls: a campaign that is not through in time stops. Costs nothing. Where it is not known when the run was due,
    it fails.

    :param within: how long after that time messages may leave. Unit: timedelta, or seconds. Example:
        ``timedelta(hours=6)``.
    :param late: what happens then: ``fail`` the task, or ``skip`` it. Example: ``"skip"``.
    :raises ConfigurationError: ``within`` is no positive duration, or ``late`` is something else.
    """

    _: KW_ONLY
    within: timedelta
    late: Literal["fail", "skip"] = field(default="fail")

    def __post_init__(self) -> None:
        object.__setattr__(self, "within", as_duration("within", self.within, above=True))
        check_word("late", self.late, words=("fail", "skip"))

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare the time with the one for which the run was due."""
        planned = facts.planned_at
        if planned is None or planned.tzinfo is None:
            return fail(
                "it is not known when this run was due",
                advice="Let a schedule start it, or leave the guard out of runs that have no date.",
            )
        age = facts.now - planned
        figures: dict[str, Any] = {
            "planned_at": planned.isoformat(),
            "minutes": int(age / timedelta(minutes=1)),
        }
        if age <= self.within:
            return go(
                f"the run was due at {planned:%Y-%m-%d %H:%M %Z}, within the last {self.within}", **figures
            )
        reason = (
            f"the run was due at {planned:%Y-%m-%d %H:%M %Z}, {_rounded(age)} ago, more than {self.within}"
        )
        if self.late == "skip":
            return skip(reason, **figures)
        return fail(reason, advice="Start a new run, or raise within.", **figures)

    def before_window(self, facts: Facts) -> Verdict:
        """Compare them again."""
        return self.before_sending(facts)


def _rounded(age: timedelta) -> timedelta:
    return timedelta(minutes=age // timedelta(minutes=1))
