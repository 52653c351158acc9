# SPDX-License-Identifier: Apache-2.0
"""Ask some instead of all: who is asked, and what that says about the others."""

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
"""Standard deviations either side that hold 95 percent."""

DIGITS = 6
"""Decimal places of what is shown."""


class Interval(NamedTuple):
    """A 95 percent confidence interval of a share."""

    low: float
    high: float


def wilson(*, hits: int, asked: int) -> Interval:
    """
    Return Wilson's score interval for a share, which keeps its promise near 0 and 1 and for small samples too.

    That a sample is drawn from a finite campaign makes it more certain than this says: the interval errs on the
    wide side.

    https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
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
    """Return how many messages a sample stands for, None when everyone is asked."""
    accepted = sum(each.accepted for each in campaigns)
    return accepted if sample_size is not None and sample_size < accepted else None


def draw(
    *, campaigns: Sequence[WatchedCampaign], everyone: Sequence[DeliveryState], sample_size: int | None
) -> list[DeliveryState]:
    """
    Keep a uniformly random sample of all accepted messages and forget the others.

    Depends on the campaigns alone: every try and every process draws the same sample.

    :param campaigns: those with accepted messages.
    :param everyone: for each of them a progress in which all accepted messages are pending.
    :param sample_size: over all campaigns together; everyone is kept when there are no more than that.
    """
    if sample_size is None or population(campaigns=campaigns, sample_size=sample_size) is None:
        return list(everyone)
    total = sum(each.accepted for each in campaigns)
    # no secret depends on it, and it has to be repeatable
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
