# SPDX-License-Identifier: Apache-2.0
"""Judge a pace by when the calls arrived."""

from __future__ import annotations

from bisect import bisect_left


def worst_window(times):
    """Return the most arrivals in any second, wherever it starts."""
    return max((bisect_left(times, start + 1.0) - index for index, start in enumerate(times)), default=0)


def utilisation(times, limit):
    """
    Return the share of the limit that was used: ``limit`` further calls take how many seconds on average.

    Less than a second's worth of calls in the whole time can only be put as an average over all of it.
    """
    if len(times) <= limit:
        return len(times) / limit / max(1.0, times[-1] - times[0]) if times else 0.0
    spans = [later - earlier for earlier, later in zip(times, times[limit:], strict=False)]
    return len(spans) / sum(spans)
