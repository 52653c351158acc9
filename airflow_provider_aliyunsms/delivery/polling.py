# SPDX-License-Identifier: Apache-2.0
"""
Ask the gateway for the delivery of every pending message, in rounds of rate-limited queries.

A round runs in one thread, here called the asking thread. It reads the receipts, hands queries to worker threads and
notes their results. The worker threads make the queries and change nothing in this module.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from operator import itemgetter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from airflow_provider_aliyunsms.campaign.ports import Fate
from airflow_provider_aliyunsms.delivery.checkpoint import TOP
from airflow_provider_aliyunsms.delivery.state import Tally, total
from airflow_provider_aliyunsms.delivery.tracking import OpenReceipts, pending_messages
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ApiError, CampaignDoomedError, PaceError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from airflow_provider_aliyunsms.campaign.ports import Delivery, StatusChannel, Tracked
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Cursor
    from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter
    from airflow_provider_aliyunsms.delivery.state import DeliveryState

log = logging.getLogger(__name__)


class OnSettled(Protocol):
    """Take note of one message that was delivered or failed."""

    def __call__(self, *, message: Tracked, delivery: Delivery, api: str) -> None:
        """Note it; ``api`` is that of its campaign."""
        ...


GIVE_UP_AFTER = 50
"""
Queries in a row without a usable response that end a round.

By then the gateway is probably down, and every further query would only wait for it. The next round goes on there.
"""

BATCH_TIME = 0.01
"""Seconds that the queries of one batch take at most; one that takes longer stands alone."""

LARGEST_BATCH = 32
"""Queries of one batch."""

GROWTH = 0.5
"""
The wait before the next round, as a share of the time since sending ended.

A receipt comes either soon after sending or late, so the waits may grow.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """
    One campaign among those polled.

    :param campaign: where its receipts are, and which API sent it.
    :param channel: makes the queries. The worker threads call it, several at once, so it must be safe to share.
    :param progress: the pending messages and the counts. It has no lock: while a round runs, only the asking thread
        may touch it.
    """

    campaign: WatchedCampaign
    channel: StatusChannel
    progress: DeliveryState


@dataclass(frozen=True, slots=True)
class RoundReport:
    """
    The result of one round.

    :param asked: messages asked for; those whose query was cut short do not count.
    :param unanswered: of these, how many got no usable response; they stay pending.
    :param stopped: the round was cut short before every pending message was asked for.
    :param whole: the round began with the first pending message, not where an earlier one was cut short.
    :param error: the error of the last message without a usable response, or why the receipts could not be read.
    """

    asked: int
    unanswered: int
    stopped: bool = False
    whole: bool = True
    error: Exception | None = None

    @property
    def failed(self) -> bool:
        """Whether nothing was learned because no query got a usable response, or the receipts could not be read."""
        return self.error is not None and self.asked == self.unanswered


