# SPDX-License-Identifier: Apache-2.0
"""Nobody is sent to at night, wherever they are and whatever the clock does; nothing is sent too late."""

from __future__ import annotations

import copy
import random
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from guard_facts import codes_of, guard_facts, mainland, settle
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import timezone

from airflow_provider_aliyunsms.audience.phone_numbers import international_number
from airflow_provider_aliyunsms.campaign.guards import Decision, Fresh, Guard, QuietHours, WindowGuard
from airflow_provider_aliyunsms.campaign.guards.hours.daytime import common_spans, read_zone
from airflow_provider_aliyunsms.campaign.guards.hours.zones import zones_of
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import CHINA, GLOBE

MINUTE = timedelta(minutes=1)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# With summer time at 02:00, at midnight, by half an hour and by a fasting month; half hours; none; a clock that was
# set over a whole day (Apia, 2011).
ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
    "UTC",
]
CHANGES = {
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "America/Santiago": ["2026-04-05", "2026-09-06"],
    "America/Havana": ["2026-03-08", "2026-11-01"],
    "Asia/Beirut": ["2026-03-29", "2026-10-25"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],
    "Pacific/Apia": ["2011-12-30"],
}


def clock(minutes):
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def shanghai(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def may_send(moment, *, zone, begin, end, days):
    """Say whether the clock on the wall shows an allowed time; written apart from the code under test."""
    wall = moment.astimezone(ZoneInfo(zone))
    shown = wall.strftime("%H:%M")
    today, yesterday = DAYS[wall.weekday()], DAYS[(wall.weekday() + 6) % 7]
    if begin < end:
        return today in days and begin <= shown < end
    return (today in days and shown >= begin) or (yesterday in days and shown < end)


def next_allowed(moment, *, days_ahead=8, **hours):
    """Return the first moment allowed, minute by minute."""
    if may_send(moment, **hours):
        return moment
    each = moment.replace(second=0, microsecond=0)
    for _ in range(days_ahead * 24 * 60):
        each += MINUTE
        if may_send(each, **hours):
            return each
    return None


@st.composite
def moments_near_changes(draw):
    zone = draw(st.sampled_from(ZONES))
    day = draw(st.sampled_from(CHANGES.get(zone, ["2026-07-01"])))
    around = draw(st.integers(-3 * 86_400, 3 * 86_400))
    return zone, utc(day) + timedelta(seconds=around)


CLOCKS = st.integers(0, 1439).map(clock)
# Times at which clocks are set, and their neighbours.
NIGHTS = st.integers(-2, 4 * 60).map(lambda minutes: clock(minutes % 1440))


@given(
    at=moments_near_changes(),
    begin=CLOCKS | NIGHTS,
    end=CLOCKS | NIGHTS | st.just("24:00"),
    days=st.none() | st.sets(st.sampled_from(DAYS), min_size=3),
)
@example(at=("Europe/Berlin", utc("2026-03-29T00:30")), begin="02:30", end="02:45", days=None)
@example(at=("Europe/Berlin", utc("2026-10-24T23:50")), begin="01:30", end="02:30", days=None)
@example(at=("Pacific/Apia", utc("2011-12-30T09:00")), begin="23:00", end="01:00", days=None)
def test_the_verdict_is_that_of_the_clock_on_the_wall(at, begin, end, days):
    zone, now = at
    if begin == end:
        return
    guard = QuietHours(begin, end, tz=zone, weekdays=days and ",".join(sorted(days)))
    hours = {"zone": zone, "begin": begin, "end": end, "days": days or set(DAYS)}
    verdict = guard._in_one_zone(now)
    expected = next_allowed(now, **hours)
    assert expected is not None
    if expected == now:
        assert verdict.decision is Decision.GO
    else:
        assert (verdict.decision, verdict.until) == (Decision.WAIT, expected)


@given(at=moments_near_changes(), begin=CLOCKS | NIGHTS, end=CLOCKS | NIGHTS | st.just("24:00"))
def test_every_minute_of_three_days_lies_in_a_span_exactly_when_sending_is_allowed(at, begin, end):
    zone, now = at
    if begin == end:
        return
    now = now.replace(second=0)
    spans = QuietHours(begin, end, tz=zone)._hours().spans(zone=read_zone(zone), since=now)
    assert spans == sorted(spans)
    for minutes in range(0, 3 * 24 * 60, 3):
        moment = now + minutes * MINUTE
        allowed = may_send(moment, zone=zone, begin=begin, end=end, days=set(DAYS))
        assert allowed is any(first <= moment < last for first, last in spans)


@given(
    st.lists(st.integers(0, 60), unique=True, max_size=12),
    st.lists(st.integers(0, 60), unique=True, max_size=12),
)
def test_common_spans_hold_what_both_hold(first, second):
    def spans(edges):
        edges = [utc("2026-01-01") + minute * MINUTE for minute in sorted(edges)]
        return [*zip(edges[::2], edges[1::2], strict=False)]

    def holds(found, minute):
        return any(a <= utc("2026-01-01") + minute * MINUTE < b for a, b in found)

    one, two = spans(first), spans(second)
    both = common_spans(one, two)
    for minute in range(61):
        assert holds(both, minute) is (holds(one, minute) and holds(two, minute))


def test_a_campaign_waits_until_the_morning():
    guard = QuietHours("08:00", "21:00", tz="Asia/Shanghai")
    with guard_facts(mainland(3), now=shanghai("2026-06-03T21:00")) as facts:
        verdict = guard.before_sending(facts)
        assert verdict.decision is Decision.WAIT
        assert verdict.until == shanghai("2026-06-04T08:00")
        assert "21:00 in Asia/Shanghai" in verdict.reason
        assert facts.counts.pending == 3


def test_a_campaign_under_way_stops_when_the_hours_end_and_goes_on_in_the_morning():
    guard = QuietHours("08:00", "21:00")
    with guard_facts(mainland(3), now=shanghai("2026-06-03T20:59:59")) as facts:
        assert guard.before_sending(facts).decision is Decision.GO
        assert guard.before_window(facts).decision is Decision.GO
        facts.set_now(shanghai("2026-06-03T21:00"))
        stopped = guard.before_window(facts)
        assert (stopped.decision, stopped.until) == (Decision.WAIT, shanghai("2026-06-04T08:00"))
        facts.set_now(stopped.until)
        assert guard.before_sending(facts).decision is Decision.GO


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin():
    guard = QuietHours("22:00", "06:00", weekdays="fri")
    decide = guard._in_one_zone
    assert decide(shanghai("2026-06-06T05:59")).decision is Decision.GO  # Saturday
    assert decide(shanghai("2026-06-05T05:59")).until == shanghai("2026-06-05T22:00")  # Friday


def test_on_a_weekend_a_campaign_waits_until_monday():
    verdict = QuietHours("09:00", "18:00", weekdays="mon-fri")._in_one_zone(shanghai("2026-06-05T18:00"))
    assert verdict.until == shanghai("2026-06-08T09:00")


def test_hours_that_a_clock_change_swallows_begin_a_week_later():
    guard = QuietHours("02:10", "02:50", tz="Europe/Berlin", weekdays="sun")
    verdict = guard._in_one_zone(utc("2026-03-28T12:00"))
    assert verdict.until == utc("2026-04-05T00:10")


@pytest.mark.parametrize("days", ["mon-sun", "sat-fri", "mon,tue,wed,thu,fri,sat,sun", "fri-mon,tue-thu"])
def test_all_days_can_be_written_in_several_ways(days):
    assert QuietHours("08:00", "21:00", weekdays=days)._hours().weekdays == frozenset(range(7))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"begin": "8:00"}, "'8:00'"),
        ({"begin": "24:00"}, "begin='24:00'"),
        ({"end": "24:01"}, "'24:01'"),
        ({"end": "21.00"}, "'21.00'"),
        ({"end": "２１:00"}, "'２１:00'"),
        ({"end": 21}, "21"),
        ({"end": "08:00"}, "'08:00'"),
        ({"tz": "Asia/Peking"}, "'Asia/Peking'"),
        ({"tz": "../../etc/passwd"}, "passwd"),
        ({"tz": "Asia"}, "'Asia'"),
        ({"tz": ""}, "''"),
        ({"tz": None}, "None"),
        ({"weekdays": ""}, "''"),
        ({"weekdays": "monday"}, "'monday'"),
        ({"weekdays": "mon-xyz"}, "'mon-xyz'"),
        ({"weekdays": "mon,"}, "'mon,'"),
    ],
)
def test_a_mistake_is_found_when_the_guard_is_made(change, named):
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")):
        QuietHours(**{"begin": "08:00", "end": "21:00", **change})


