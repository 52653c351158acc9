# SPDX-License-Identifier: Apache-2.0
"""Ask for the fate of every pending message, paced, a round at a time."""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.delivery.checkpoint import TOP
from airflow_provider_aliyunsms.delivery.state import Tally, total
from airflow_provider_aliyunsms.delivery.tracking import OpenReceipts, pending_messages
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ApiError, CampaignDoomedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from airflow_provider_aliyunsms.campaign.ports import Delivery, StatusChannel, Tracked
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Cursor
    from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter
    from airflow_provider_aliyunsms.delivery.state import DeliveryState

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 50
"""Questions in a row without an answer that end a round: the gateway is down, the others would only wait for it."""

GROWTH = 0.5
"""The wait before the next round, as a share of the time since sending ended: receipts come early or late."""


@dataclass(frozen=True, slots=True)
class Part:
    """One campaign among those polled, and the channel that knows about it."""

    campaign: WatchedCampaign
    channel: StatusChannel
    progress: DeliveryState


@dataclass(frozen=True, slots=True)
class RoundReport:
    """
    What one round did.

    :param asked: messages asked for.
    :param unanswered: of these, how many the gateway gave no usable answer for; they stay pending.
    :param stopped: the gate closed before every pending message was asked for.
    :param whole: the round began with the first pending message, not where the last one was cut short.
    :param error: why the last unanswered one was not answered, or why the receipts could not be read.
    """

    asked: int
    unanswered: int
    stopped: bool = False
    whole: bool = True
    error: Exception | None = None

    @property
    def failed(self) -> bool:
        """Nothing was learned, because nothing worked."""
        return self.error is not None and self.asked == self.unanswered


class DeliveryPoller:
    """
    Asks for the fate of messages until each has one.

    Only free read calls are made. A message the gateway gives no usable answer for stays pending and is
    asked for again in the next round. Must be used by one thread at a time.

    :param parts: the campaigns and their channels; the pace is shared by all.
    :param open_receipts: opens a receipts path for reading in binary; called once per round and file.
    :param gate: every query of the channels passes it; it keeps the pace.
    :param cursor: where a round goes on that an earlier process cut short.
    """

    def __init__(
        self,
        *,
        parts: Sequence[Part],
        open_receipts: OpenReceipts,
        gate: QueryLimiter,
        cursor: Cursor = TOP,
    ) -> None:
        self.gate = gate
        self.cursor = cursor
        self._parts = tuple(parts)
        self._open_receipts = open_receipts

    @property
    def tally(self) -> Tally:
        """The counts over all campaigns."""
        return total(part.progress.tally for part in self._parts)

    @property
    def progress(self) -> list[DeliveryState]:
        """What is known, one for each campaign."""
        return [part.progress for part in self._parts]

    def round(self, *, should_stop: Callable[[], bool] = lambda: False) -> RoundReport:
        """
        Ask once for every pending message, or for the rest of them when the last round was cut short.

        :param should_stop: looked at before each query; the queries already made are still awaited.
        :raises CampaignDoomedError: the credentials or permissions are wrong, for every other message as
            well.
        :raises AliyunSmsError: the receipts are not what they should be.
        """
        self.gate.listen(should_stop)
        one_round = _Round(workers=self.gate.limits.max_concurrency)
        start, self.cursor = self.cursor, TOP
        try:
            self._ask_all(one_round, start=start)
            one_round.collect(limit=0)
        except AliyunSmsError:
            raise
        except Exception as error:  # noqa: BLE001 - every storage raises errors of its own, and one may pass
            log.warning("The receipts could not be read in this round: %s", type(error).__name__)
            return one_round.report(error=error)
        finally:
            one_round.close()
        self.cursor = one_round.cut_at or TOP
        return one_round.report(whole=start == TOP)

    def _ask_all(self, one_round: _Round, *, start: Cursor) -> None:
        for index, part in enumerate(self._parts[start[0] :], start=start[0]):
            with closing(self._questions(part)) as questions:
                for position, message in questions:
                    at = (index, position)
                    if at < start:
                        continue
                    if one_round.unanswered_in_a_row >= GIVE_UP_AFTER or one_round.cut_at is not None:
                        return
                    one_round.ask(at=at, part=part, message=message)

    def _questions(self, part: Part) -> Generator[tuple[int, Tracked], None, None]:
        return pending_messages(
            campaign=part.campaign, progress=part.progress, open_receipts=self._open_receipts
        )


class _Round:
    """The questions in flight; answers are noted by the thread that asks, so that nothing needs a lock."""

    def __init__(self, *, workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="aliyun-sms-delivery")
        self._limit = workers * 2
        self._flying: dict[Future[Delivery], tuple[Cursor, Part]] = {}
        self._asked = 0
        self._unanswered = 0
        self.unanswered_in_a_row = 0
        self.cut_at: Cursor | None = None
        self._error: Exception | None = None

    def ask(self, *, at: Cursor, part: Part, message: Tracked) -> None:
        """Start one question, after waiting until few enough are in flight."""
        self._flying[self._pool.submit(part.channel.status, message=message)] = (at, part)
        self.collect(limit=self._limit - 1)

    def collect(self, *, limit: int) -> None:
        """Note answers until at most ``limit`` questions are in flight."""
        while len(self._flying) > limit:
            done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            for future in done:
                at, part = self._flying.pop(future)
                self._note(future=future, at=at, part=part)

    def _note(self, *, future: Future[Delivery], at: Cursor, part: Part) -> None:
        try:
            part.progress.settle(position=at[1], delivery=future.result())
        except CancelledError:
            # The gate closed before the question had its answer. Nothing is missed by going on from the first of
            # them: those behind it that were answered are settled, or asked once more.
            self.cut_at = min(at, self.cut_at or at)
            return
        except CampaignDoomedError:
            raise
        except ApiError as error:
            self._unanswered += 1
            self.unanswered_in_a_row += 1
            self._error = error
        else:
            self.unanswered_in_a_row = 0
        self._asked += 1

    def report(self, *, whole: bool = False, error: Exception | None = None) -> RoundReport:
        """Sum the round up; unreadable receipts count as if nothing had been answered."""
        if error is not None:
            return RoundReport(asked=self._asked, unanswered=self._asked, error=error)
        return RoundReport(
            asked=self._asked,
            unanswered=self._unanswered,
            stopped=self.cut_at is not None,
            whole=whole,
            error=self._error,
        )

    def close(self) -> None:
        """Drop what has not started; what has ends with its own timeout."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def next_wait(*, elapsed: float, interval: float, longest: float, remaining: float) -> float:
    """
    Return the seconds until the next round.

    The wait grows with the age of the campaign, which makes it exponential, and depends on nothing else, so
    that every process and mode comes to the same one. It never goes beyond the deadline, where the last
    round begins.

    :param elapsed: since sending ended.
    :param interval: the shortest wait.
    :param longest: the longest wait.
    :param remaining: until the deadline.
    """
    wanted = min(max(interval, elapsed * GROWTH), max(interval, longest))
    return min(wanted, remaining) if remaining > 0 else wanted
