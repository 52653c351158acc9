# SPDX-License-Identifier: Apache-2.0
"""The line of progress promises no time that nobody knows."""

from __future__ import annotations

import itertools
import json
import logging

import pytest
from world import HeldClock

from airflow_provider_aliyunsms.audience.spool.records import SpoolCounts
from airflow_provider_aliyunsms.campaign.figures import MOST_POINTS, PROGRESS_KEY
from airflow_provider_aliyunsms.campaign.sending.progress import ProgressReporter
from airflow_provider_aliyunsms.exceptions import GuardWaitError, LedgerError


class Counted:
    """A spool of which only the counts are asked for."""

    def __init__(self):
        self.found = {"accepted": 0, "rejected": 0, "skipped": 0, "unknown": 0, "pending": 100}
        self.codes = {}

    def errors(self):
        return self.codes

    def counts(self):
        return SpoolCounts(total=sum(self.found.values()), **self.found)


class Kept:
    """A ledger that only keeps what is shown; its store may refuse."""

    def __init__(self, *, last=None, fails=False):
        self.calls, self.shown, self.last, self.fails = 0, [], last, fails

    def show_progress(self, figures):
        if self.fails:
            raise LedgerError("the ledger could not be written")
        # as a store would: what is JSON comes back as JSON
        self.last = json.loads(json.dumps(figures))
        self.shown.append(self.last)

    def last_progress(self):
        return self.last


class Onlookers(dict):
    """A store beside the ledger's, which fails from a moment on."""

    fails = False

    def set(self, key, value):
        if self.fails:
            raise ConnectionError
        self[key] = value


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "0 of 100 settled: 0 accepted; 0/s"),
        ({"accepted": 50, "pending": 50}, "50 accepted; 5/s, 10 s left"),
        ({"accepted": 50, "pending": 40, "unknown": 10}, "50 accepted, 10 unknown; 5/s, 10 s left"),
        ({"accepted": 10, "pending": 890}, "1/s, 15 min left"),
        ({"accepted": 90, "pending": 0, "unknown": 10}, "10 unknown; 9/s, waiting for evidence"),
        ({"pending": 0, "unknown": 100}, "100 unknown; 0/s, waiting for evidence"),
        ({"accepted": 100, "pending": 0}, "100 of 100 settled: 100 accepted; 10/s"),
    ],
)
def test_the_time_that_is_left(caplog, changes, said):
    clock, spool = HeldClock(), Counted()
    reporter = ProgressReporter(ledger=Kept(), spool=spool, clock=clock)
    reporter.show_if_due()
    clock.sleep(10.0)
    spool.found |= changes
    with caplog.at_level(logging.INFO):
        reporter.log_now()
    assert caplog.messages[-1].endswith(said)


def test_a_line_that_says_the_same_is_logged_once_a_minute(caplog):
    clock, spool = HeldClock(), Counted()
    reporter = ProgressReporter(ledger=Kept(), spool=spool, clock=clock)
    reporter.show_if_due()
    spool.found |= {"pending": 0, "unknown": 100}
    with caplog.at_level(logging.INFO):
        for _ in range(13):
            clock.sleep(5.0)
            reporter.log_now()
    assert len(caplog.messages) == 2


def reporter_of(ledger, spool, clock, **more):
    return ProgressReporter(ledger=ledger, spool=spool, clock=clock, **more)


def test_the_first_report_comes_soon_and_the_next_ones_every_five_seconds():
    clock, spool, ledger = HeldClock(), Counted(), Kept()
    reporter = reporter_of(ledger, spool, clock)
    times = []
    began = clock.now()
    for _ in range(1200):
        before = len(ledger.shown)
        reporter.show_if_due()
        if len(ledger.shown) > before:
            times.append(clock.now() - began)
        clock.sleep(0.01)
    assert times == pytest.approx([1.0, 6.0, 11.0], abs=0.1)


