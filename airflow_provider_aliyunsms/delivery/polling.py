# SPDX-License-Identifier: Apache-2.0
"""Ask for the fate of every pending message, paced, a round at a time."""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.pacing import SlidingWindow
from airflow_provider_aliyunsms.delivery.tracking import OpenReceipts, pending_messages
from airflow_provider_aliyunsms.delivery.verdict import Tally, total
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ApiError, CampaignDoomedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from airflow_provider_aliyunsms.campaign.ports import Delivery, StatusChannel, Tracked
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.progress import Progress

log = logging.getLogger(__name__)

MAX_WORKERS = 16
"""Calls in flight at once; a call takes 50 to 100 ms, so this is enough for a few hundred a second."""

CALLS_PER_WORKER = 5
"""Calls a second that one worker is trusted with, when the number of workers is derived from the pace."""

NAP = 0.25
"""Seconds of pacing after which a request to stop is looked at again."""

GIVE_UP_AFTER = 50
"""Questions in a row without an answer that end a round: the gateway is down, the others would only wait for it."""

GROWTH = 0.5
"""The wait before the next round, as a share of the time since sending ended: receipts come early or late."""


@dataclass(frozen=True, slots=True)
class Part:
    """One campaign among those polled, and the channel that knows about it."""

    campaign: WatchedCampaign
    channel: StatusChannel
    progress: Progress


@dataclass(frozen=True, slots=True)
class RoundReport:
    """
    What one round did.

    :param asked: messages asked for.
    :param unanswered: of these, how many the gateway gave no usable answer for; they stay pending.
    :param stopped: the round was ended by ``should_stop`` before every pending message was asked for.
    :param error: why the last unanswered one was not answered, or why the receipts could not be read.
    """

    asked: int
    unanswered: int
    stopped: bool = False
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
    :param max_qps: messages asked for per second, None for no limit. A message sent near midnight UTC+8
        costs two calls.
    :param clock: seconds, for the pacing alone.
    :param sleep: waits that many seconds.
    """

    def __init__(
        self,
        *,
        parts: Sequence[Part],
        open_receipts: OpenReceipts,
        max_qps: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._parts = tuple(parts)
        self._open_receipts = open_receipts
        self._pace = SlidingWindow(max_qps=max_qps)
        self._workers = workers_for(max_qps=max_qps)
        self._clock = clock
        self._sleep = sleep

    @property
    def tally(self) -> Tally:
        """The counts over all campaigns."""
        return total(part.progress.tally for part in self._parts)

    @property
    def progress(self) -> list[Progress]:
        """What is known, one for each campaign."""
        return [part.progress for part in self._parts]

    def round(self, *, should_stop: Callable[[], bool] = lambda: False) -> RoundReport:
        """
        Ask once for every pending message.

        :param should_stop: looked at before each question; the calls already made are still awaited.
        :raises CampaignDoomedError: the credentials or permissions are wrong, for every other message as
            well.
        :raises AliyunSmsError: the receipts are not what they should be.
        """
        one_round = _Round(workers=self._workers)
        try:
            stopped = self._ask_all(one_round, should_stop=should_stop)
            one_round.collect(limit=0)
        except AliyunSmsError:
            raise
        except Exception as error:  # noqa: BLE001 - every storage raises errors of its own, and one may pass
            log.warning("The receipts could not be read in this round: %s", type(error).__name__)
            return one_round.report(error=error)
        finally:
            one_round.close()
        return one_round.report(stopped=stopped)

    def _ask_all(self, one_round: _Round, *, should_stop: Callable[[], bool]) -> bool:
        """Return True when it was stopped on request."""
        for part in self._parts:
            with closing(self._questions(part)) as questions:
                for position, message in questions:
                    if one_round.unanswered_in_a_row >= GIVE_UP_AFTER:
                        return False
                    if not self._wait_for_turn(should_stop=should_stop):
                        return True
                    one_round.ask(part=part, position=position, message=message)
        return False

    def _questions(self, part: Part) -> Generator[tuple[int, Tracked], None, None]:
        return pending_messages(
            campaign=part.campaign, progress=part.progress, open_receipts=self._open_receipts
        )

    def _wait_for_turn(self, *, should_stop: Callable[[], bool]) -> bool:
        while not should_stop():
            delay = self._pace.wait_time(now=self._clock())
            if delay <= 0:
                self._pace.count(now=self._clock())
                return True
            self._sleep(min(delay, NAP))
        return False


class _Round:
    """The calls in flight; answers are noted by the thread that asks, so that nothing needs a lock."""

    def __init__(self, *, workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="aliyun-sms-delivery")
        self._limit = workers * 2
        self._flying: dict[Future[Delivery], tuple[Part, int]] = {}
        self._asked = 0
        self._unanswered = 0
        self.unanswered_in_a_row = 0
        self._error: Exception | None = None

    def ask(self, *, part: Part, position: int, message: Tracked) -> None:
        """Start one call, after waiting until few enough are in flight."""
        self.collect(limit=self._limit - 1)
        self._asked += 1
        self._flying[self._pool.submit(part.channel.status, message=message)] = (part, position)

    def collect(self, *, limit: int) -> None:
        """Note answers until at most ``limit`` calls are in flight."""
        while len(self._flying) > limit:
            done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            for future in done:
                part, position = self._flying.pop(future)
                self._note(future=future, part=part, position=position)

    def _note(self, *, future: Future[Delivery], part: Part, position: int) -> None:
        try:
            part.progress.settle(position=position, delivery=future.result())
        except CampaignDoomedError:
            raise
        except ApiError as error:
            self._unanswered += 1
            self.unanswered_in_a_row += 1
            self._error = error
        else:
            self.unanswered_in_a_row = 0

    def report(self, *, stopped: bool = False, error: Exception | None = None) -> RoundReport:
        """Sum the round up; unreadable receipts count as if nothing had been answered."""
        if error is not None:
            return RoundReport(asked=self._asked, unanswered=self._asked, error=error)
        return RoundReport(asked=self._asked, unanswered=self._unanswered, stopped=stopped, error=self._error)

    def close(self) -> None:
        """Drop what has not started; what has ends with its own timeout."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def workers_for(*, max_qps: float | None) -> int:
    """Return how many calls may be in flight, so that slow answers do not hold back the pace."""
    if max_qps is None:
        return MAX_WORKERS
    return max(1, min(MAX_WORKERS, math.ceil(max_qps / CALLS_PER_WORKER)))


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


def round_time(*, messages: int, max_qps: float | None) -> float:
    """Return roughly how many seconds one round takes when the gateway answers promptly."""
    pace = MAX_WORKERS * CALLS_PER_WORKER if max_qps is None else max_qps
    return messages / pace
