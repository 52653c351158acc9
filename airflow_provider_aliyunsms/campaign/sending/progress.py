# SPDX-License-Identifier: Apache-2.0
"""
Report how far a campaign is while it runs: a line in the log, and figures in the ledger's store.

Only the main thread uses this module, because it reads the spool and writes to the ledger's store.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.clock import parse_stamp, utc_stamp
from airflow_provider_aliyunsms.campaign.figures import (
    MOST_TRIES,
    PROGRESS_KEY,
    Series,
    codes_of,
    guards_of,
    read_points,
    words_of,
)
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_aliyunsms.audience.spool import Spool, SpoolCounts
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.guards import GuardJudge
    from airflow_provider_aliyunsms.campaign.ledger import Ledger, Store

log = logging.getLogger(__name__)

REPEAT_EVERY = 60.0
"""Seconds between two lines of the log that say the same."""

_LONG = 300.0
"""Seconds from which on the time that is left is told in minutes."""

SHOW_EVERY = 5.0
"""Seconds between two reports."""

FIRST_AFTER = 1.0
"""Seconds until the first report; short, so that people who look on soon see that the campaign has begun."""

_OWN = ("accepted", "rejected", "skipped")
"""Outcomes that a try adds to those of the tries before."""


class ProgressReporter:
    """
    Report the progress of a campaign every few seconds.

    The figures tell of earlier tries as well. Those are read once from where they were left.

    :param ledger: writes the figures to its store.
    :param spool: counts the recipients by outcome.
    :param clock: the time.
    :param judge: tells what the guards decided; None for no guards.
    :param facts: further fields of the figures that stay the same, such as the campaign id.
    :param try_number: the number of this try; one that goes on after a wait has the same number.
    :param onlookers: a store beside the ledger's that takes the figures as well, because the page that shows them
        cannot read the ledger's; None for none. What becomes of its writes decides about nothing.
    :param open_chunks: returns the number of chunks whose outcome is not known.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        clock: Clock,
        judge: GuardJudge | None = None,
        facts: Mapping[str, Any] | None = None,
        try_number: int = 1,
        onlookers: Store | None = None,
        open_chunks: Callable[[], int] = lambda: 0,
    ) -> None:
        self._judge = judge
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._facts = dict(facts or {})
        self._try_number = try_number
        self._onlookers = onlookers
        self._open_chunks = open_chunks
        self._began = clock.monotonic()
        self._began_at = clock.now()
        self._before: SpoolCounts | None = None
        self._calls_before = 0
        self._earlier: _Earlier | None = None
        self._shown_at = self._began - SHOW_EVERY + FIRST_AFTER
        self._told = ("", self._began)

    def show_if_due(self) -> None:
        """
        Report the progress if the last report is :data:`SHOW_EVERY` seconds ago.

        :raises LedgerError: see :meth:`show`.
        """
        self._note_beginning()
        if self._clock.monotonic() - self._shown_at >= SHOW_EVERY:
            self.show()

    def show(self) -> None:
        """
        Log the progress and write it to the ledger's store; costs one write.

        :raises LedgerError: the store takes neither the figures nor anything else, or another try has the campaign.
            Sending stops, because the store would not take an outcome either.
        """
        self._note_beginning()
        self._write(self.log_now(), ending=None)

    def show_end(self, error: BaseException) -> None:
        """Write the last figures of a try that an error ends; a failure of that is logged, and raises nothing."""
        self._note_beginning()
        try:
            self._write(self._counts(), ending=words_of(error))
        except AliyunSmsError as failed:
            say(
                log,
                logging.WARNING,
                "The last figures of this try could not be kept (%s).",
                type(failed).__name__,
            )

    def log_now(self) -> dict[str, int]:
        """Log one line of progress and return its counts; nothing is written to the store."""
        self._shown_at = self._clock.monotonic()
        counts = self._spool.counts()
        settled = self._settled(counts)
        self._log(_line(counts, settled=settled, rate=self._rate(settled)))
        return self._counts()

    def _counts(self) -> dict[str, int]:
        counts = self._spool.counts()
        return {
            "settled": self._settled(counts),
            "total": counts.total,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "skipped": counts.skipped,
            "unknown": counts.unknown,
            "pending": counts.pending,
        }

    def _log(self, line: str) -> None:
        """Log a line; one that says the same, as in a wait for evidence, only after :data:`REPEAT_EVERY` seconds."""
        told, at = self._told
        if line != told or self._shown_at - at >= REPEAT_EVERY:
            self._told = (line, self._shown_at)
            say(log, logging.INFO, "%s", line)

    def _write(self, counts: Mapping[str, int], *, ending: str | None) -> None:
        figures = {**counts, **self._figures(counts, ending=ending)}
        self._ledger.show_progress(figures)
        self._tell_onlookers(figures)

    def _note_beginning(self) -> None:
        # The first call is the baseline of the rate: what earlier tries settled is no work of this one.
        if self._before is None:
            self._before = self._spool.counts()
            self._calls_before = self._ledger.calls

    def _rate(self, settled: int) -> float:
        seconds = self._clock.monotonic() - self._began
        before = 0 if self._before is None else self._settled(self._before)
        return (settled - before) / seconds if seconds > 0 else 0.0

    def _figures(self, counts: Mapping[str, int], *, ending: str | None) -> dict[str, Any]:
        if self._earlier is None:
            self._earlier = _Earlier.read(
                self._kept(), try_number=self._try_number, began_at=utc_stamp(self._began_at)
            )
        earlier, now = self._earlier, self._clock.now()
        earlier.series.add(
            (
                max(0, int(now - parse_stamp(earlier.series_from))),
                counts["accepted"],
                counts["rejected"],
                counts["unknown"],
            )
        )
        return {
            **self._facts,
            "try": self._try_number,
            "began_at": earlier.began_at,
            "at": utc_stamp(now),
            "per_second": round(self._rate(counts["settled"]), 2),
            "requests": self._ledger.calls,
            "open": self._open_chunks(),
            "codes": codes_of(self._spool.errors()),
            "guards": guards_of(self._judge.records if self._judge is not None else ()),
            "own": earlier.own(counts, before=self._before, calls=self._ledger.calls - self._calls_before),
            "series_from": earlier.series_from,
            "every": earlier.series.every,
            "series": [list(point) for point in earlier.series.points],
            "tries": earlier.tries,
            "ending": ending,
        }

    def _kept(self) -> Any:
        try:
            if self._onlookers is not None:
                return self._onlookers.get(PROGRESS_KEY)
            return self._ledger.last_progress()
        except Exception as error:  # noqa: BLE001 - Airflow's stores fail in many ways, and this one decides nothing
            say(
                log,
                logging.WARNING,
                "The figures of earlier tries could not be read (%s).",
                type(error).__name__,
            )
            return None

    def _tell_onlookers(self, figures: Mapping[str, Any]) -> None:
        if self._onlookers is None:
            return
        try:
            self._onlookers.set(PROGRESS_KEY, dict(figures))
        except Exception as error:  # noqa: BLE001 - Airflow's stores fail in many ways, and none may end a campaign
            say(
                log,
                logging.WARNING,
                "The figures for the campaign page could not be kept (%s); this try writes no more of them.",
                type(error).__name__,
            )
            self._onlookers = None

    @staticmethod
    def _settled(counts: SpoolCounts) -> int:
        return counts.total - counts.pending - counts.unknown