def test_a_try_tells_what_it_did_and_what_the_ones_before_did():
    clock, spool, ledger = HeldClock(), Counted(), Kept()
    first = reporter_of(ledger, spool, clock, facts={"campaign_id": "c"}, try_number=1)
    first.show_if_due()
    clock.sleep(10.0)
    spool.found |= {"accepted": 40, "unknown": 5, "pending": 55}
    spool.codes = {"local.NO_ANSWER": 5}
    ledger.calls = 4
    first.show_end(LedgerError("the store is away"))
    assert ledger.last["ending"] == "LedgerError: the store is away"
    assert ledger.last["codes"] == {"local.NO_ANSWER": 5}
    clock.sleep(100.0)
    second = reporter_of(ledger, spool, clock, try_number=2)
    second.show_if_due()
    clock.sleep(10.0)
    spool.found |= {"accepted": 100, "unknown": 0, "pending": 0}
    ledger.calls = 10
    second.show()
    told = ledger.last
    assert told["try"] == 2
    assert told["ending"] is None
    assert told["own"] == {"accepted": 60, "rejected": 0, "skipped": 0, "unknown": 0, "requests": 6}
    (before,) = told["tries"]
    assert before["try"] == 1
    assert before["ending"] == "LedgerError: the store is away"
    assert {name: before[name] for name in ("accepted", "unknown", "requests")} == {
        "accepted": 40,
        "unknown": 5,
        "requests": 4,
    }
    assert [point[0] for point in told["series"]] == [10, 120]
    assert told["series"][-1][1:] == [100, 0, 0]


def test_a_try_that_goes_on_after_a_wait_is_the_same_try():
    clock, spool, ledger = HeldClock(), Counted(), Kept()
    before = reporter_of(ledger, spool, clock, try_number=1)
    before.show_if_due()
    spool.found |= {"accepted": 40, "pending": 60}
    ledger.calls = 4
    clock.sleep(7)
    before.show_end(GuardWaitError("not before 09:00"))
    began = ledger.last["began_at"]
    clock.sleep(3600)
    after = reporter_of(ledger, spool, clock, try_number=1)
    after.show_if_due()
    spool.found |= {"accepted": 100, "pending": 0}
    ledger.calls = 10
    clock.sleep(7)
    after.show()
    assert ledger.last["tries"] == []
    assert ledger.last["began_at"] == began
    assert ledger.last["own"] == {"accepted": 100, "rejected": 0, "skipped": 0, "unknown": 0, "requests": 10}


def test_the_figures_stay_small_however_long_it_takes():
    clock, spool, ledger = HeldClock(), Counted(), Kept()
    spool.found["pending"] = 10**7
    spool.codes = {f"isv.CODE_{number}": number for number in range(500)}
    for number in range(1, 40):
        reporter = reporter_of(ledger, spool, clock, try_number=number)
        for _ in range(200):
            spool.found["accepted"] += 100
            spool.found["pending"] -= 100
            clock.sleep(5)
            reporter.show()
        reporter.show_end(LedgerError("x" * 5000))
    assert len(json.dumps(ledger.last)) < 12_000
    points = ledger.last["series"]
    assert 20 <= len(points) <= MOST_POINTS
    times = [point[0] for point in points]
    assert times == sorted(times)
    assert points[-1][1] == spool.found["accepted"]
    widest = max(after - before for before, after in itertools.pairwise(times))
    assert widest <= 4 * (times[-1] - times[0]) / len(times)


def test_what_an_onlooker_cannot_take_changes_nothing_and_is_said_once(caplog):
    clock, spool, ledger, onlookers = HeldClock(), Counted(), Kept(), Onlookers()
    reporter = reporter_of(ledger, spool, clock, onlookers=onlookers)
    reporter.show()
    assert onlookers[PROGRESS_KEY]["pending"] == 100
    onlookers.fails = True
    for _ in range(3):
        clock.sleep(5)
        reporter.show()
    assert len(ledger.shown) == 4
    assert sum("could not be kept" in message for message in caplog.messages) == 1


def test_the_ledger_s_own_store_still_stops_the_sending_but_not_the_error_that_ends_it(caplog):
    clock, spool = HeldClock(), Counted()
    reporter = reporter_of(Kept(fails=True), spool, clock)
    clock.sleep(2)
    with pytest.raises(LedgerError):
        reporter.show_if_due()
    reporter.show_end(LedgerError("another"))
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize(
    "left",
    [
        "text",
        [],
        {"try": "1"},
        {"try": 1, "series": "x", "series_from": 5, "every": "y", "tries": 7, "own": []},
        {"try": 1, "series": [[1, 2]], "series_from": "2026-01-02T03:04:05Z", "every": 0, "tries": [1, None]},
        {
            "try": 2,
            "began_at": 7,
            "series_from": "2026-01-02T03:04:05Z",
            "every": 1,
            "own": {"accepted": "x"},
        },
    ],
)
def test_figures_that_are_damaged_are_passed_over(left):
    clock, spool, ledger = HeldClock(), Counted(), Kept(last=left)
    reporter_of(ledger, spool, clock, try_number=2).show()
    assert ledger.last["total"] == 100
