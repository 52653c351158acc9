# SPDX-License-Identifier: Apache-2.0
"""What a watch has learned and the next process goes on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_aliyunsms.delivery.state import Progress

HANDED_OVER = 40_000
"""Characters that travel in the arguments of a trigger: MySQL keeps 64 KB of them, encrypted."""

Cursor = tuple[int, int]
TOP: Cursor = (0, 0)


@dataclass(frozen=True, slots=True)
class Known:
    """
    What must outlive a process; holds neither numbers nor ids.

    :param fingerprint: of what it was learned; it fits nothing else.
    :param progress: one for each campaign with accepted messages, None to ask for everyone anew.
    :param failures: rounds in a row in which nothing worked.
    :param calls: queries made so far.
    :param cursor: campaign and position at which a round goes on that was cut short.
    :param next_at: when to look again, seconds since the epoch.
    :param recent: queries of the last second before ``noted_at``.
    :param noted_at: seconds since the epoch.
    """

    fingerprint: str
    progress: tuple[Progress, ...] | None = None
    failures: int = 0
    calls: int = 0
    cursor: Cursor = TOP
    next_at: float = 0.0
    recent: int = 0
    noted_at: float = 0.0

    def for_new_try(self) -> Known:
        """Keep the fates and forget the rest, which belongs to one try."""
        return Known(fingerprint=self.fingerprint, progress=self.progress)

    def to_json(self) -> dict[str, Any]:
        """Return a form that :meth:`from_json` reads in any other process."""
        return {
            "fingerprint": self.fingerprint,
            "progress": None if self.progress is None else [each.to_json() for each in self.progress],
            "failures": self.failures,
            "calls": self.calls,
            "cursor": list(self.cursor),
            "next_at": self.next_at,
            "recent": self.recent,
            "noted_at": self.noted_at,
        }

    def to_small_json(self) -> tuple[dict[str, Any], bool]:
        """Return a form that fits into the arguments of a trigger, and whether the progress is still in it."""
        whole = self.to_json()
        if len(json.dumps(whole)) <= HANDED_OVER:
            return whole, True
        return replace(self, progress=None, cursor=TOP, next_at=0.0).to_json(), False

    @classmethod
    def from_json(cls, kept: Any, *, fingerprint: str) -> Known | None:
        """Read what :meth:`to_json` wrote; None when it is damaged or belongs to something else."""
        if not isinstance(kept, Mapping) or kept.get("fingerprint") != fingerprint:
            return None
        try:
            progress = kept["progress"]
            part, position = kept["cursor"]
            return cls(
                fingerprint=fingerprint,
                progress=None if progress is None else tuple(Progress.from_json(each) for each in progress),
                failures=int(kept["failures"]),
                calls=int(kept["calls"]),
                cursor=(int(part), int(position)),
                next_at=float(kept["next_at"]),
                recent=int(kept["recent"]),
                noted_at=float(kept["noted_at"]),
            )
        except (KeyError, TypeError, ValueError):
            return None