class _Earlier:
    """
    What earlier tries have left for this one to tell on.

    :param began_at: when this try began.
    :param series_from: when the first try began.
    :param series: the course of the counts so far.
    :param tries: what each earlier try did.
    :param done: what this try has done before a wait.
    """

    def __init__(
        self,
        *,
        began_at: str,
        series_from: str,
        series: Series,
        tries: list[dict[str, Any]],
        done: Mapping[str, int],
    ) -> None:
        self.began_at = began_at
        self.series_from = series_from
        self.series = series
        self.tries = tries
        self._done = done

    @classmethod
    def read(cls, kept: Any, *, try_number: int, began_at: str) -> _Earlier:
        """Take up what was kept, as far as it can be used; it was stored outside."""
        if not isinstance(kept, dict) or not isinstance(kept.get("try"), int):
            return cls(began_at=began_at, series_from=began_at, series=Series(), tries=[], done={})
        series_from, every, series = began_at, kept.get("every"), Series()
        if _is_stamp(kept.get("series_from")) and isinstance(every, int) and every > 0:
            series_from, series = kept["series_from"], Series(read_points(kept.get("series")), every=every)
        own = _numbers(kept.get("own"))
        told = kept.get("tries")
        tries = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
        same = kept["try"] == try_number
        if not same:
            last = {name: kept.get(name) for name in ("try", "began_at", "ending")}
            tries = [*tries, {**last, "ended_at": kept.get("at"), **own}][-MOST_TRIES:]
        return cls(
            began_at=kept["began_at"] if same and _is_stamp(kept.get("began_at")) else began_at,
            series_from=series_from,
            series=series,
            tries=tries,
            done=own if same else {},
        )

    def own(self, counts: Mapping[str, int], *, before: SpoolCounts | None, calls: int) -> dict[str, int]:
        """Return what this try has done itself, also before a wait."""
        done = {
            name: counts[name]
            - (getattr(before, name) if before is not None else 0)
            + self._done.get(name, 0)
            for name in _OWN
        }
        return {**done, "unknown": counts["unknown"], "requests": calls + self._done.get("requests", 0)}


def _numbers(kept: Any) -> dict[str, int]:
    found = kept if isinstance(kept, dict) else {}
    return {name: found[name] for name in (*_OWN, "unknown", "requests") if isinstance(found.get(name), int)}


def _is_stamp(text: Any) -> bool:
    try:
        return isinstance(text, str) and parse_stamp(text) > 0
    except ValueError:
        return False


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
