# SPDX-License-Identifier: Apache-2.0
"""Watch the delivery of campaigns in the triggerer, where waiting takes no worker slot."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.own_thread import in_own_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from airflow_provider_aliyunsms.delivery.verdict import Verdict
    from airflow_provider_aliyunsms.delivery.watch import Watch

log = logging.getLogger(__name__)

THREAD = "aliyun-sms-delivery-round"


class AliyunSmsDeliveryTrigger(BaseTrigger):
    """
    Ask for the delivery of the accepted messages of one or several campaigns until the verdict is final.

    Only free read calls are made, and nothing has to be undone when it is cancelled. It ends in exactly one event,
    also when something breaks; no error leaves ``run``.

    A restarted triggerer runs the trigger again from its arguments, and asks again for the messages that were pending
    when the task was deferred. To keep that loss small, the trigger ends after a leg of five minutes with what it has
    learned, and the task defers anew from there: a restart costs one leg. Another leg follows at once, without this
    hand-over, when the progress is too large for the arguments of a trigger (above 240,000 messages, while neither
    nearly all nor nearly none are pending), or when the leg learned nothing.

    Airflow stores the arguments in its database. They hold neither secrets nor phone numbers nor message ids: the
    receipts of a small campaign stay in the XCom, and then the trigger only waits until the next poke is due, which
    the task makes itself. Arguments that an earlier release stored, with the receipts in them, are understood.

    :param campaigns: results of :meth:`~airflow_provider_aliyunsms.delivery.campaigns.WatchedCampaign.to_json`.
    :param end_time: the deadline, seconds since the epoch; wall-clock time, because a trigger may move to another
        machine. One round is made even when it has passed.
    :param min_delivered_ratio: the smallest acceptable ``delivered / accepted``, None to accept any result.
    :param stop_when_reached: end with success as soon as the ratio is reached.
    :param max_qps: queries per second, None for no limit.
    :param max_concurrency: queries in flight at once, 1 to 64; each is a thread.
    :param max_calls: queries in all, None for no limit.
    :param sample_size: messages asked for instead of all, None for all.
    :param poke_interval: the shortest wait between two rounds, seconds.
    :param max_wait: the longest wait, seconds.
    :param max_failed_rounds: rounds in a row in which nothing works, before the error is reported.
    :param aliyun_sms_conn_id: the connection; it is read in the triggerer.
    :param known: a result of :meth:`~airflow_provider_aliyunsms.delivery.checkpoint.Checkpoint.to_small_json`; None
        to ask for all messages.
    :param suppress_into: the folder that takes the numbers which carriers block; None to keep none.
    :param split: the split by whose groups to count, as
        :func:`~airflow_provider_aliyunsms.delivery.group_counts.split_to_json` wrote it; None for none.
    """

    def __init__(
        self,
        *,
        campaigns: Sequence[Mapping[str, Any]],
        end_time: float,
        min_delivered_ratio: float | None = None,
        stop_when_reached: bool = False,
        max_qps: float | None = 20,
        max_concurrency: int = 8,
        max_calls: int | None = None,
        sample_size: int | None = None,
        poke_interval: float = 30.0,
        max_wait: float = 300.0,
        max_failed_rounds: int = 10,
        aliyun_sms_conn_id: str = "aliyun_sms_default",
        known: Mapping[str, Any] | None = None,
        suppress_into: str | None = None,
        split: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's is not annotated
        self.campaigns = campaigns
        self.end_time = end_time
        self.min_delivered_ratio = min_delivered_ratio
        self.stop_when_reached = stop_when_reached
        self.max_qps = max_qps
        self.max_concurrency = max_concurrency
        self.max_calls = max_calls
        self.sample_size = sample_size
        self.poke_interval = poke_interval
        self.max_wait = max_wait
        self.max_failed_rounds = max_failed_rounds
        self.aliyun_sms_conn_id = aliyun_sms_conn_id
        self.known = known
        self.suppress_into = suppress_into
        self.split = split

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments from which Airflow makes an equal trigger."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "campaigns": self.campaigns,
                "end_time": self.end_time,
                "min_delivered_ratio": self.min_delivered_ratio,
                "stop_when_reached": self.stop_when_reached,
                "max_qps": self.max_qps,
                "max_concurrency": self.max_concurrency,
                "max_calls": self.max_calls,
                "sample_size": self.sample_size,
                "poke_interval": self.poke_interval,
                "max_wait": self.max_wait,
                "max_failed_rounds": self.max_failed_rounds,
                "aliyun_sms_conn_id": self.aliyun_sms_conn_id,
                "known": self.known,
                "suppress_into": self.suppress_into,
                "split": self.split,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Watch until the verdict is final or a leg ends, and yield exactly one event.

        Its form: see :mod:`airflow_provider_aliyunsms.delivery.events`.
        """
        from airflow_provider_aliyunsms.delivery.events import error_event

        # The event loop's thread sets it; the worker threads of a round read it before each query.
        stop = threading.Event()
        try:
            event = await self._watched(stop)
        except Exception as error:  # noqa: BLE001 - of an error that leaves run Airflow shows only "Trigger failure"
            say(log, logging.WARNING, "The delivery cannot be watched any longer (%s).", type(error).__name__)
            event = error_event(error)
        finally:
            # On every way out, and before the event: a cancelled await leaves its thread behind. Without this, its
            # round would go on making queries until the leg ends.
            stop.set()
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's is not annotated

    async def _watched(self, stop: threading.Event) -> dict[str, Any]:
        from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
        from airflow_provider_aliyunsms.delivery.verdict import Verdict

        if not all(WatchedCampaign.from_json(each).can_be_asked_for for each in self.campaigns):
            return await self._waited()
        watch = await self._patiently_made_watch()
        leg = _Leg(watch=watch, stop=stop)
        await asyncio.sleep(max(0.0, min(watch.next_at, self.end_time) - time.time()))
        while True:
            # Awaited to the end: a watch has no locks. Nothing below may run beside look, nor two looks beside each
            # other. After a cancelled await the watch is left to its thread and not touched here again.
            verdict = await in_own_thread(leg.look, name=THREAD)
            if verdict is not Verdict.WAIT:
                return watch.ending(verdict).as_event()
            if leg.is_over() and (event := await in_own_thread(leg.event, name=THREAD)) is not None:
                return event
            await asyncio.sleep(watch.wait(now=time.time()))

    async def _waited(self) -> dict[str, Any]:
        """Wait until the next poke is due, and return the event with which the task makes it."""
        from airflow_provider_aliyunsms.delivery.events import progress_event

        known = self.known or {}
        next_at = known.get("next_at")
        due = float(next_at) if isinstance(next_at, int | float) else 0.0
        await asyncio.sleep(max(0.0, min(due, self.end_time) - time.time()))
        return progress_event(known)

    async def _patiently_made_watch(self) -> Watch:
        """
        Make the watch, and try again while the secrets backend or the storage fails.

        A wrong setting is raised at once, any other error after ``max_failed_rounds`` failures.
        """
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        from airflow_provider_aliyunsms.exceptions import AliyunSmsError

        failures = 0
        while True:
            try:
                return await self._make_watch()
            except (AliyunSmsError, AirflowNotFoundException):
                raise
            except Exception as error:
                failures += 1
                if failures >= self.max_failed_rounds:
                    raise
                say(log, logging.WARNING, "The delivery cannot be watched yet (%s).", type(error).__name__)
                await asyncio.sleep(self.poke_interval)

    async def _make_watch(self) -> Watch:
        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_provider_aliyunsms.hooks.account_pace import redis_connection
        from airflow_provider_aliyunsms.hooks.settings import read_settings

        connection = await get_async_connection(self.aliyun_sms_conn_id)
        redis = await redis_connection(read_settings(connection))
        # In a thread, because it reads all receipts, and would stop all triggers of the process meanwhile.
        return await asyncio.to_thread(self._build, connection, redis)

    def _build(self, connection: Any, redis: Any) -> Watch:
        from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign, campaigns_fingerprint
        from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
        from airflow_provider_aliyunsms.delivery.group_counts import split_from_json
        from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimits
        from airflow_provider_aliyunsms.delivery.watch import WatchPolicy
        from airflow_provider_aliyunsms.hooks.delivery_watch import StatusClients, make_watch

        campaigns = [WatchedCampaign.from_json(each) for each in self.campaigns]
        expected = campaigns_fingerprint(campaigns, sample_size=self.sample_size)
        return make_watch(
            campaigns=campaigns,
            rules=WatchPolicy(
                min_delivered_ratio=self.min_delivered_ratio,
                stop_when_reached=self.stop_when_reached,
                finished_at=max(each.finished_at for each in campaigns),
                deadline=self.end_time,
                interval=self.poke_interval,
                longest=self.max_wait,
                max_failed_rounds=self.max_failed_rounds,
                sample_size=self.sample_size,
            ),
            limits=QueryLimits(
                max_qps=self.max_qps, max_concurrency=self.max_concurrency, max_calls=self.max_calls
            ),
            connect=lambda: StatusClients(connection, redis=redis),
            known=Checkpoint.from_json(self.known, fingerprint=expected),
            suppress_into=self.suppress_into,
            split=split_from_json(self.split),
        )


