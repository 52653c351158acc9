# SPDX-License-Identifier: Apache-2.0
"""
The figures that a delivery sensor leaves for people who look on, under a key of their own.

They are written at the beginning and the end of a try, and whenever the task comes back to look: a deferred sensor
whose trigger asks for the deliveries itself writes nothing meanwhile, because a trigger cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.clock import utc_stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.series import Point
    from airflow_provider_aliyunsms.delivery.state import Tally

DELIVERY_KEY: Final = "aliyun_sms_delivery"
"""The XCom key of a delivery sensor's figures."""

MOST_CAMPAIGNS: Final = 1000
"""Campaigns that are named at most."""


def delivery_figures(
    *,
    campaigns: Sequence[WatchedCampaign],
    tallies: Sequence[Tally | None],
    total: Tally | None,
    series: Sequence[Point],
    finished_at: float,
    now: float,
    ended: bool,
    population: int | None = None,
) -> dict[str, Any]:
    """
    Return the figures of a watch.

    :param tallies: the counts of each campaign; None for one with nothing to ask for.
    :param total: the counts of all; None before the first round.
    :param finished_at: when sending ended, seconds since the epoch; the times of the series count from here.
    :param population: the accepted messages where only a sample of them is asked for.
    """
    counts = None if total is None else counts_of(total)
    return {
        "campaigns": [
            {"campaign_id": campaign.campaign_id, "accepted": campaign.accepted, **_own(tally)}
            for campaign, tally in list(zip(campaigns, tallies, strict=True))[:MOST_CAMPAIGNS]
        ],
        **(counts or {}),
        **({"population": population} if population is not None else {}),
        "series_from": utc_stamp(finished_at),
        "series": [list(point) for point in series],
        "at": utc_stamp(now),
        "ended": 1 if ended else 0,
    }


def counts_of(tally: Tally) -> dict[str, int]:
    """Return the three counts."""
    return {"delivered": tally.delivered, "failed": tally.failed, "pending": tally.pending}


def _own(tally: Tally | None) -> dict[str, int]:
    return {} if tally is None else counts_of(tally)
