# SPDX-License-Identifier: Apache-2.0
"""Hold the settings of the sending, and the limits and waits that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_aliyunsms.campaign.ledger import MAX_BYTES, bytes_of

WINDOW_SECONDS = 3.0
"""Seconds of sending that one window of the ledger covers at most, at ``max_qps`` or at the pace of the responses."""

WINDOW_CHUNKS_PER_CALL = 6
"""Chunks in a window for each call in flight: few to settle after a crash, yet enough to go on during a write."""

MOST_LOOK_UPS = 16
"""Chunks that are looked up at once at most: each look-up makes a few queries side by side."""

SHORTEST_INTENT = 1.0
"""Seconds that :attr:`SendPolicy.intent_lasts` is at least."""

_FIRST_LOOK = 2.0
_LONGEST_LOOK = 20.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPolicy:
    """
    The settings by which one campaign is sent.

    :param chunk_size: recipients of one call at most.
    :param max_concurrency: calls in flight at most.
    :param max_qps: calls per second, None for no limit.
    :param settle_time: seconds for which look-ups must stay empty before a chunk counts as not accepted.
    :param refusal_wait: seconds for which look-ups must stay empty before a refused chunk of several recipients
        counts as not accepted and is split; never longer than the settle time.
    :param evidence_wait: seconds without a clear outcome for which a try goes on looking for evidence when it sends
        nothing else, because all other recipients are served or too many chunks are open.
    :param error_threshold: share of refused recipients, from 0 to 1, at which sending stops; None for never.
    :param network_patience: seconds without a clear outcome after which a try ends whose calls do not get through.
    :param resend_unknown: send again what no evidence can settle; a recipient may then get a message twice.
    :param lease: seconds after the last write to the ledger after which this process must confirm, before its next
        call, that it still owns the campaign.
    :param takeover_wait: seconds to wait for a process of an earlier try to notice that it was replaced.
    """

    chunk_size: int
    max_concurrency: int
    max_qps: float | None = None
    settle_time: float = 600.0
    refusal_wait: float = 60.0
    evidence_wait: float = 90.0
    error_threshold: float | None = 0.5
    network_patience: float = 300.0
    resend_unknown: bool = False
    lease: float = 15.0
    takeover_wait: float = 30.0

    @property
    def open_windows(self) -> int:
        """Windows of the ledger in progress at once: with two, calls go on while the next window is written."""
        # One call at a time leaves no more than one chunk open after a crash, so it gets no second window.
        return 1 if self.max_concurrency == 1 else 2

    @property
    def intent_lasts(self) -> float:
        """
        Seconds for which the time of a written intent may stand for the time of its call.

        A call that leaves later has its intent renewed first. Look-ups after a crash may therefore count the settle
        time from a moment that is too early, by no more than these seconds and, for a job that was handed out
        ahead, the lease.
        """
        return max(self.settle_time / 10, SHORTEST_INTENT)

    @property
    def most_waiting(self) -> int:
        """Chunks that are handed out ahead, to go on with while the ledger is written; 0 with one call at a time."""
        return 0 if self.max_concurrency == 1 else self.max_concurrency

    @property
    def most_look_ups(self) -> int:
        """
        Chunks that are looked up at once, beside the calls in flight; 0 where look-ups are among these.

        Look-ups go to another API and have its limit. Among the calls they would prolong a resumed try by a round
        trip for each few of them. With one call at a time there is one chunk to look up, and nothing to be gained.
        """
        return 0 if self.max_concurrency == 1 else min(2 * self.max_concurrency, MOST_LOOK_UPS)

    @property
    def most_open_chunks(self) -> int:
        """Chunks of unknown outcome at which no new ones are started: the gateway seems to be in trouble."""
        return max(8, 2 * self.max_concurrency)

    @property
    def most_refused_chunks(self) -> int:
        """Refused chunks, waiting for evidence that none of them was accepted, at which no new ones are started."""
        return max(100, 10 * self.max_concurrency)


def window_chunks(policy: SendPolicy, *, with_message_ids: bool, quickest: float = 0.0) -> int:
    """
    Return how many chunks one window of the ledger may hold, at least 1.

    The bounds are the bytes of one value in the store, the calls in flight, and a few seconds of sending, but one
    chunk for each call in flight: what a crash leaves open has to be looked up, and a slow gateway takes long for
    that as well. With one call at a time, a window holds one chunk, so that a crash leaves no more than one chunk
    without an outcome. That matters where the API has no look-up.

    :param policy: the settings of the sending.
    :param with_message_ids: whether the outcome of a chunk holds one id for each recipient.
    :param quickest: seconds that the quickest call has taken, 0 where none is known.
    """
    if policy.max_concurrency == 1:
        return 1
    by_bytes = MAX_BYTES // bytes_of(recipients=policy.chunk_size, with_message_ids=with_message_ids)
    by_calls = policy.max_concurrency * WINDOW_CHUNKS_PER_CALL
    by_time = by_calls if policy.max_qps is None else int(policy.max_qps * WINDOW_SECONDS)
    if quickest > 0:
        in_time = int(policy.max_concurrency * WINDOW_SECONDS / quickest)
        by_time = min(by_time, max(policy.max_concurrency, in_time))
    return max(1, min(by_bytes, by_calls, by_time))


def look_again_after(times: int) -> float:
    """Return the seconds to wait before evidence is sought again that was sought ``times`` times: 2, 4, 8, 16, 20."""
    return float(min(_FIRST_LOOK * 2 ** min(times, 8), _LONGEST_LOOK))


def pause_after(failures: int, *, asked: float | None) -> float:
    """
    Return the seconds to hold all calls back after calls that did not get through.

    The pause begins at 0.5 and doubles up to 30 seconds. A longer wait that the gateway asks for is kept, up to
    300.

    :param failures: how many calls in a row did not get through, from 1.
    :param asked: seconds that the gateway asks to wait, None when it asks for nothing.
    """
    own: float = min(_FIRST_PAUSE * 2 ** min(failures - 1, 8), _LONGEST_PAUSE)
    return max(own, min(asked or 0.0, 10 * _LONGEST_PAUSE))
