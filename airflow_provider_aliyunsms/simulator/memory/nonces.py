# SPDX-License-Identifier: Apache-2.0
"""Keep the nonces that were used within the last 15 minutes."""

from __future__ import annotations

FRESHNESS_S = 15 * 60
_BYTES_PER_NONCE = 300


class Nonces:
    """
    The nonces used within the last 15 minutes.

    The memory they take follows the rate of requests. Every call is O(1) amortised: entries are kept in the order of
    time, so that old ones are removed from the front.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def add(self, *, key_id: str, nonce: str, at: float) -> None:
        """Add a nonce used at ``at``, in seconds since the epoch; not before that of the last one added."""
        # knows() stops at the first entry that is not old, so the order of entries must be the order of time.
        self._seen[(key_id, nonce)] = at

    def knows(self, *, key_id: str, nonce: str, now: float) -> bool:
        """Return whether a nonce was used within the last 15 minutes, and remove older ones."""
        while self._seen:
            oldest = next(iter(self._seen))
            if now - self._seen[oldest] < FRESHNESS_S:
                break
            del self._seen[oldest]
        return (key_id, nonce) in self._seen

    def all(self) -> list[tuple[str, str, float]]:
        """Return key id, nonce and time of every nonce that is kept, oldest first."""
        return [(key_id, nonce, at) for (key_id, nonce), at in self._seen.items()]

    @property
    def size(self) -> int:
        """The bytes that the nonces take, estimated."""
        return len(self._seen) * _BYTES_PER_NONCE

    def clear(self) -> None:
        """Remove all nonces."""
        self._seen.clear()
