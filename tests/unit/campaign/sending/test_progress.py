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
        ({}, "time left not known yet"),
        ({"accepted": 50, "pending": 50}, "5/s, about 10 s left"),
        ({"accepted": 50, "pending": 40, "unknown": 10}, "5/s, about 10 s left"),
        ({"accepted": 90, "pending": 0, "unknown": 10}, "waiting for evidence of 10"),
        ({"pending": 0, "unknown": 100}, "waiting for evidence of 100"),
        ({"accepted": 100, "pending": 0}, "nobody left"),
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
    assert caplog.messages[-1].endswith(f"{said}.")
    assert "about 0 s left" not in caplog.text
