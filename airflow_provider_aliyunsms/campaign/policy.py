# SPDX-License-Identifier: Apache-2.0
"""The numbers by which a campaign is sent, and the small decisions that follow from them alone."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_aliyunsms.campaign.ledger import MAX_BYTES, bytes_of

WINDOW_SECONDS = 3.0
WINDOW_CHUNKS_PER_CALL = 6
"""Chunks in a window for each call in flight: few enough to settle after a crash, enough to hide the write."""

SHORTEST_INTENT = 1.0

_FIRST_LOOK = 2.0
_LONGEST_LOOK = 20.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPolicy:
    """
    How one campaign is sent.

    :param chunk_size: recipients of one call.
    :param max_concurrency: calls in flight.
    :param max_qps: calls a second, None for no limit.
    :param settle_time: seconds for which look-ups must stay empty before a chunk counts as not accepted.
    :param evidence_wait: seconds to wait for evidence once everybody else has been served.
    :param error_threshold: share of refused recipients at which sending stops, None for never.
    :param network_patience: seconds without a single clear answer after which the try is given up.
    :param resend_unknown: send again what no evidence can settle.
    :param lease: seconds after which the ledger is asked again whether this process still owns the campaign.
    :param takeover_wait: seconds to wait for an orphan of an earlier try to notice that it was replaced.
    """

    chunk_size: int
    max_concurrency: int
    max_qps: float | None = None
    settle_time: float = 600.0
    evidence_wait: float = 90.0
    error_threshold: float | None = 0.5
    network_patience: float = 300.0
    resend_unknown: bool = False
    lease: float = 15.0
    takeover_wait: float = 30.0

    @property
    def open_windows(self) -> int:
        """Windows under way at once: two hide the write of the next; one call at a time needs one."""
        return 1 if self.max_concurrency == 1 else 2

    @property
    def intent_lasts(self) -> float:
        """Seconds for which a written intent says when its call leaves: by so much evidence may be too early."""
        return max(self.settle_time / 10, SHORTEST_INTENT)

    @property
    def most_waiting(self) -> int:
        """Chunks that wait for a thread while the ledger is written; none where one may be in flight."""
        return 0 if self.max_concurrency == 1 else self.max_concurrency

    @property
    def most_open_chunks(self) -> int:
        """Chunks of unknown fate at which no new ones are started: the gateway is not well."""
        return max(8, 2 * self.max_concurrency)


def window_chunks(policy: SendPolicy, *, with_message_ids: bool) -> int:
    """
    Return how many chunks one window may hold: bounded in bytes, and to a few seconds of sending.

    One call at a time means one chunk in a window: what cannot be looked up must not be left open by a crash.
    """
    if policy.max_concurrency == 1:
        return 1
    by_bytes = MAX_BYTES // bytes_of(recipients=policy.chunk_size, with_message_ids=with_message_ids)
    by_calls = policy.max_concurrency * WINDOW_CHUNKS_PER_CALL
    by_time = by_calls if policy.max_qps is None else int(policy.max_qps * WINDOW_SECONDS)
    return max(1, min(by_bytes, by_calls, by_time))


def look_again_after(times: int) -> float:
    """Return the seconds before an open chunk is looked at again, after it was looked at ``times`` times."""
    return float(min(_FIRST_LOOK * 2 ** min(times, 8), _LONGEST_LOOK))


def pause_after(failures: int, *, asked: float | None) -> float:
    """Return the seconds to hold all calls back after ``failures`` calls in a row that did not get through."""
    own: float = min(_FIRST_PAUSE * 2 ** min(failures - 1, 8), _LONGEST_PAUSE)
    return max(own, min(asked or 0.0, 10 * _LONGEST_PAUSE))
