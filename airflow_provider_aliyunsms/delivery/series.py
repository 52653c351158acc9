# SPDX-License-Identifier: Apache-2.0
"""Keep how the counts of a watch changed over time, in a few dozen points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.delivery.state import Tally

MOST_POINTS = 60
"""Points of a series at most; more would fill the XCom and show nothing more."""

Point = tuple[int, int, int, int]
"""Whole seconds since sending ended, and the delivered, failed and pending messages at that time."""

_NUMBERS = 4
_EARLY = 60
"""Seconds up to which all points are as good."""


class DeliverySeries:
    """
    The counts after each round; where there are many, those that say least are left out.

    :param points: those of earlier processes.
    """

    def __init__(self, points: Sequence[Point] = ()) -> None:
        self._points = list(points)

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in the order of their times."""
        return tuple(self._points)

    def add(self, *, seconds: float, tally: Tally) -> None:
        """Add the counts of one moment; of several rounds in one second the last one stays."""
        whole = max(0, int(seconds))
        while self._points and self._points[-1][0] >= whole:
            self._points.pop()
        self._points.append((whole, tally.delivered, tally.failed, tally.pending))
        if len(self._points) > MOST_POINTS:
            del self._points[self._dispensable()]

    def _dispensable(self) -> int:
        """Return the point between the first and the last one that leaves the smallest gap for its time."""
        times = [point[0] for point in self._points]
        # Later points may lie further apart: most messages arrive early.
        gaps = [(times[at + 1] - times[at - 1]) / (times[at] + _EARLY) for at in range(1, len(times) - 1)]
        return 1 + gaps.index(min(gaps))


def read_series(kept: Any) -> tuple[Point, ...]:
    """Return the points that were stored as JSON; none when they are damaged: they are no more than a plot."""
    if not isinstance(kept, list | tuple) or len(kept) > MOST_POINTS:
        return ()
    points: list[Point] = []
    for point in kept:
        if not isinstance(point, list | tuple) or len(point) != _NUMBERS:
            return ()
        if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in point):
            return ()
        points.append((point[0], point[1], point[2], point[3]))
    return tuple(sorted(points))
