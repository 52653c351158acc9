# SPDX-License-Identifier: Apache-2.0
"""Wait until it is known what became of the messages of a campaign."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_aliyunsms.delivery.verdict import check_ratio
from airflow_provider_aliyunsms.exceptions import ConfigurationError, DeliveryError
from airflow_provider_aliyunsms.private import Private, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.events import Ending
    from airflow_provider_aliyunsms.delivery.memory import Store
    from airflow_provider_aliyunsms.delivery.watch import Rules, Watch

BACKSTOP = timedelta(days=1).total_seconds()
"""Airflow's own timeout lies this much beyond ours: it ends a sensor without a result, ours ends it with one."""

FIRST_LOOK = 60.0
"""Seconds a deferrable sensor asks on the worker before it hands over."""

GRACE = 600.0
"""Seconds a deferred task outlives the deadline of its trigger, so that the trigger's event wins."""

LONGEST_WAIT = 10
"""The longest wait, as a multiple of ``poke_interval``, unless ``max_wait`` is given."""

HANDED_OVER = 40_000
"""Characters of progress that travel to the trigger; MySQL keeps 64 KB of arguments. With more, it asks anew."""


class AliyunSmsDeliverySensor(BaseSensorOperator):
    """
    Waits for the carriers' receipts of every accepted message of one or several campaigns.

    Makes free read calls only: nothing is sent and nothing is charged, whatever is retried. A poke asks only for the
    messages that are still pending, at most ``max_qps`` a second, and takes ``pending / max_qps`` seconds: raise
    ``max_qps`` for a large campaign (the APIs allow 5000 a second in China, 300 for Globe).

    It ends

    * when nothing is pending any more, or
    * when ``min_delivered_ratio`` cannot be reached any more, even if all pending ones were delivered, or
    * at its deadline, with ``pending`` counted.

    A ratio that is reached early does not end it, unless ``stop_when_reached`` is set. It succeeds when the ratio
    is reached or none was asked for, otherwise it fails with :class:`DeliveryError` or
    :class:`DeliveryTimeoutError`; ``soft_fail`` turns these two into a skip, in every mode. The three modes (poke,
    reschedule, deferrable) end in the same state with the same XCom: ``campaign_id``, ``delivered``, ``failed``,
    ``pending`` and ``errors`` (code -> count of the failed ones).

    Failed calls leave a message pending; after ``max_failed_rounds`` pokes in a row in which nothing worked the last
    error is raised. Wrong credentials or permissions are raised at once. In reschedule mode every poke is a new
    process: on Airflow 3.3 and later it remembers through the task state store whom it need not ask again, below
    it asks everyone each time, and a failed poke does not count.

    https://help.aliyun.com/document_detail/419277.html and
    https://www.alibabacloud.com/help/en/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage

    :param campaign: the output of a send operator, or a list of several, as from a mapped send task. Templated.
    :param min_delivered_ratio: 0..1, the smallest acceptable ``delivered / accepted`` (over all campaigns together);
        None accepts any result.
    :param stop_when_reached: succeed as soon as the ratio is reached, with the counts of that moment.
    :param max_qps: messages asked for per second, None for no limit.
    :param max_failed_rounds: pokes in a row in which nothing worked, before the error is raised.
    :param aliyun_sms_conn_id: the connection. Templated.
    :param deferrable: wait in the triggerer, without a worker slot, after a first poke of at most a minute.
    :param poke_interval: seconds or timedelta; the shortest wait between two pokes. The waits grow with the time
        since sending ended, up to ``max_wait``.
    :param timeout: seconds or timedelta, measured from the end of sending (``finished_at``, of several campaigns
        the last), not from the first poke: so every mode, retry and process has the same deadline. A sensor that
        starts later asks everyone once and ends. ``AirflowSensorTimeout`` is never raised by it: Airflow's own limit
        is set a day beyond.
    :param max_wait: seconds or timedelta, by default ten times ``poke_interval``.
    """

    template_fields: Sequence[str] = ("campaign", "aliyun_sms_conn_id")
    ui_color = "#ffe0cc"

    def __init__(
        self,
        *,
        campaign: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Any,
        min_delivered_ratio: float | None = None,
        stop_when_reached: bool = False,
        max_qps: float | None = 20,
        max_failed_rounds: int = 10,
        aliyun_sms_conn_id: str = "aliyun_sms_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 30.0,
        timeout: timedelta | float = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.campaign = campaign
        self.min_delivered_ratio = min_delivered_ratio
        self.stop_when_reached = stop_when_reached
        self.max_qps = max_qps
        self.max_failed_rounds = max_failed_rounds
        self.aliyun_sms_conn_id = aliyun_sms_conn_id
        self.deferrable = deferrable
        self.delivery_timeout = self.timeout
        self.timeout = self.delivery_timeout + BACKSTOP
        self._watch: Watch | None = None
        _check(ratio=min_delivered_ratio, stop_when_reached=stop_when_reached, max_qps=max_qps)

    def execute(self, context: Context) -> Any:
        """
        Wait, and return the counts.

        :raises DeliveryError: too few messages were delivered, or can be.
        :raises DeliveryTimeoutError: the deadline passed before enough were.
        :raises ConfigurationError: the campaign is not the result of a send operator.
        """
        self._watch = None
        if not self.deferrable:
            return super().execute(context)
        with self._softly():
            return self._look_and_defer()

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Ask once for every pending message."""
        from airflow_provider_aliyunsms.delivery.memory import forget, remember
        from airflow_provider_aliyunsms.delivery.verdict import Verdict

        store = self._store(context)
        watch = self._get_watch(store)
        try:
            verdict = watch.look(now=time.time)
        finally:
            if store is not None:
                remember(store=store, watch=watch)
        if verdict is Verdict.WAIT:
            return False
        with self._softly():
            result = self._end(watch.ending(verdict))
        if store is not None:
            forget(store=store)
        return PokeReturnValue(is_done=True, xcom_value=result)

    def execute_complete(self, context: Context, event: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """
        Come back from the trigger and end as the other modes do.

        :raises AliyunSmsError: what went wrong in the trigger, or an event that is not from it.
        """
        from airflow_provider_aliyunsms.delivery.events import read_event

        with self._softly():
            return self._end(read_event(event))

    def _look_and_defer(self) -> dict[str, Any]:
        from airflow_provider_aliyunsms.delivery.verdict import Verdict

        watch = self._get_watch(None)
        until = time.monotonic() + FIRST_LOOK
        verdict = watch.look(now=time.time, should_stop=lambda: time.monotonic() > until)
        if verdict is Verdict.WAIT:
            self._hand_over(watch)
        return self._end(watch.ending(verdict))

    def _hand_over(self, watch: Watch) -> None:
        from airflow_provider_aliyunsms.delivery.polling import round_time
        from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger

        rules = watch.rules
        rounds = 3 * round_time(messages=watch.tally.pending, max_qps=self.max_qps)
        self.defer(
            trigger=AliyunSmsDeliveryTrigger(
                campaigns=[each.to_json() for each in watch.campaigns],
                end_time=rules.deadline,
                min_delivered_ratio=self.min_delivered_ratio,
                stop_when_reached=self.stop_when_reached,
                max_qps=self.max_qps,
                poke_interval=rules.interval,
                max_wait=rules.longest,
                max_failed_rounds=self.max_failed_rounds,
                aliyun_sms_conn_id=self.aliyun_sms_conn_id,
                progress=_compact(watch),
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, rules.deadline - time.time()) + GRACE + rounds),
        )

    def _get_watch(self, store: Store | None) -> Watch:
        if self._watch is None:
            self._watch = self._make_watch(store)
        return self._watch

    def _make_watch(self, store: Store | None) -> Watch:
        from airflow_provider_aliyunsms.delivery.campaigns import watched
        from airflow_provider_aliyunsms.delivery.memory import recall
        from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
        from airflow_provider_aliyunsms.hooks.delivery import make_watch, status_client

        campaigns = watched(unwrap(self.campaign))
        remembered = None if store is None else recall(store=store, campaigns=campaigns)
        progress, failures = remembered or (None, 0)
        hook = AliyunSmsHook(aliyun_sms_conn_id=self.aliyun_sms_conn_id)
        return make_watch(
            campaigns=campaigns,
            rules=self._rules(campaigns),
            client=lambda: status_client(hook.connection),
            max_qps=self.max_qps,
            progress=progress,
            failures=failures,
        )

    def _rules(self, campaigns: Sequence[WatchedCampaign]) -> Rules:
        from airflow_provider_aliyunsms.delivery.watch import Rules

        finished_at = max(each.finished_at for each in campaigns)
        longest = self.poke_interval * LONGEST_WAIT
        if self.max_wait is not None:
            longest = self.max_wait.total_seconds()
        return Rules(
            min_delivered_ratio=self.min_delivered_ratio,
            stop_when_reached=self.stop_when_reached,
            finished_at=finished_at,
            deadline=finished_at + self.delivery_timeout,
            interval=self.poke_interval,
            longest=longest,
            max_failed_rounds=self.max_failed_rounds,
        )

    def _store(self, context: Context) -> Store | None:
        """Return Airflow's task state store (3.3 and later) when pokes do not share a process."""
        if not self.reschedule:
            return None
        return cast("Store | None", cast("dict[str, Any]", context).get("task_state_store"))

    def _end(self, ending: Ending) -> dict[str, Any]:
        from airflow_provider_aliyunsms.delivery.verdict import error_of, explain

        self.log.info("Delivery: %s", explain(tally=ending.tally, ratio=self.min_delivered_ratio))
        error = error_of(verdict=ending.verdict, tally=ending.tally, ratio=self.min_delivered_ratio)
        if error is not None:
            raise error
        return ending.as_xcom()

    @contextmanager
    def _softly(self) -> Iterator[None]:
        """Skip where ``soft_fail`` or ``never_fail`` ask for it; Airflow itself does so in some modes only."""
        try:
            yield
        except Exception as error:
            if self.never_fail or (self.soft_fail and isinstance(error, DeliveryError)):
                raise AirflowSkipException(str(error)) from error
            raise

    def _get_next_poke_interval(self, *args: Any, **kwargs: Any) -> float:
        """Wait as the trigger does."""
        if self._watch is None:
            return super()._get_next_poke_interval(*args, **kwargs)
        return self._watch.wait(now=time.time())

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        """Render, then hide the receipts that Airflow would otherwise show under "Rendered Templates"."""
        super()._do_render_template_fields(*args, **kwargs)
        self.campaign = Private(self.campaign, description=_describe(self.campaign))


def _compact(watch: Watch) -> list[dict[str, Any]] | None:
    progress = [each.to_json() for each in watch.progress]
    return progress if len(json.dumps(progress)) <= HANDED_OVER else None


def _describe(campaign: Any) -> str:
    """Return what may be shown of a rendered campaign; a lazy list of XComs is not fetched for it."""
    value = unwrap(campaign)
    if isinstance(value, dict):
        return f"campaign {value.get('campaign_id')}, {value.get('accepted')} accepted"
    if isinstance(value, list | tuple):
        return f"{len(value)} campaigns"
    return "no campaign" if value is None else f"campaigns ({type(value).__name__})"


def _check(*, ratio: float | None, stop_when_reached: bool, max_qps: float | None) -> None:
    check_ratio(ratio)
    if stop_when_reached and ratio is None:
        raise ConfigurationError(
            "stop_when_reached needs min_delivered_ratio", advice="Say which ratio shall be reached."
        )
    if max_qps is not None and max_qps <= 0:
        raise ConfigurationError(
            "max_qps must be greater than 0", advice="Give calls per second, or None for no limit."
        )
