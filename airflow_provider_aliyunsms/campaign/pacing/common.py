# SPDX-License-Identifier: Apache-2.0
"""
Let all who make calls in one process have one pace of the account in common.

A triggerer watches hundreds of campaigns. With a pace for each of them it would have hundreds of threads and
connections to the store, and every exchange there would read hundreds of holders.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import PaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_aliyunsms.campaign.pacing.account import AccountPace


class CommonPace:
    """
    An account's pace that is open while at least one member makes calls; any thread may call any method.

    To the store all of them are one process, which gets one share. Within it they take places as they come.
    """

    def __init__(self) -> None:
        # Guards both fields. Held while the pace is opened, so that two who come together open one.
        self._lock = threading.Lock()
        self._pace: AccountPace | None = None
        self._members = 0

    def join(self, make: Callable[[], AccountPace]) -> AccountPace:
        """
        Return the pace, opened; each call needs one of :meth:`leave`.

        :param make: makes the pace when nobody has it open; must not connect to anything.
        :raises NotSentError: this machine gives no thread for it.
        """
        with self._lock:
            if self._pace is None:
                self._pace = make().__enter__()
            self._members += 1
            return self._pace

    def leave(self) -> None:
        """Close the pace if this was the last member, so that others get its places; takes a second at most."""
        with self._lock:
            self._members -= 1
            if self._members:
                return
            pace, self._pace = self._pace, None
        # Without the lock: it may have to wait for the store, and whoever comes now opens another one.
        if pace is not None:
            pace.__exit__(None, None, None)


class PaceMember:
    """
    One that makes calls within a common pace: it joins with its first call. Any thread may call any method.

    :param common: the pace.
    :param make: makes it when nobody has it open.
    """

    def __init__(self, *, common: CommonPace, make: Callable[[], AccountPace]) -> None:
        self._common = common
        self._make = make
        # Guards both fields: threads that come together must join once.
        self._lock = threading.Lock()
        self._pace: AccountPace | None = None
        self._closed = False

    def joined(self) -> AccountPace:
        """
        Return the pace; joins it, unless this was done before.

        :raises PaceError: it is closed for good.
        :raises NotSentError: this machine gives no thread for it.
        """
        with self._lock:
            if self._closed:
                raise PaceError(
                    "the call is not made: its task ends", advice="The next try goes on where this one ended."
                )
            if self._pace is None:
                self._pace = self._common.join(self._make)
            return self._pace

    @contextmanager
    def call(self, *, patience: float, should_stop: Callable[[], bool]) -> Iterator[None]:
        """
        Wait for a place, and count the call that is made inside the context; see :meth:`.AccountPace.call`.

        :raises PaceError: there was no place in time; nothing was counted.
        """
        with self.joined().call(patience=patience, should_stop=should_stop):
            yield

    def leave(self) -> None:
        """Make no call for a while; the next one joins again."""
        with self._lock:
            pace, self._pace = self._pace, None
        if pace is not None:
            self._common.leave()

    def close(self) -> None:
        """Make no call any more: threads that still wait for one, or come later, get an error."""
        with self._lock:
            self._closed = True
        self.leave()
