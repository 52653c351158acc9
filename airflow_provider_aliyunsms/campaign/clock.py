# SPDX-License-Identifier: Apache-2.0
"""The time, in one place, so that a test can hold it."""

from __future__ import annotations

import time


class Clock:
    """The machine's clock."""

    def now(self) -> float:
        """Return seconds since the epoch: what other processes and the gateway also know."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds for durations within this process."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