# Invented numbers of the shapes that the plans have.
HONG_KONG, LONDON, NEW_YORK, HONOLULU, MOSCOW = (
    "+85251234567",
    "+447400123456",
    "+12125550123",
    "+18085550123",
    "+79161234567",
)
TOLL_FREE, SATELLITE = "+18005550123", "+8821612345678"
OWN_TIME = QuietHours("08:00", "21:00", tz="recipient")


def decided(items, now, *, guard=OWN_TIME, **more):
    with guard_facts(items, product=GLOBE, now=now, **more) as facts:
        verdict = guard.before_sending(facts)
        return verdict, codes_of(facts), facts.held


def test_each_number_has_the_hours_of_its_own_place():
    verdict, codes, held = decided([HONG_KONG, LONDON, NEW_YORK, HONOLULU], utc("2026-06-03T12:30"))
    # 20:30, 13:30, 08:30 and 02:30
    assert verdict.decision is Decision.GO
    assert verdict.figures == {"ready": 3, "held": 1, "left_out": 0}
    assert codes == [("pending", None)] * 3 + [("skipped", "local.QUIET_HOURS")]
    assert (held.count, held.until) == (1, utc("2026-06-03T18:00"))


def test_where_nobody_may_be_sent_to_now_the_campaign_waits_for_the_first():
    verdict, codes, held = decided([NEW_YORK, HONOLULU], utc("2026-06-03T09:00"))
    assert (verdict.decision, verdict.until) == (Decision.WAIT, utc("2026-06-03T12:00"))
    assert held.until == verdict.until
    assert codes == [("skipped", "local.QUIET_HOURS")] * 2


