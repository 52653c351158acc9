# SPDX-License-Identifier: Apache-2.0
"""Remember nonces."""

from __future__ import annotations

FRESHNESS_S = 15 * 60


class Nonces:
    """
    The nonces of the last 15 minutes; memory follows the request rate, every call is O(1) amortised.

    Insertion order is time order, so that forgetting pops from the front.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def add(self, *, key_id: str, nonce: str, at: float) -> None:
        """Remember a nonce as of ``at`` (Unix seconds)."""
        self._seen[(key_id, nonce)] = at

    def knows(self, *, key_id: str, nonce: str, now: float) -> bool:
        """Tell whether the nonce was used within the last 15 minutes."""
        while self._seen:
            oldest = next(iter(self._seen))
            if now - self._seen[oldest] < FRESHNESS_S:
                break
            del self._seen[oldest]
        return (key_id, nonce) in self._seen

    def clear(self) -> None:
        """Forget all."""
        self._seen.clear()
