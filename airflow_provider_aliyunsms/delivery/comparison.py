# SPDX-License-Identifier: Apache-2.0
"""Compare the delivered shares of two groups, with the interval within which the true difference lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_aliyunsms.delivery.sampling import Interval, wilson


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    The difference of two shares.

    :param difference: the first share minus the second, -1..1; None when one of the groups is empty.
    :param interval: the 95 percent interval of the difference.
    """

    difference: float | None
    interval: Interval

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out, so that chance alone hardly explains the difference."""
        return self.interval.low > 0 or self.interval.high < 0


def compare_ratios(*, hits: tuple[int, int], asked: tuple[int, int]) -> Comparison:
    """
    Return the difference of two independent shares with Newcombe's 95 percent interval.

    It is made of the two Wilson score intervals ("method 10"), and holds near 0 and 1 and for small groups too. Of
    twenty comparisons of groups that do not differ, one is clear by chance: compare what was decided before.

    Robert G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine
    17 (1998), 873-890.

    :param hits: messages of the first and of the second group that count, such as the delivered ones.
    :param asked: sizes of the two groups; an empty one gives the interval from -1 to 1.
    :raises ValueError: there are more hits than messages, or fewer than none.
    """
    if not all(0 <= some <= size for some, size in zip(hits, asked, strict=True)):
        raise ValueError("the hits of a group lie between none and all of its messages")
    if not all(asked):
        return Comparison(None, Interval(-1.0, 1.0))
    first, second = (some / size for some, size in zip(hits, asked, strict=True))
    one, other = (wilson(hits=some, asked=size) for some, size in zip(hits, asked, strict=True))
    low = first - second - math.hypot(first - one.low, other.high - second)
    high = first - second + math.hypot(one.high - first, second - other.low)
    return Comparison(first - second, Interval(max(-1.0, low), min(1.0, high)))
