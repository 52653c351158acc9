# SPDX-License-Identifier: Apache-2.0
"""What the gateway can be told to do wrong, and which request it happens to."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The faults; ``*_after`` ones carry the request out first."""

    DELAY = "delay"
    DELAY_BEFORE = "delay_before"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TRUNCATE_AFTER = "truncate_after"
    THROTTLE = "throttle"
    ERROR_500 = "error_500"
    ERROR_500_AFTER = "error_500_after"
    ERROR_503 = "error_503"
    GARBAGE = "garbage"
    GARBAGE_AFTER = "garbage_after"
    EMPTY_AFTER = "empty_after"
    SYSTEM_ERROR = "system_error"
    SYSTEM_ERROR_AFTER = "system_error_after"
    HIDE_RECORDS = "hide_records"
    NO_RECORDS = "no_records"
    DOOMED = "doomed"
    SKEWED_CLOCK = "skewed_clock"
    LENGTHS = "lengths"


ONLY_FOR = {
    Kind.HIDE_RECORDS: "QuerySendDetails",
    Kind.NO_RECORDS: "QuerySendDetails",
    Kind.LENGTHS: "BatchSendMessageToGlobe",
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    One planned misbehaviour.

    :param action: the action it waits for; None means the next request of any.
    :param times: how often it happens; None means until it is taken back.
    :param skip: how many matching requests pass before the first one.
    :param seconds: how long the delays last, and the hint of ``throttle``.
    :param probability: of each matching request to be hit.
    """

    kind: Kind
    action: str | None = None
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    probability: float = 1.0


class Faults:
    """The open faults, oldest first; a request meets at most one of them."""

    def __init__(self) -> None:
        self._open: list[Fault] = []
        self.played: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Plan a fault; those bound to one action wait for that action only."""
        fault.action = ONLY_FOR.get(fault.kind, fault.action)
        self._open.append(fault)

    def take(self, action: str) -> Fault | None:
        """Give the fault that happens to a request for ``action``, and use it up."""
        for fault in self._open:
            if fault.action not in (None, action):
                continue
            if fault.skip > 0:
                fault.skip -= 1
            elif random.random() < fault.probability:  # noqa: S311 - chance, not a secret
                self._use_up(fault)
                return fault
        return None

    def describe(self) -> list[dict[str, object]]:
        """List the open faults."""
        return [asdict(fault) for fault in self._open]

    def clear(self) -> None:
        """Take back what has not happened yet."""
        self._open.clear()

    def _use_up(self, fault: Fault) -> None:
        self.played[fault.kind] += 1
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._open.remove(fault)
