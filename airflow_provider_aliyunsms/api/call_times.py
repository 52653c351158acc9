# SPDX-License-Identifier: Apache-2.0
"""Count the calls of a client by action, and keep how long a sample of them took."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from dataclasses import dataclass, field

SAMPLE = 500
"""Durations that are kept of each action; of more calls, a random choice in which each is as likely."""


@dataclass(slots=True)
class ActionTimes:
    """
    The calls of one action.

    :param calls: how many were made, also those that failed.
    :param seconds: how long a sample of them took.
    """

    calls: int = 0
    seconds: list[float] = field(default_factory=list)


class CallTimes:
    """The calls of one client by action; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_action: dict[str, ActionTimes] = defaultdict(ActionTimes)
        self._random = random.Random()  # noqa: S311 - a sample, no secret

    def add(self, action: str, seconds: float) -> None:
        """Add one call."""
        with self._lock:
            times = self._by_action[action]
            times.calls += 1
            if len(times.seconds) < SAMPLE:
                times.seconds.append(seconds)
            elif (place := self._random.randrange(times.calls)) < SAMPLE:
                times.seconds[place] = seconds

    def take(self) -> dict[str, ActionTimes]:
        """Return the calls by action, and begin anew."""
        with self._lock:
            taken, self._by_action = dict(self._by_action), defaultdict(ActionTimes)
        return taken
