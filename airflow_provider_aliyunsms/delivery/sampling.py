# SPDX-License-Identifier: Apache-2.0
"""Draw a random sample of the accepted messages, and estimate the delivered share of all from it."""

from __future__ import annotations

import hashlib
import json
import math
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.state import DeliveryState

Z = 1.959963984540054
"""Standard deviations on either side of the mean that hold 95 percent of a normal distribution."""

DIGITS = 6
"""Decimal places of the shares in the XCom."""


class Interval(NamedTuple):
    """A 95 percent confidence interval of a share."""

    low: float
    high: float


def wilson(*, hits: int, asked: int) -> Interval:
    """
    Return Wilson's 95 percent score interval for a share, which holds near 0 and 1 and for small samples too.

    A sample of a finite campaign is more certain than this formula assumes, so the interval is a little too wide.

    https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval

    :param hits: messages of the sample that count, such as the delivered ones.
    :param asked: size of the sample; 0 gives the interval from 0 to 1.
    """
    if not asked:
        return Interval(0.0, 1.0)
    share = hits / asked
    spread = Z * math.sqrt(share * (1 - share) / asked + (Z / (2 * asked)) ** 2)
    middle, scale = share + Z * Z / (2 * asked), 1 + Z * Z / asked
    low = 0.0 if hits == 0 else max(0.0, (middle - spread) / scale)
    high = 1.0 if hits == asked else min(1.0, (middle + spread) / scale)
    return Interval(low, high)


def population(*, campaigns: Sequence[WatchedCampaign], sample_size: int | None) -> int | None:
    """
    Return the number of accepted messages that a sample stands for, or None when all of them are asked for.

    :param sample_size: messages asked for instead of all, None for all.
    """
    accepted = sum(each.accepted for each in campaigns)
    return accepted if sample_size is not None and sample_size < accepted else None


def draw(
    *, campaigns: Sequence[WatchedCampaign], everyone: Sequence[DeliveryState], sample_size: int | None
) -> list[DeliveryState]:
    """
    Return delivery states in which a uniformly random sample of all accepted messages is pending, and no other.

    The sample depends on the campaigns and its size alone: every try and every process draws the same one.

    :param campaigns: the campaigns with accepted messages.
    :param everyone: for each of them a delivery state in which all accepted messages are pending.
    :param sample_size: messages of all campaigns together; all are kept when there are no more than that.
    :returns: one delivery state for each campaign, in the same order.
    """
    if sample_size is None or population(campaigns=campaigns, sample_size=sample_size) is None:
        return list(everyone)
    total = sum(each.accepted for each in campaigns)
    # Seeded by the campaigns alone: with any other seed a retry, or a process that lost the progress, would ask for
    # other messages and judge by another sample. No secret depends on the numbers.
    chance = random.Random(_seed(campaigns))  # noqa: S311 - see above
    chosen = sorted(chance.sample(range(total), sample_size))
    kept, before = [], 0
    for campaign, progress in zip(campaigns, everyone, strict=True):
        after = before + campaign.accepted
        kept.append(progress.only(ranks=[rank - before for rank in chosen if before <= rank < after]))
        before = after
    return kept


def _seed(campaigns: Sequence[WatchedCampaign]) -> int:
    facts = json.dumps([[each.campaign_id, each.digest, each.accepted] for each in campaigns])
    return int.from_bytes(hashlib.blake2b(facts.encode(), digest_size=16).digest(), "big")
