# SPDX-License-Identifier: Apache-2.0
"""Hold the planned faults of the gateway and choose the requests they happen to."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """The kinds of fault; those whose name ends in ``_after`` carry the request out first."""

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
    REFUSE = "refuse"


MOST_REMEMBERED: Final = 200
"""Faults that have happened and are remembered one by one; older ones are in the counts only."""

MOST_FAULTS = 1000
"""Open faults at a time; a request goes through all of them."""

ONLY_FOR = {
    Kind.HIDE_RECORDS: "QuerySendDetails",
    Kind.NO_RECORDS: "QuerySendDetails",
    Kind.LENGTHS: "BatchSendMessageToGlobe",
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    One planned fault.

    :param kind: the kind of fault.
    :param action: the action it waits for; None for any.
    :param times: the number of requests it happens to; None means all until it is cancelled.
    :param skip: the number of matching requests that pass before the first one.
    :param seconds: the length of a delay; for ``throttle`` the time to wait that the refusal names.
    :param probability: the chance, 0 to 1, that it happens to a matching request.
    :param code: of ``refuse``: the code in the response.
    :param status: of ``refuse``: the HTTP status; the APIs' own codes come with 200, the gateway's with 4xx.
    :param message: of ``refuse``: the text beside the code.
    """

    kind: Kind
    action: str | None = None
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    probability: float = 1.0
    code: str = "isv.INVALID_PARAMETERS"
    status: int = 200
    message: str = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """
    One fault that has happened to a request.

    :param nth: the count of faults up to and including this one, since the start or the last reset.
    :param at: this machine's time in seconds since the epoch, whatever the gateway's clock says.
    :param action: the action of the request.
    """

    nth: int
    at: float
    kind: Kind
    action: str


class Faults:
    """
    The open faults, oldest first; at most one of them happens to a request.

    ``played`` counts those that have happened by kind, ``recent`` holds the last :data:`MOST_REMEMBERED` of them.
    """

    def __init__(self) -> None:
        self._open: list[Fault] = []
        self.played: Counter[str] = Counter()
        self.recent: deque[Played] = deque(maxlen=MOST_REMEMBERED)

    def add(self, fault: Fault) -> None:
        """
        Plan a fault; a kind that exists for one action only waits for that action, whatever the fault names.

        :raises OverflowError: there are :data:`MOST_FAULTS` open faults already.
        """
        if len(self._open) >= MOST_FAULTS:
            raise OverflowError(f"There are {MOST_FAULTS} open faults already.")
        fault.action = ONLY_FOR.get(fault.kind, fault.action)
        self._open.append(fault)

    def take(self, action: str) -> Fault | None:
        """
        Return the fault that happens to a request for ``action`` and count it as used; None for no fault.

        The oldest fault that matches is taken. Its ``skip`` is counted down by each matching request that reaches it.
        """
        for fault in self._open:
            if fault.action not in (None, action):
                continue
            if fault.skip > 0:
                fault.skip -= 1
            elif random.random() < fault.probability:  # noqa: S311 - chance, not a secret
                # Removes from the list that is iterated over, so nothing may follow but the return.
                self._use_up(fault, action=action)
                return fault
        return None

    @property
    def open_count(self) -> int:
        """How many faults are planned and have not happened as often as they shall."""
        return len(self._open)

    def describe(self) -> list[dict[str, Any]]:
        """Return the open faults as mappings, oldest first."""
        return [asdict(fault) for fault in self._open]

    def clear(self) -> None:
        """Cancel all open faults; the counts of those that have happened stay."""
        self._open.clear()

    def forget_played(self) -> None:
        """Forget the faults that have happened."""
        self.played.clear()
        self.recent.clear()

    def _use_up(self, fault: Fault, *, action: str) -> None:
        self.played[fault.kind] += 1
        nth = self.recent[-1].nth + 1 if self.recent else 1
        self.recent.append(Played(nth=nth, at=time.time(), kind=fault.kind, action=action))
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._open.remove(fault)
