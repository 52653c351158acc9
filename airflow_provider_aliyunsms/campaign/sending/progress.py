# SPDX-License-Identifier: Apache-2.0
"""
Report how far a campaign is while it runs: a line in the log and small counts in the ledger's store.

Only the main thread uses this module, because it reads the spool and writes to the ledger's store.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.spool import Spool, SpoolCounts
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.guards import GuardJudge
    from airflow_provider_aliyunsms.campaign.ledger import Ledger

log = logging.getLogger(__name__)

REPEAT_EVERY = 60.0
"""Seconds between two lines of the log that say the same."""

_LONG = 300.0
"""Seconds from which on the time that is left is told in minutes."""

SHOW_EVERY = 5.0
"""Seconds between two reports."""


class ProgressReporter:
    """
    Report the progress of a campaign every few seconds.

    :param ledger: writes the counts to its store.
    :param spool: counts the recipients by outcome.
    :param clock: the time.
    :param judge: tells what the guards decided; None for no guards.
    """

    def __init__(
        self, *, ledger: Ledger, spool: Spool, clock: Clock, judge: GuardJudge | None = None
    ) -> None:
        self._judge = judge
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._began = clock.monotonic()
        self._settled_before: int | None = None
        self._shown_at = self._began
        self._told = ("", self._began)

    def show_if_due(self) -> None:
        """
        Report the progress if the last report is :data:`SHOW_EVERY` seconds ago.

        :raises LedgerError: the store does not take the counts.
        """
        # The first call is the baseline of the rate: what earlier tries settled is no work of this one.
        if self._settled_before is None:
            self._settled_before = self._settled(self._spool.counts())
        if self._clock.monotonic() - self._shown_at >= SHOW_EVERY:
            self.show()

    def show(self) -> None:
        """
        Log the progress and write it to the ledger's store; costs one write.

        :raises LedgerError: the store does not take the counts. Sending stops, because the store would not take an
            outcome either.
        """
        counts: dict[str, Any] = dict(self.log_now())
        if self._judge is not None:
            counts["guards"] = [
                {name: record[name] for name in ("guard", "decision")} for record in self._judge.records
            ]
        self._ledger.show_progress(counts)

    def log_now(self) -> dict[str, int]:
        """Log one line of progress and return its counts; nothing is written to the store."""
        self._shown_at = self._clock.monotonic()
        counts = self._spool.counts()
        settled = self._settled(counts)
        seconds = self._shown_at - self._began
        rate = (settled - (self._settled_before or 0)) / seconds if seconds > 0 else 0.0
        self._log(_line(counts, settled=settled, rate=rate))
        return {
            "settled": settled,
            "total": counts.total,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "skipped": counts.skipped,
            "unknown": counts.unknown,
        }

    def _log(self, line: str) -> None:
        """Log a line; one that says the same, as in a wait for evidence, only after :data:`REPEAT_EVERY` seconds."""
        told, at = self._told
        if line != told or self._shown_at - at >= REPEAT_EVERY:
            self._told = (line, self._shown_at)
            say(log, logging.INFO, "%s", line)

    @staticmethod
    def _settled(counts: SpoolCounts) -> int:
        return counts.total - counts.pending - counts.unknown


def _line(counts: SpoolCounts, *, settled: int, rate: float) -> str:
    """Return how many are settled, what became of them, and how long the rest will take."""
    outcomes = ", ".join(
        f"{count} {name}"
        for name, count in (
            ("accepted", counts.accepted),
            ("rejected", counts.rejected),
            ("skipped", counts.skipped),
            ("unknown", counts.unknown),
        )
        if count or name == "accepted"
    )
    return f"{settled} of {counts.total} settled: {outcomes}; {rate:.0f}/s{_left(counts, rate=rate)}"


def _left(counts: SpoolCounts, *, rate: float) -> str:
    if not counts.pending:
        return ", waiting for evidence" if counts.unknown else ""
    if not rate:
        return ""
    seconds = (counts.pending + counts.unknown) / rate
    return f", {seconds / 60:.0f} min left" if seconds >= _LONG else f", {seconds:.0f} s left"