def test_a_number_in_several_zones_needs_the_hours_of_all_of_them():
    # A mobile in Russia: from 08:00 in Bucharest, which its plan names, to 21:00 in Kamchatka.
    for now, opens in [("2026-06-03T04:59", "2026-06-03T05:00"), ("2026-06-03T09:00", "2026-06-04T05:00")]:
        verdict, _, _ = decided([MOSCOW], utc(now))
        assert (verdict.decision, verdict.until) == (Decision.WAIT, utc(opens))
    assert decided([MOSCOW], utc("2026-06-03T05:00"))[0].decision is Decision.GO
    assert decided([MOSCOW], utc("2026-06-03T08:59"))[0].decision is Decision.GO


# The zones of a number in North America that is bound to no place go from Guam to Newfoundland.
BY_DAY = QuietHours("09:00", "18:00", tz="recipient")


def test_a_number_whose_time_nobody_can_tell_is_left_out():
    verdict, codes, held = decided([TOLL_FREE, SATELLITE, LONDON], utc("2026-06-03T12:30"), guard=BY_DAY)
    assert verdict.figures == {"ready": 1, "held": 0, "left_out": 2}
    assert codes == [("skipped", "local.NO_COMMON_HOURS")] * 2 + [("pending", None)]
    assert held is None


def test_a_campaign_to_nobody_whose_time_can_be_told_fails():
    verdict, _, _ = decided([TOLL_FREE, SATELLITE], utc("2026-06-03T12:30"), guard=BY_DAY)
    assert verdict.decision is Decision.FAIL
    assert "tz" in verdict.advice


def test_the_last_ones_without_a_time_do_not_fail_a_campaign_that_served_the_others():
    with guard_facts([LONDON, SATELLITE], product=GLOBE, now=utc("2026-06-03T12:30")) as facts:
        settle(facts, 1)
        assert OWN_TIME.before_sending(facts).decision is Decision.GO
        assert codes_of(facts) == [("accepted", None), ("skipped", "local.NO_COMMON_HOURS")]


