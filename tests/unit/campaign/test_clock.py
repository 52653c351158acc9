# SPDX-License-Identifier: Apache-2.0
"""The time of a campaign: the gateway's where it is known, and never the one of a clock that is set meanwhile."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.campaign.clock import CampaignClock, Clock, parse_stamp, utc_stamp


class SetClock(Clock):
    """A machine's clock that a test sets; the monotonic seconds go on by themselves."""

    def __init__(self, *, wall):
        self.wall = wall
        self.passed = 100.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.passed


def test_a_clock_that_is_set_while_a_campaign_runs_changes_nothing():
    machine = SetClock(wall=5_000.0)
    clock = CampaignClock(clock=machine, gateway_time=lambda monotonic: None)
    machine.wall, machine.passed = 9_999.0, machine.passed + 7.0
    assert clock.now() == 5_007.0
    assert not clock.by_gateway
    assert clock.skew == 0.0


def test_the_gateway_s_time_counts_as_soon_as_it_is_known():
    machine = SetClock(wall=5_000.0)
    told = {"offset": None}
    clock = CampaignClock(
        clock=machine,
        gateway_time=lambda monotonic: None if told["offset"] is None else told["offset"] + monotonic,
    )
    assert clock.now() == 5_000.0
    told["offset"] = 4_000.0
    assert clock.now() == 4_100.0
    assert clock.by_gateway
    assert clock.skew == 900.0, "the machine is ahead"


def test_stamps_are_read_back_to_the_second():
    assert utc_stamp(1_767_323_045.9) == "2026-01-02T03:04:05Z"
    assert parse_stamp("2026-01-02T03:04:05Z") == 1_767_323_045.0


@pytest.mark.parametrize("text", ["", "2026-01-02", "2026-01-02 03:04:05", "2026-13-02T03:04:05Z"])
def test_a_stamp_of_another_form_is_an_error(text):
    with pytest.raises(ValueError, match="does not match"):
        parse_stamp(text)