class _Leg:
    """
    One leg of a watch: five minutes, after which the task keeps what was learned.

    Threads: the event loop's thread makes it, and runs :meth:`look` and :meth:`event` in a thread of their own, one
    after the other. :meth:`is_over` is also called by the worker threads of a round.
    """

    def __init__(self, *, watch: Watch, stop: threading.Event) -> None:
        # Not thread-safe: during a look or an event only the thread that runs it may touch it.
        self._watch = watch
        # Thread-safe itself: set by the event loop's thread, read by worker threads.
        self._stop = stop
        # Never changed after this constructor; read in event().
        self._pending = watch.tally.pending
        self._begin()

    def _begin(self) -> None:
        from airflow_provider_aliyunsms.delivery import watch

        # Written here and in event(), never during a look: the worker threads of a round read it without a lock.
        self._ends = time.monotonic() + watch.LEG

    def look(self) -> Verdict:
        """Make one round and judge; the round is cut short when the leg ends or the trigger is stopped."""
        return self._watch.look(now=time.time, should_stop=lambda: self._stop.is_set() or self.is_over())

    def is_over(self) -> bool:
        """Return True when the five minutes have passed; safe in any thread."""
        return time.monotonic() >= self._ends

    def event(self) -> dict[str, Any] | None:
        """Return the event that ends the leg; None, and another leg begins, when the task could keep nothing new."""
        from airflow_provider_aliyunsms.delivery.events import progress_event

        self._begin()
        known, whole = self._watch.known(now=time.time()).to_small_json()
        # With max_calls the number of calls is handed over even if nothing was learned: otherwise a restart would go
        # on from an older number and make more calls than allowed.
        is_new = self._watch.tally.pending != self._pending or self._watch.is_counted
        return progress_event(known) if whole and is_new else None
