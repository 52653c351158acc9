# SPDX-License-Identifier: Apache-2.0
"""Show how far a campaign is while it runs: a line in the log and small counts in the task's state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.spool import Spool, SpoolCounts
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger import Ledger

log = logging.getLogger(__name__)

SHOW_EVERY = 5.0
"""Seconds between two lines."""


class ProgressReporter:
    """
    Count, write and log, every few seconds.

    :param ledger: takes the counts.
    :param spool: knows them.
    :param clock: the time.
    """

    def __init__(self, *, ledger: Ledger, spool: Spool, clock: Clock) -> None:
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._began = clock.monotonic()
        self._settled_before: int | None = None
        self._shown_at = self._began

    def show_if_due(self) -> None:
        """Show the progress when the last time is long enough ago."""
        if self._settled_before is None:
            self._settled_before = self._settled(self._spool.counts())
        if self._clock.monotonic() - self._shown_at >= SHOW_EVERY:
            self.show()

    def show(self) -> None:
        """
        Log the progress and leave it in the ledger's store.

        :raises LedgerError: the store does not take it; then it would not take an outcome either.
        """
        self._ledger.show_progress(self.log_now())

    def log_now(self) -> dict[str, int]:
        """Log a line and return its counts."""
        self._shown_at = self._clock.monotonic()
        counts = self._spool.counts()
        settled = self._settled(counts)
        seconds = self._shown_at - self._began
        rate = (settled - (self._settled_before or 0)) / seconds if seconds > 0 else 0.0
        left = (counts.total - settled) / rate if rate else 0.0
        log.info(
            "Settled %d of %d (%d accepted, %d rejected, %d skipped, %d unknown), %.0f/s, about %.0f s left.",
            settled,
            counts.total,
            counts.accepted,
            counts.rejected,
            counts.skipped,
            counts.unknown,
            rate,
            left,
        )
        return {
            "settled": settled,
            "total": counts.total,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "skipped": counts.skipped,
            "unknown": counts.unknown,
        }

    @staticmethod
    def _settled(counts: SpoolCounts) -> int:
        return counts.total - counts.pending - counts.unknown