class DeliveryPoller:
    """
    Ask for the messages of one or several campaigns, round after round, until none is pending.

    Only free read calls are made. A message without a usable response stays pending and is asked for again in the
    next round.

    Threads: one thread at a time may use a poller, and nothing of it may be read or called while another thread is
    inside :meth:`round`. The worker threads of a round end before :meth:`round` returns or raises.

    :param parts: the campaigns and their channels; all share one rate limit.
    :param open_receipts: opens a receipts path for reading in binary; called once per round and file.
    :param limiter: the query limiter that the channels' client was made with, so that every query passes it.
    :param cursor: where the first round goes on, when an earlier process cut one short.
    :param on_settled: called by the asking thread for each message that was delivered or failed, once; it must not
        raise.
    """

    def __init__(
        self,
        *,
        parts: Sequence[Part],
        open_receipts: OpenReceipts,
        limiter: QueryLimiter,
        cursor: Cursor = TOP,
        on_settled: OnSettled | None = None,
    ) -> None:
        # Never replaced. The worker threads enter it through the client; it has its own locks.
        self.limiter = limiter
        # Asking thread only: round() writes it, and known() of the watch reads it between two rounds.
        self.cursor = cursor
        # The tuple never changes. Which thread may touch what in a part: see Part.
        self._parts = tuple(parts)
        # Never replaced; called by the asking thread only, both.
        self._open_receipts = open_receipts
        self._on_settled = on_settled

    @property
    def tally(self) -> Tally:
        """The sum of the counts of all campaigns."""
        return total(part.progress.tally for part in self._parts)

    @property
    def progress(self) -> list[DeliveryState]:
        """The delivery states, one for each campaign."""
        return [part.progress for part in self._parts]

    def round(self, *, should_stop: Callable[[], bool] = lambda: False) -> RoundReport:
        """
        Ask once for every pending message, or for the rest of them when the last round was cut short.

        Takes about ``pending / max_qps`` seconds and at least one query for each message. A storage that fails while
        the receipts are read ends the round, and the report says so.

        :param should_stop: asked before each query, by a worker thread, one thread at a time; it must return at once.
            Queries already under way are still awaited.
        :raises CampaignDoomedError: the credentials or permissions are wrong, for every other message as well.
        :raises AliyunSmsError: the receipts file is missing or damaged.
        """
        # Before the first query: a worker thread asks it before each one, and would otherwise ask the last one.
        self.limiter.listen(should_stop)
        one_round = _Round(workers=self.limiter.limits.max_concurrency, on_settled=self._on_settled)
        # Reset before anything can fail: after an error the next round begins with the first pending message.
        start, self.cursor = self.cursor, TOP
        try:
            self._ask_all(one_round, start=start)
            # Only when every result is noted are the report and the new cursor complete.
            one_round.finish()
        except AliyunSmsError:
            raise
        except Exception as error:  # noqa: BLE001 - every storage raises errors of its own, and one may pass
            say(
                log,
                logging.WARNING,
                "The receipts could not be read in this round (%s).",
                type(error).__name__,
            )
            return one_round.report(error=error)
        finally:
            # Waits for the worker threads, however the round ends. Left running, they would make queries that the
            # caller's checkpoint and max_calls do not count, and obey the should_stop of the next round.
            one_round.close()
        # After a round that was given up, the next one goes on behind it: the messages behind would never be asked
        # for where each round begins with the same fifty that get no answer.
        self.cursor = one_round.cut_at or one_round.gave_up_at or TOP
        return one_round.report(whole=start == TOP)

    def _ask_all(self, one_round: _Round, *, start: Cursor) -> None:
        for index, part in enumerate(self._parts[start[0] :], start=start[0]):
            # Closed here, in the asking thread: the generator holds the receipts file open and reads the delivery
            # state that this thread changes.
            with closing(self._questions(part)) as questions:
                for position, message in questions:
                    at = (index, position)
                    if at < start:
                        # Asked for in the round that was cut short here.
                        continue
                    # Looked at before each query: ask() notes results, and one of them may be the reason to end.
                    if one_round.is_over:
                        one_round.skip(at=at)
                        return
                    one_round.ask(at=at, part=part, message=message)

    def _questions(self, part: Part) -> Generator[tuple[int, Tracked], None, None]:
        return pending_messages(
            campaign=part.campaign, progress=part.progress, open_receipts=self._open_receipts
        )


_Question = tuple["Cursor", Part, "Tracked"]
"""Where a message stands among the receipts, its campaign, and the data of its query."""


