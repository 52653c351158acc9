# SPDX-License-Identifier: Apache-2.0
"""The line of progress promises no time that nobody knows."""

from __future__ import annotations

import logging

import pytest
from world import HeldClock

from airflow_provider_aliyunsms.audience.spool.records import SpoolCounts
from airflow_provider_aliyunsms.campaign.sending.progress import ProgressReporter


class Counted:
    """A spool of which only the counts are asked for."""

    def __init__(self):
        self.found = {"accepted": 0, "rejected": 0, "skipped": 0, "unknown": 0, "pending": 100}

    def counts(self):
        return SpoolCounts(total=sum(self.found.values()), **self.found)


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
    reporter = ProgressReporter(ledger=None, spool=spool, clock=clock)
    reporter.show_if_due()
    clock.sleep(10.0)
    spool.found |= changes
    with caplog.at_level(logging.INFO):
        reporter.log_now()
    assert caplog.messages[-1].endswith(said)


def test_a_line_that_says_the_same_is_logged_once_a_minute(caplog):
    clock, spool = HeldClock(), Counted()
    reporter = ProgressReporter(ledger=None, spool=spool, clock=clock)
    reporter.show_if_due()
    spool.found |= {"pending": 0, "unknown": 100}
    with caplog.at_level(logging.INFO):
        for _ in range(13):
            clock.sleep(5.0)
            reporter.log_now()
    assert len(caplog.messages) == 2
