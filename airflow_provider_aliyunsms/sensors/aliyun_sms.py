# SPDX-License-Identifier: Apache-2.0
"""Wait for the carriers' receipts of a campaign's messages, and judge them by the share that was delivered."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_aliyunsms.delivery.checkpoint import CheckpointStore
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimits, check_count
from airflow_provider_aliyunsms.delivery.verdict import check_ratio
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.parameter_checks import check_duration, check_qps, check_texts, check_whole
from airflow_provider_aliyunsms.private import hide_campaign, unwrap
from airflow_provider_aliyunsms.sensors.deferral import result_of, softly, time_for, trigger_for
from airflow_provider_aliyunsms.task_errors import with_short_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.audience.split import Split
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
    from airflow_provider_aliyunsms.delivery.events import DeliveryResult
    from airflow_provider_aliyunsms.delivery.verdict import Verdict
    from airflow_provider_aliyunsms.delivery.watch import Watch, WatchPolicy
    from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
    from airflow_provider_aliyunsms.sensors.figures import DeliveryFigures

BACKSTOP = timedelta(days=1).total_seconds()
"""
Seconds by which Airflow's own timeout lies beyond the sensor's deadline.

Airflow's timeout ends a sensor without a result, the deadline ends it with one, so the deadline must come first.
"""

FIRST_LOOK = 60.0
"""The longest first round, in seconds, which a deferrable sensor makes on the worker before it defers."""

LONGEST_WAIT = 10
"""The longest wait, as a multiple of ``poke_interval``, unless ``max_wait`` is given."""


class AliyunSmsDeliverySensor(BaseSensorOperator):
    """
    Wait for the carriers' receipts of every accepted message of one or several campaigns.

    Makes free read calls only: nothing is sent and nothing is charged, whatever is retried. A poke is one round of
    queries: it asks only for the messages that are still pending, with up to ``max_concurrency`` queries in flight,
    evenly spread and at most ``max_qps`` a second, and takes ``pending / max_qps`` seconds. For a large campaign
    raise both (the APIs allow 5000 queries a second in China, 300 for Globe), or ask for a sample. A message sent
    near midnight UTC+8 may cost two queries, and a repeated query counts again; ``max_qps`` and ``max_calls`` count
    every one of them.

    The sensor ends

    * when nothing is pending any more, or
    * when ``min_delivered_ratio`` cannot be reached any more, even if all pending messages were delivered, or
    * at its deadline, with ``pending`` counted, or
    * when ``max_calls`` queries were made, as if that were the deadline.

    A ratio that is reached early does not end it, unless ``stop_when_reached`` is set. It succeeds when the ratio is
    reached or none was set; 0 of 0 reaches no ratio, except in a dry run. Otherwise it fails with
    :class:`~airflow_provider_aliyunsms.exceptions.DeliveryError` or
    :class:`~airflow_provider_aliyunsms.exceptions.DeliveryTimeoutError`, without a retry where another try would find
    the same: the ratio is out of reach, or the deadline has passed and the gateway did answer.

    ``soft_fail`` turns these two into a skip, in every mode. The three modes (poke, reschedule, deferrable) end in
    the same state with the same XCom: ``campaign_id``, ``delivered``, ``failed``, ``pending``, ``errors`` (error code
    -> number of failed messages), ``calls`` (queries made) and ``series``: up to 60 points of seconds since sending
    ended, delivered, failed and pending messages.

    With ``sample_size`` and more accepted messages than that, the sensor asks for a random sample of that size,
    always the same one, and the XCom holds an estimate: ``estimated`` (True), ``accepted``, ``sample_size``,
    ``delivered_ratio`` of the sample (pending counts as not delivered), ``delivered_ratio_interval`` (95 percent,
    Wilson), ``calls``, and the counts of the sample alone one level deeper, under ``sample``. To end early, the whole
    interval has to lie on one side of ``min_delivered_ratio``; at the end the sample's ratio decides. A sample of
    1000 messages is exact to within 3 percentage points, one of 10,000 to within 1.

    A message whose query fails stays pending. After ``max_failed_rounds`` pokes in a row in which nothing worked, the
    last error is raised. Wrong credentials or permissions are raised at once.

    * In reschedule mode every poke is a new process. On Airflow 3.3 and later a poke is cut short after five minutes
      and keeps its progress in the task state store; the next one goes on from there and asks only for the messages
      still pending. On older versions every poke asks for all messages, failed pokes are not counted, and
      ``max_calls`` holds for each poke.
    * The receipts of small campaigns stay in the XCom. The trigger then only waits, and the sensor comes back for
      each poke, which takes a worker slot for a few seconds. With a ``receipts_path`` the triggerer asks itself.
    * A deferrable sensor comes back from the triggerer every five minutes to keep what was learned, so that a
      restarted triggerer does not begin anew (see
      :class:`~airflow_provider_aliyunsms.triggers.aliyun_sms.AliyunSmsDeliveryTrigger`). On Airflow 3.3 and later a
      retry, too, asks only for the messages still pending.
    * A retry may make ``max_calls`` queries again.

    The China API does not distinguish two messages of one chunk to the same number. Both get the status of the first
    record, so such a pair may count as two delivered messages although only one was delivered.

    https://help.aliyun.com/document_detail/419277.html and
    https://www.alibabacloud.com/help/en/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage

    :param campaign: the output of a send operator, or a list of several, as from a mapped send task; None among
        several, the result of a task that was skipped, is left out. Example: ``send.output``. (templated)
    :param min_delivered_ratio: 0..1, the smallest acceptable ``delivered / accepted`` (all campaigns together);
        None accepts any result. Unit: share of accepted messages. Example: ``0.95``.
    :param stop_when_reached: succeed as soon as the ratio is reached, with the counts of that moment. Example:
        ``True``.
    :param max_qps: queries per second, None for no limit. Unit: queries a second. Example: ``200``.
    :param max_concurrency: queries in flight at once, 1 to 64; each is a thread. Unit: queries. Example: ``32``.
    :param max_calls: the most queries of one try, None for no limit. Unit: queries. Example: ``100_000``.
    :param sample_size: messages of all campaigns together to ask for instead of all; None for all. Unit:
        messages. Example: ``10_000``.
    :param max_failed_rounds: pokes in a row in which nothing worked, before the error is raised. Unit: pokes.
        Example: ``3``.
    :param suppress_into: a folder on a local disk or any fsspec storage that takes the numbers which the carriers
        report as opted out or blacklisted, for :class:`.Suppress` with the same folder as ``learned``. It holds
        phone numbers. With ``sample_size`` only those of the sample. Example: ``"s3://conn_id@bucket/learned"``.
        (templated)
    :param split: the split of the send operator; the XCom then holds the counts by group under ``groups``.
        Example: ``Split({"a": 0.5, "b": 0.5}, salt="spring")``.
    :param aliyun_sms_conn_id: the connection. Example: ``"my_sms"``. (templated)
    :param deferrable: wait in the triggerer, without a worker slot, after a first poke of at most a minute.
        Example: ``True``.
    :param poke_interval: seconds or timedelta; the shortest wait between two pokes. The waits grow with the time
        since sending ended, up to ``max_wait``. Unit: seconds. Example: ``60``.
    :param timeout: seconds or timedelta, measured from the end of sending (``finished_at``; of several campaigns
        the latest), not from the first poke, so that every mode, retry and process has the same deadline. A
        sensor that starts after it asks for all messages once and ends. It never raises ``AirflowSensorTimeout``:
        Airflow's own limit is set one day beyond. Unit: seconds. Example: ``timedelta(hours=6)``.
    :param max_wait: seconds or timedelta, by default ten times ``poke_interval``. Unit: seconds. Example:
        ``900``.
    """

    template_fields: Sequence[str] = ("campaign", "suppress_into", "aliyun_sms_conn_id")
    ui_color = "#ffe0cc"

    def __init__(
        self,
        *,
        campaign: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Any,
        min_delivered_ratio: float | None = None,
        stop_when_reached: bool = False,
        max_qps: float | None = 20,
        max_concurrency: int = 8,
        max_calls: int | None = None,
        sample_size: int | None = None,
        max_failed_rounds: int = 10,
        suppress_into: str | None = None,
        split: Split | None = None,
        aliyun_sms_conn_id: str = "aliyun_sms_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 30.0,
        timeout: timedelta | float = 3600.0,
        **kwargs: Any,
    ) -> None:
        # Before Airflow computes with them.
        check_duration("poke_interval", poke_interval, above=True)
        check_duration("timeout", timeout)
        check_qps(max_qps)
        check_whole("max_failed_rounds", max_failed_rounds, low=1)
        check_texts(aliyun_sms_conn_id=aliyun_sms_conn_id, suppress_into=suppress_into)
        if split is not None and sample_size is not None:
            raise ConfigurationError(
                "split and sample_size exclude each other", advice="A sample says nothing of its groups."
            )
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.campaign = campaign
        self.min_delivered_ratio = min_delivered_ratio
        self.stop_when_reached = stop_when_reached
        self.max_qps = max_qps
        self.max_concurrency = max_concurrency
        self.max_calls = max_calls
        self.sample_size = sample_size
        self.max_failed_rounds = max_failed_rounds
        self.suppress_into = suppress_into
        self.split = split
        self.aliyun_sms_conn_id = aliyun_sms_conn_id
        self.deferrable = deferrable
        self.delivery_timeout = self.timeout
        self.timeout = self.delivery_timeout + BACKSTOP
        self._watch: Watch | None = None
        self._killed = False
        self._ti: Any = None
        check_ratio(min_delivered_ratio, stop_when_reached=stop_when_reached)
        check_count(name="sample_size", value=sample_size)
        self._limits()

    @with_short_errors
    def execute(self, context: Context) -> Any:
        """
        Wait until the verdict is final, and return the counts; in deferrable mode make the first round and defer.

        :raises DeliveryError: too few messages were delivered, or can be.
        :raises DeliveryTimeoutError: the deadline passed, or the calls were used up, before enough were.
        :raises ConfigurationError: the campaign is not the result of a send operator, or its receipts are not there.
        """
        # Each run begins with a new watch, also when this object was run before.
        self._watch = None
        self._ti = context.get("ti")
        if not self.deferrable:
            return super().execute(context)
        with self._softly():
            return self._begin_and_defer(context)

    def on_kill(self) -> None:
        """Ask the sensor to stop before its next query; the queries in flight end with their own timeouts."""
        # Airflow calls this from a signal handler, which may interrupt anything: only a flag may be set here.
        self._killed = True

    @with_short_errors
    def poke(self, context: Context) -> bool | PokeReturnValue:
        """
        Ask once for every pending message, and return the counts when the verdict is final.

        :raises DeliveryError: see :meth:`execute`.
        """
        from airflow_provider_aliyunsms.delivery.verdict import Verdict
        from airflow_provider_aliyunsms.delivery.watch import LEG

        checkpoints = self._checkpoints(context)
        if self._watch is None:
            campaigns = self._campaigns()
            known = checkpoints.load(fingerprint=self._fingerprint(campaigns))
            self._watch = self._make_watch(campaigns=campaigns, known=known)
            self._figures(context, campaigns).of_watch(self._watch.known(now=time.time()))
        watch = self._watch
        # Cut short only with a store: without one the next process would begin with the same messages again, and
        # never reach the others.
        until = time.monotonic() + LEG if checkpoints.exists else math.inf
        try:
            verdict = self._look(watch, until=until)
            self._figures(context, watch.campaigns).of_watch(
                watch.known(now=time.time()), ended=verdict is not Verdict.WAIT
            )
            with self._softly():
                result = None if verdict is Verdict.WAIT else self._end(watch.ending(verdict))
        except Exception:
            # Before the error ends the try: the next one must not ask again for what this one has learned.
            checkpoints.save(watch.known(now=time.time()).for_new_try())
            raise
        if result is None:
            checkpoints.save(watch.known(now=time.time()))
            return False
        # Only now that there is a result: if the process dies before, the next one can still go on from there.
        checkpoints.clear()
        return PokeReturnValue(is_done=True, xcom_value=result)

    @with_short_errors
    def execute_complete(self, context: Context, event: Any) -> dict[str, Any]:
        """
        Take over the event of the trigger: keep its progress and defer anew, or return the counts.

        :raises DeliveryError: see :meth:`execute`.
        :raises AliyunSmsError: the error that ended the trigger, or the event is not one of this trigger.
        """
        from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
        from airflow_provider_aliyunsms.delivery.events import read_event, read_progress

        self._ti = context.get("ti")
        checkpoints = self._checkpoints(context)
        with self._softly():
            learned = read_progress(event)
            if learned is not None:
                campaigns = self._campaigns()
                known = Checkpoint.from_json(learned, fingerprint=self._fingerprint(campaigns))
                if any(each.receipts for each in campaigns):
                    # The trigger has only waited, for it holds no numbers to ask for. What it was given is no newer
                    # than the store, and may lack the progress.
                    known = checkpoints.load(fingerprint=self._fingerprint(campaigns)) or known
                    return self._look_and_defer(
                        context, campaigns=campaigns, known=known, checkpoints=checkpoints
                    )
                # Before _hand_over, which never returns: it ends this run by raising the signal to defer.
                if known is not None:
                    checkpoints.save(known)
                    self._figures(context, campaigns).of_watch(known)
                self._hand_over(campaigns=campaigns, known=known)
            ending = read_event(event)
            self._figures(context).of_result(ending)
            result = self._end(ending)
        # Only now that there is a result: after an error a retry goes on from the last checkpoint.
        checkpoints.clear()
        return result

    def _begin_and_defer(self, context: Context) -> dict[str, Any]:
        checkpoints = self._checkpoints(context)
        campaigns = self._campaigns()
        known = checkpoints.load(fingerprint=self._fingerprint(campaigns))
        # Only a new try of a deferrable sensor comes here: its calls and failures are counted anew.
        known = known and known.for_new_try()
        return self._look_and_defer(context, campaigns=campaigns, known=known, checkpoints=checkpoints)

    def _look_and_defer(
        self,
        context: Context,
        *,
        campaigns: Sequence[WatchedCampaign],
        known: Checkpoint | None,
        checkpoints: CheckpointStore,
    ) -> dict[str, Any]:
        from airflow_provider_aliyunsms.delivery.verdict import Verdict

        watch = self._make_watch(campaigns=campaigns, known=known)
        figures = self._figures(context, campaigns)
        if known is None:
            figures.of_watch(watch.known(now=time.time()))
        # Not cut short where the progress of the last look is lost: the same messages would be asked for each time,
        # and the others never.
        lost = known is not None and known.progress is None
        try:
            verdict = self._look(watch, until=math.inf if lost else time.monotonic() + FIRST_LOOK)
            figures.of_watch(watch.known(now=time.time()), ended=verdict is not Verdict.WAIT)
            result = None if verdict is Verdict.WAIT else self._end(watch.ending(verdict))
        except Exception:
            # Before the error ends the try: the next one must not ask again for what this one has learned.
            checkpoints.save(watch.known(now=time.time()).for_new_try())
            raise
        if result is None:
            known = watch.known(now=time.time())
            # Before _hand_over, which never returns: it ends this run by raising the signal to defer.
            checkpoints.save(known)
            self._hand_over(campaigns=campaigns, known=known)
        checkpoints.clear()
        return result

    def _look(self, watch: Watch, *, until: float) -> Verdict:
        """
        Make one round, which ends at ``until`` (monotonic seconds) or when the task is killed.

        :raises WatchInterruptedError: the task was killed meanwhile.
        """
        from airflow_provider_aliyunsms.exceptions import WatchInterruptedError

        verdict = watch.look(now=time.time, should_stop=lambda: self._killed or time.monotonic() > until)
        if self._killed:
            raise WatchInterruptedError(
                "the task was killed while it asked for deliveries",
                advice="Clear the task to ask again: nothing is sent by it.",
            )
        return verdict

    def _hand_over(self, *, campaigns: Sequence[WatchedCampaign], known: Checkpoint | None) -> NoReturn:
        from airflow_provider_aliyunsms.hooks.delivery_watch import StatusClients

        rules, limits = self._rules(campaigns), self._limits()
        trigger = trigger_for(
            campaigns=campaigns,
            rules=rules,
            limits=limits,
            known=known,
            aliyun_sms_conn_id=self.aliyun_sms_conn_id,
            suppress_into=self._folder_of_opt_outs(),
            split=self.split,
        )
        self.defer(
            trigger=trigger,
            method_name="execute_complete",
            timeout=time_for(
                campaigns=campaigns, rules=rules, limits=StatusClients(self._hook().connection).within(limits)
            ),
        )

    def _campaigns(self) -> Sequence[WatchedCampaign]:
        from airflow_provider_aliyunsms.delivery.campaigns import watched

        return watched(unwrap(self.campaign))

    def _figures(
        self, context: Context, campaigns: Sequence[WatchedCampaign] | None = None
    ) -> DeliveryFigures:
        from airflow_provider_aliyunsms.sensors.figures import DeliveryFigures

        known = self._campaigns if campaigns is None else lambda: campaigns
        return DeliveryFigures(context=context, campaigns=known, sample_size=self.sample_size)

    def _fingerprint(self, campaigns: Sequence[WatchedCampaign]) -> str:
        from airflow_provider_aliyunsms.delivery.campaigns import campaigns_fingerprint

        return campaigns_fingerprint(campaigns, sample_size=self.sample_size)

    def _limits(self) -> QueryLimits:
        return QueryLimits(
            max_qps=self.max_qps, max_concurrency=self.max_concurrency, max_calls=self.max_calls
        )

    def _make_watch(self, *, campaigns: Sequence[WatchedCampaign], known: Checkpoint | None) -> Watch:
        from airflow_provider_aliyunsms.hooks.delivery_watch import StatusClients, make_watch

        hook = self._hook()
        return make_watch(
            campaigns=campaigns,
            rules=self._rules(campaigns),
            limits=self._limits(),
            connect=lambda: StatusClients(hook.connection),
            known=known,
            suppress_into=self._folder_of_opt_outs(),
            split=self.split,
        )

    def _folder_of_opt_outs(self) -> str | None:
        # A template that gave nothing must not mean that opt-outs are forgotten, or kept in a folder named None.
        if self.suppress_into is not None and str(self.suppress_into).strip() in ("", "None"):
            raise ConfigurationError(
                "suppress_into was rendered to nothing", advice="Correct its template, or leave it out."
            )
        return self.suppress_into

    def _hook(self) -> AliyunSmsHook:
        from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

        return AliyunSmsHook(aliyun_sms_conn_id=self.aliyun_sms_conn_id)

    def _rules(self, campaigns: Sequence[WatchedCampaign]) -> WatchPolicy:
        from airflow_provider_aliyunsms.delivery.watch import WatchPolicy

        finished_at = max(each.finished_at for each in campaigns)
        longest = self.poke_interval * LONGEST_WAIT
        if self.max_wait is not None:
            longest = self.max_wait.total_seconds()
        return WatchPolicy(
            min_delivered_ratio=self.min_delivered_ratio,
            stop_when_reached=self.stop_when_reached,
            finished_at=finished_at,
            deadline=finished_at + self.delivery_timeout,
            interval=self.poke_interval,
            longest=longest,
            max_failed_rounds=self.max_failed_rounds,
            sample_size=self.sample_size,
        )

    def _checkpoints(self, context: Context) -> CheckpointStore:
        """Return the store for the checkpoint; in poke mode one that keeps nothing: all pokes share a process."""
        if self.reschedule or self.deferrable:
            return CheckpointStore(cast("dict[str, Any]", context).get("task_state_store"))
        return CheckpointStore(None)

    def _end(self, ending: DeliveryResult) -> dict[str, Any]:
        return result_of(ending, ratio=self.min_delivered_ratio, ti=self._ti)

    def _softly(self) -> AbstractContextManager[None]:
        return softly(soft_fail=self.soft_fail, never_fail=self.never_fail)

    def _get_next_poke_interval(self, *args: Any, **kwargs: Any) -> float:
        """Return the wait that the trigger would make as well, so that all modes ask at the same times."""
        if self._watch is None:
            return super()._get_next_poke_interval(*args, **kwargs)
        return self._watch.wait(now=time.time())

    @with_short_errors
    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render, then wrap the campaign: Airflow would show its receipts under "Rendered Templates"."""
        from airflow_provider_aliyunsms.rendering import render_fields

        render_fields(
            self,
            parent=parent,
            fields=template_fields,
            context=context,
            jinja_env=jinja_env,
            seen_oids=seen_oids,
        )
        if parent is not self:
            return
        self.campaign = hide_campaign(self.campaign)
