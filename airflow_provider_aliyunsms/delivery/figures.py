# SPDX-License-Identifier: Apache-2.0
"""
The figures that a delivery sensor leaves for people who look on, under a key of their own.

They are written when a try begins, after each look and at its end. A deferred sensor whose trigger asks for the
deliveries itself writes nothing meanwhile, because a trigger cannot; it comes back every five minutes.

The reader is ``ui/figures.py``, which believes nothing that it reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
    from airflow_provider_aliyunsms.delivery.events import DeliveryResult
    from airflow_provider_aliyunsms.delivery.series import Point
    from airflow_provider_aliyunsms.delivery.state import Tally

DELIVERY_KEY: Final = "aliyun_sms_delivery"
"""The XCom key of a delivery sensor's figures."""

MOST_CAMPAIGNS: Final = 1000
"""Campaigns that are named at most."""

Counts = tuple[int, int, int]
"""Delivered, failed and pending messages."""

_NAMES = ("delivered", "failed", "pending")


def watch_figures(
    *,
    campaigns: Sequence[WatchedCampaign],
    known: Checkpoint,
    sample_size: int | None,
    now: float,
    ended: bool,
) -> dict[str, Any]:
    """
    Return the figures of a watch that goes on, or has just ended.

    :param known: what it has learned.
    :param sample_size: the messages asked for instead of all; None for all.
    :param now: seconds since the epoch.
    """
    from airflow_provider_aliyunsms.delivery.sampling import population

    states = iter(known.progress or ())
    parts = [_counts(next(states).tally) if each.accepted and known.progress else None for each in campaigns]
    return _figures(
        campaigns=campaigns,
        parts=parts,
        total=None if known.progress is None else _total(parts),
        series=known.series,
        population=population(campaigns=campaigns, sample_size=sample_size),
        now=now,
        ended=ended,
    )


def result_figures(
    *, campaigns: Sequence[WatchedCampaign], result: DeliveryResult, now: float
) -> dict[str, Any]:
    """Return the figures of a watch that has ended elsewhere, with this result."""
    known = len(result.parts) == len(campaigns)
    return _figures(
        campaigns=campaigns,
        parts=result.parts if known else [None] * len(campaigns),
        total=_counts(result.tally),
        series=result.series,
        population=result.population,
        now=now,
        ended=True,
    )


def _figures(
    *,
    campaigns: Sequence[WatchedCampaign],
    parts: Sequence[Counts | None],
    total: Counts | None,
    series: Sequence[Point],
    population: int | None,
    now: float,
    ended: bool,
) -> dict[str, Any]:
    from airflow_provider_aliyunsms.campaign.clock import utc_stamp

    return {
        "campaigns": [
            {"campaign_id": campaign.campaign_id, "accepted": campaign.accepted, **_named(part)}
            for campaign, part in list(zip(campaigns, parts, strict=True))[:MOST_CAMPAIGNS]
        ],
        **_named(total),
        **({"population": population} if population is not None else {}),
        "series_from": utc_stamp(max(each.finished_at for each in campaigns)),
        "series": [list(point) for point in series],
        "at": utc_stamp(now),
        # A number and no boolean: databases compare these in one way.
        "ended": 1 if ended else 0,
    }


def _counts(tally: Tally) -> Counts:
    return tally.delivered, tally.failed, tally.pending


def _total(parts: Sequence[Counts | None]) -> Counts:
    known = [part for part in parts if part is not None]
    return sum(p[0] for p in known), sum(p[1] for p in known), sum(p[2] for p in known)


def _named(counts: Counts | None) -> dict[str, int]:
    return {} if counts is None else dict(zip(_NAMES, counts, strict=True))