@dataclass(slots=True)
class _Answers:
    """
    The results of the queries of one batch, in order; a query that failed is the last one that was made.

    :param deliveries: the results of the queries before it.
    :param error: why it failed, None when none did.
    :param seconds: how long all of them took.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0


class _Round:
    """
    Run the queries of one round in worker threads, and note their results in the asking thread.

    Queries that get their responses at once are handed over in batches, because to wake a thread costs as much CPU as
    a good part of a query; slow ones one by one.

    The worker threads run :meth:`_make` and nothing else: results come back through its future. Every other method
    here is called by the asking thread, which alone touches the delivery states and all fields that are not named
    otherwise, so none needs a lock.
    """

    def __init__(self, *, workers: int, on_settled: OnSettled | None) -> None:
        # The pool locks itself. Asking thread: submits and shuts it down; worker threads: belong to it.
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="aliyun-sms-delivery")
        # Worker threads put in what they have finished, the asking thread takes it out.
        self._finished: SimpleQueue[Future[_Answers]] = SimpleQueue()
        # Set by the asking thread, read by the worker threads before each query.
        self._closed = False
        # From here on asking thread only.
        self._workers = workers
        self._size = 1
        # Taken up and not handed over, in the order of the receipts.
        self._waiting: list[_Question] = []
        self._flying: dict[Future[_Answers], list[_Question]] = {}
        self._on_settled = on_settled
        self._asked = 0
        self._unanswered = 0
        self._unanswered_in_a_row = 0
        self.cut_at: Cursor | None = None
        self.gave_up_at: Cursor | None = None
        self._error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether no further query is to be made: some were cut short, or too many in a row got no response."""
        return self.cut_at is not None or self._unanswered_in_a_row >= GIVE_UP_AFTER

    def ask(self, *, at: Cursor, part: Part, message: Tracked) -> None:
        """Take up one query; when it makes a batch full, wait for a free thread and start the batch."""
        self._waiting.append((at, part, message))
        if len(self._waiting) >= self._size:
            self._start()

    def finish(self) -> None:
        """Make the queries that were taken up, unless the round is over, and note the results of all."""
        # Again after each result: a batch that breaks off leaves queries to be made.
        while self._flying or (self._waiting and not self.is_over):
            if self._waiting and not self.is_over:
                self._start()
            else:
                self._collect()
        if self._waiting:
            self.skip(at=self._waiting[0][0])

    def skip(self, *, at: Cursor) -> None:
        """Let the next round go on at a message that is not asked for, or before it; only when this one is over."""
        if self.cut_at is not None:
            self.cut_at = min(at, self.cut_at)
        else:
            self.gave_up_at = min(at, self.gave_up_at or at)

    def _start(self) -> None:
        # Before every batch: without this bound all pending messages would be read and queued at once, and a request
        # to stop, which shows only in the results, would be noticed at the end.
        while len(self._flying) >= self._workers:
            self._collect()
        # Looked at again: the results may be the reason to end.
        if not self.is_over:
            batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            future = self._pool.submit(self._make, batch)
            self._flying[future] = batch
            future.add_done_callback(self._finished.put)

    def _make(self, batch: Sequence[_Question]) -> _Answers:
        answers, began = _Answers(), time.monotonic()
        try:
            for _, part, message in batch:
                if self._closed:
                    raise CancelledError
                answers.deliveries.append(part.channel.status(message=message))
        except Exception as error:  # noqa: BLE001 - the asking thread decides what it means
            # The batch ends here: during an outage the others would only wait, and more queries than
            # GIVE_UP_AFTER would be made in vain.
            answers.error = error
        answers.seconds = time.monotonic() - began
        return answers

    def _collect(self) -> None:
        """Wait for the next batch that ends, and note its results."""
        future = self._finished.get()
        # Removed before it is noted: noting may raise, and no result may be noted twice.
        batch = self._flying.pop(future)
        self._note_all(batch, future.result())

    def _note_all(self, batch: Sequence[_Question], answers: _Answers) -> None:
        # The deliveries first: they were learned before the error, which may end the watch.
        for question, delivery in zip(batch, answers.deliveries, strict=False):
            self._note(question, delivery)
        if answers.error is None:
            fitting = int(BATCH_TIME / max(answers.seconds / len(batch), BATCH_TIME / LARGEST_BATCH))
            self._size = max(1, min(fitting, self._size * 2))
            return
        # One by one again: the next ones may have to wait for a timeout as well.
        self._size = 1
        done = len(answers.deliveries)
        # In order: where the round ends before they are asked for, the next one must go on at the first of them.
        self._waiting = sorted([*batch[done + 1 :], *self._waiting], key=itemgetter(0))
        self._note_failed(batch[done], answers.error)

    def _note(self, question: _Question, delivery: Delivery) -> None:
        at, part, message = question
        # The one line that changes a delivery state during a round. In the asking thread, because the receipts
        # generator reads the same state there to skip what is settled; in a worker thread both would race.
        part.progress.settle(position=at[1], delivery=delivery)
        self._unanswered_in_a_row = 0
        if self._on_settled is not None and delivery.fate is not Fate.PENDING:
            self._on_settled(message=message, delivery=delivery, api=part.campaign.api)
        self._asked += 1

    def _note_failed(self, question: _Question, error: Exception) -> None:
        if isinstance(error, CancelledError):
            # The limiter stopped before this message had its result. Queries end in any order, so the smallest
            # position is kept: with a later one, the next round would miss a message. Those behind it that have a
            # result are settled and skipped, or still pending and asked for once more.
            self.cut_at = min(question[0], self.cut_at or question[0])
            return
        # A CampaignDoomedError is an ApiError, but ends the watch instead of leaving one message pending.
        if isinstance(error, CampaignDoomedError) or not isinstance(error, ApiError):
            raise error
        self._unanswered += 1
        # Without the account's pace no query can be made, so the round ends at once: the others would all wait.
        self._unanswered_in_a_row += GIVE_UP_AFTER if isinstance(error, PaceError) else 1
        self._error = error
        self._asked += 1

    def report(self, *, whole: bool = False, error: Exception | None = None) -> RoundReport:
        """
        Return the report of this round; the asking thread calls it when no query is open any more.

        :param whole: the round began with the first pending message.
        :param error: why the receipts could not be read; the round then counts as failed, whatever was learned.
        """
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
        """Drop the queries that have not started, and wait for the others, which end with their own timeouts."""
        # Before the wait: a batch would otherwise make all of its queries.
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)


def next_wait(*, elapsed: float, interval: float, longest: float, remaining: float) -> float:
    """
    Return the seconds until the next round.

    The wait is a fixed share of the campaign's age, so that the waits grow exponentially. It depends on nothing else:
    every process and every mode of the sensor waits equally long. A wait never reaches beyond a deadline that is
    still ahead, so that the last round begins at the deadline.

    :param elapsed: seconds since sending ended.
    :param interval: the shortest wait, seconds.
    :param longest: the longest wait, seconds.
    :param remaining: seconds until the deadline; zero or less once it has passed.
    """
    wanted = min(max(interval, elapsed * GROWTH), max(interval, longest))
    return min(wanted, remaining) if remaining > 0 else wanted