def test_a_pass_ends_when_hours_end_or_begin_for_somebody():
    with guard_facts([HONG_KONG, LONDON, NEW_YORK], product=GLOBE, now=utc("2026-06-03T11:00")) as facts:
        assert OWN_TIME.before_sending(facts).decision is Decision.GO
        facts.set_now(utc("2026-06-03T11:59:59"))
        assert OWN_TIME.before_window(facts).decision is Decision.GO
        facts.set_now(utc("2026-06-03T12:00"))  # 08:00 in New York
        verdict = OWN_TIME.before_window(facts)
        assert (verdict.decision, verdict.until) == (Decision.WAIT, facts.now)
    with guard_facts([HONG_KONG, LONDON], product=GLOBE, now=utc("2026-06-03T12:00")) as facts:
        assert OWN_TIME.before_sending(facts).decision is Decision.GO
        facts.set_now(utc("2026-06-03T13:00"))  # 21:00 in Hong Kong
        assert OWN_TIME.before_window(facts).decision is Decision.WAIT


def test_a_pass_that_was_never_judged_does_not_go_on():
    with guard_facts([LONDON], product=GLOBE) as facts:
        assert OWN_TIME.before_window(facts).decision is Decision.FAIL


def test_a_rehearsal_at_night_holds_nobody_back():
    verdict, codes, held = decided([NEW_YORK, HONOLULU], utc("2026-06-03T09:00"), dry_run=True)
    assert verdict.decision is Decision.WAIT
    assert (codes, held) == ([("pending", None)] * 2, None)


def test_mainland_mobiles_have_the_time_of_shanghai_and_others_in_the_same_audience_their_own():
    with guard_facts([*mainland(2), LONDON], product=CHINA, now=utc("2026-06-03T14:00")) as facts:
        assert OWN_TIME.before_sending(facts).figures == {"ready": 1, "held": 2, "left_out": 0}
        assert facts.held.until == utc("2026-06-04T00:00")


@given(
    at=st.integers(0, 14 * 86_400),
    numbers=st.lists(
        st.sampled_from([HONG_KONG, LONDON, NEW_YORK, HONOLULU, MOSCOW, "+6281234567890", "+5511912345678"]),
        min_size=1,
        unique=True,
    ),
)
def test_nobody_is_sent_to_outside_any_of_their_zones(at, numbers):
    """Around the end of summer time in Europe and North America."""
    now = utc("2026-10-22") + timedelta(seconds=at)

    def allowed(number, moment):
        zones = timezone.time_zones_for_number(phonenumbers.parse(number))
        return all(
            may_send(moment, zone=str(zone), begin="08:00", end="21:00", days=set(DAYS)) for zone in zones
        )

    def opens(number):
        each = now.replace(second=0)
        while not allowed(number, each):
            each += MINUTE
        return each

    verdict, codes, _ = decided(numbers, now)
    ready = [number for number, (outcome, _) in zip(numbers, codes, strict=True) if outcome == "pending"]
    assert ready == [number for number in numbers if allowed(number, now)]
    if not ready:
        assert verdict.until == min(map(opens, numbers))


def zones_by_library(number):
    parsed = phonenumbers.parse("+" + number)
    zones = timezone.time_zones_for_number(parsed)
    if tuple(zones) == (timezone.UNKNOWN_TIMEZONE,):
        zones = timezone.TIMEZONE_DATA.get(str(parsed.country_code), ())
    return tuple(zones)


def test_the_zones_of_a_number_are_those_of_the_library():
    drawn = random.Random(20_260_603)
    heads = [*timezone.TIMEZONE_DATA, *map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE)]
    seen = 0
    for head in heads * 3:
        digits = head + "".join(drawn.choices("0123456789", k=drawn.randint(4, 11)))
        number = international_number(digits[:15])
        if number is not None and number == international_number(number):
            seen += 1
            assert zones_of(number) == zones_by_library(number), number
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None:
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
            assert zones_of(number) == zones_by_library(number), number
    assert seen > 2000


