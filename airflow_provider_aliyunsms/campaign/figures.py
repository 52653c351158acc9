# SPDX-License-Identifier: Apache-2.0
"""
The figures that a send task leaves for people who look on: what they are called, and how they are counted.

They stand in two places. The task's XCom :data:`FIGURES_KEY` is written at the beginning and at the end of each try;
by its key the campaign page finds all campaigns. The value :data:`PROGRESS_KEY` of the ledger's store is renewed
while the try runs. Both hold counts, codes and times, and neither numbers nor texts.

The reader is ``ui/figures.py``, which believes nothing that it reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AliyunSmsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIGURES_KEY: Final = "aliyun_sms_campaign"
"""The XCom key of a send task's figures."""

PROGRESS_KEY: Final = "aliyun_sms.progress"
"""The key of the figures that are renewed while a task sends, in Airflow's task state store."""

COUNTS: Final = ("total", *OUTCOMES)

MOST_CODES: Final = 20
"""Codes in the figures at most; the summary has all of them."""

MOST_POINTS: Final = 60
"""Points of the series at most."""

MOST_TRIES: Final = 20
"""Tries of which the figures tell at most; the latest ones."""

LONGEST_WORDS: Final = 300
"""Characters of a reason or of the words about an ending."""

Point = tuple[int, int, int, int]
"""Whole seconds since the first try began, and the accepted, rejected and unknown recipients at that time."""


def codes_of(errors: Mapping[str, int]) -> dict[str, int]:
    """Return the most frequent codes with their counts, the most frequent first."""
    ranked = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:MOST_CODES])


def guards_of(records: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what guards decided and why, without their figures."""
    return [
        {name: str(record.get(name, ""))[:LONGEST_WORDS] for name in ("guard", "decision", "reason")}
        for record in records
    ]


def words_of(error: BaseException) -> str:
    """Return how an error ended a try, in a sentence; errors of ours hold neither numbers nor texts."""
    # The prefix tells Airflow not to retry, and nobody who reads it anything.
    name = type(error).__name__.removeprefix("Final")
    if not isinstance(error, AliyunSmsError):
        return name
    code = f" [{error.code}]" if error.code else ""
    return f"{name}: {error.message}{code}"[:LONGEST_WORDS]


def figures_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the figures of a summary.

    Recipients whose turn did not come are pending: a later try sends to them. The summary of the try itself has them
    among the skipped ones.
    """
    errors = dict(summary["errors"])
    pending = int(errors.pop(LocalCode.NOT_STARTED.value, 0))
    return {
        **{name: summary[name] for name in COUNTS},
        "skipped": summary["skipped"] - pending,
        "pending": pending,
        "requests": summary["requests"],
        "codes": codes_of(errors),
        "guards": guards_of(summary.get("guards", ())),
    }


class Series:
    """
    How the counts changed over time.

    When it is full, every second point is left out, and later ones lie twice as far apart.

    :param points: those of earlier tries.
    :param every: seconds between two points.
    """

    def __init__(self, points: Iterable[Point] = (), *, every: int = 1) -> None:
        self._points = [*points]
        self.every = every

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in the order of their times."""
        return tuple(self._points)

    def add(self, point: Point) -> None:
        """Add the counts of one moment; within one interval the last one stays."""
        # Never the first one: the course of things begins with it.
        while len(self._points) > 1 and point[0] - self._points[-2][0] < self.every:
            self._points.pop()
        if self._points and self._points[-1][0] >= point[0]:
            self._points.pop()
        self._points.append(point)
        if len(self._points) > MOST_POINTS:
            self._thin()

    def _thin(self) -> None:
        # The last one stays, whatever its place: it is what is known now.
        self._points = [*self._points[:-1:2], self._points[-1]]
        self.every *= 2


def read_points(kept: Any) -> tuple[Point, ...]:
    """Return the points that were stored as JSON; none when they are damaged: they are no more than a plot."""
    if not isinstance(kept, list) or len(kept) > MOST_POINTS:
        return ()
    points: list[Point] = []
    for point in kept:
        if not isinstance(point, list) or len(point) != 4 or not all(is_count(one) for one in point):
            return ()
        points.append((point[0], point[1], point[2], point[3]))
    return tuple(sorted(points))


def is_count(value: object) -> bool:
    """Return whether a value is a whole number of things."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15