@pytest.mark.parametrize("now", ["2026-06-03T05:30", "2026-10-25T00:30", "2026-12-01T20:30"])
def test_the_hours_of_a_number_are_those_of_the_library(now):
    from airflow_provider_aliyunsms.campaign.guards.hours.quiet_hours import _NOW, _HoursByNumber

    hours = _HoursByNumber(hours=OWN_TIME._hours(), now=utc(now), has_mainland=False)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            shown = phonenumbers.example_number_for_type(region, kind)
            if shown is None:
                continue
            number = phonenumbers.format_number(shown, phonenumbers.PhoneNumberFormat.E164)[1:]
            allowed = all(
                may_send(utc(now), zone=zone, begin="08:00", end="21:00", days=set(DAYS))
                for zone in zones_by_library(number)
            )
            assert (hours.slots([number]) == [_NOW]) is allowed, region


@pytest.mark.parametrize("head", ["85251", "44740", "39331"])
def test_hours_by_number_cost_little_where_a_country_has_one_time(head):
    from airflow_provider_aliyunsms.campaign.guards.hours.quiet_hours import _HoursByNumber

    numbers = [f"{head}{position:07d}" for position in range(100_000)]
    hours = _HoursByNumber(hours=OWN_TIME._hours(), now=utc("2026-06-03T12:00"), has_mainland=False)
    hours.slots(numbers[:1])
    best = min(_seconds(lambda: hours.slots(numbers)) for _ in range(3))
    assert best / len(numbers) < 3e-6


def _seconds(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


DUE = utc("2026-06-03T02:00")


def aged(guard, **more):
    with guard_facts(mainland(1), **more) as facts:
        return guard.before_sending(facts)


def test_a_run_that_comes_late_fails():
    guard = Fresh(within=timedelta(hours=6))
    assert aged(guard, planned_at=DUE, now=DUE + timedelta(hours=6)).decision is Decision.GO
    late = aged(guard, planned_at=DUE, now=DUE + timedelta(hours=6, seconds=1))
    assert (late.decision, late.may_change) == (Decision.FAIL, False)
    assert "6:00:00 ago, more than 6:00:00" in late.reason
    assert "raise within" in late.advice


def test_a_run_that_comes_late_can_be_skipped():
    guard = Fresh(within=timedelta(hours=6), late="skip")
    assert aged(guard, planned_at=DUE, now=DUE + timedelta(days=1)).decision is Decision.SKIP


def test_a_run_ahead_of_its_time_is_fresh():
    assert aged(Fresh(within=MINUTE), planned_at=DUE, now=DUE - timedelta(hours=1)).decision is Decision.GO


@pytest.mark.parametrize("late", ["fail", "skip"])
@pytest.mark.parametrize("planned_at", [None, datetime(2026, 6, 3)])  # noqa: DTZ001 - it has no zone on purpose
def test_a_run_without_a_date_fails(late, planned_at):
    assert aged(Fresh(within=MINUTE, late=late), planned_at=planned_at).decision is Decision.FAIL


def test_a_campaign_that_is_not_through_in_time_stops():
    guard = Fresh(within=timedelta(hours=6))
    with guard_facts(mainland(1), planned_at=DUE, now=DUE) as facts:
        assert guard.before_window(facts).decision is Decision.GO
        facts.set_now(DUE + timedelta(hours=7))
        assert guard.before_window(facts).decision is Decision.FAIL


@pytest.mark.parametrize(
    "change", [{"within": "6"}, {"within": timedelta(0)}, {"within": 0}, {"within": MINUTE, "late": "go"}]
)
def test_a_mistake_in_fresh_is_found_when_it_is_made(change):
    with pytest.raises(ConfigurationError):
        Fresh(**change)


@pytest.mark.parametrize("guard", [OWN_TIME, Fresh(within=MINUTE)])
def test_guards_of_time_are_frozen_and_can_be_copied(guard):
    assert copy.deepcopy(guard) == guard
    assert hash(copy.deepcopy(guard)) == hash(guard)
    assert isinstance(guard, WindowGuard)
    assert callable(Guard.before_sending)
    with pytest.raises(AttributeError):
        guard.tz = "UTC"
