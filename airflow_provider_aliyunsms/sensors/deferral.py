# SPDX-License-Identifier: Apache-2.0
"""Connect a deferrable sensor with its trigger, and turn the trigger's result into that of the task."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, DeliveryError, DeliveryTimeoutError
from airflow_provider_aliyunsms.log_lines import say, table
from airflow_provider_aliyunsms.task_errors import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_aliyunsms.audience.split import Split
    from airflow_provider_aliyunsms.codes import CodeInfo
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
    from airflow_provider_aliyunsms.delivery.events import DeliveryResult
    from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimits
    from airflow_provider_aliyunsms.delivery.state import Tally
    from airflow_provider_aliyunsms.delivery.watch import WatchPolicy
    from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger


SHOWN_CODES = 10
"""The number of codes that the log names; the XCom has all of them."""

GRACE = 600.0
"""Seconds by which a deferred task outlives its trigger's deadline, so that the trigger's event arrives first."""


def trigger_for(
    *,
    campaigns: Sequence[WatchedCampaign],
    rules: WatchPolicy,
    limits: QueryLimits,
    known: Checkpoint | None,
    aliyun_sms_conn_id: str,
    suppress_into: str | None = None,
    split: Split | None = None,
) -> AliyunSmsDeliveryTrigger:
    """
    Return a trigger that goes on with a watch by the same rules.

    :param known: what is known already; None to ask for all messages. When it is too large for the arguments of a
        trigger, its progress is left out and the trigger asks for all messages.
    """
    from airflow_provider_aliyunsms.delivery.group_counts import split_to_json
    from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger

    handed_over = None
    if known is not None:
        handed_over, whole = known.to_small_json()
        if not whole and any(each.receipts for each in campaigns):
            # This trigger only waits. Without the time it would come back at once.
            handed_over |= {"next_at": known.next_at}
    return AliyunSmsDeliveryTrigger(
        campaigns=[each.to_json() for each in campaigns],
        end_time=rules.deadline,
        min_delivered_ratio=rules.min_delivered_ratio,
        stop_when_reached=rules.stop_when_reached,
        max_qps=limits.max_qps,
        max_concurrency=limits.max_concurrency,
        max_calls=limits.max_calls,
        sample_size=rules.sample_size,
        poke_interval=rules.interval,
        max_wait=rules.longest,
        max_failed_rounds=rules.max_failed_rounds,
        aliyun_sms_conn_id=aliyun_sms_conn_id,
        known=handed_over,
        suppress_into=suppress_into,
        split=split_to_json(split),
    )


def time_for(*, campaigns: Sequence[WatchedCampaign], rules: WatchPolicy, limits: QueryLimits) -> timedelta:
    """
    Return how long the task may stay deferred: until the trigger has finished its last round, with a reserve.

    Three times the estimated duration of a round for all messages, plus :data:`GRACE`, are added to the time until
    the deadline.
    """
    rounds = 3 * limits.round_time(messages=sum(each.accepted for each in campaigns))
    return timedelta(seconds=max(0.0, rules.deadline - time.time()) + GRACE + rounds)


log = logging.getLogger(__name__)


def result_of(ending: DeliveryResult, *, ratio: float | None, ti: Any = None) -> dict[str, Any]:
    """
    Log the counts of a finished watch, and return them as the task's XCom.

    :param ratio: the smallest acceptable ``delivered / accepted``, None to accept any result.
    :param ti: the task instance for which the counts go to the metrics, unless a retry asks again; None for none.
    :raises DeliveryError: too few messages were delivered.
    :raises DeliveryTimeoutError: the deadline passed, or the calls were used up, before enough were.
    """
    from airflow_provider_aliyunsms.delivery.verdict import describe_counts, error_of
    from airflow_provider_aliyunsms.hooks.metrics import emit_delivery

    tally, population = ending.tally, ending.population
    for line in table((count, code, info.meaning) for count, code, info in _explained(tally)):
        log.info("%s", line)
    silence = ending.silence
    error = error_of(verdict=ending.verdict, tally=tally, ratio=ratio, population=population, silence=silence)
    if ti is not None and (error is None or _is_final(ending)):
        emit_delivery(tally=tally, ti=ti)
    if error is not None:
        raise _final(error) if _is_final(ending) else error
    say(log, logging.INFO, "Delivery: %s", describe_counts(tally=tally, ratio=ratio, population=population))
    for _, code, info in _explained(tally):
        say(log, logging.INFO, "Next step for %s: %s", code, info.advice)
        break
    else:
        say(log, logging.INFO, "Next step: None needed.")
    if silence is not None:
        say(
            log,
            logging.WARNING,
            "No query of the last round got an answer (%s).",
            silence.code,
            next_step=silence.advice,
        )
    return ending.as_xcom()


def _explained(tally: Tally) -> Iterator[tuple[int, str, CodeInfo]]:
    from airflow_provider_aliyunsms.codes import explain
    from airflow_provider_aliyunsms.delivery.state import ranked

    for code, count in ranked(tally)[:SHOWN_CODES]:
        yield count, code, explain(code)


def _is_final(ending: DeliveryResult) -> bool:
    """
    Return whether the same verdict would meet every retry.

    It would not where the gateway was silent, or where a retry may make more calls.
    """
    from airflow_provider_aliyunsms.delivery.verdict import Verdict

    if ending.verdict is Verdict.TOO_FEW:
        return True
    return ending.verdict is Verdict.TIMED_OUT and ending.silence is None


class FinalDeliveryError(DeliveryError, AirflowFailException):
    """A :class:`DeliveryError` that is not retried: the counts cannot become any better."""


class FinalDeliveryTimeoutError(DeliveryTimeoutError, FinalDeliveryError):
    """A :class:`DeliveryTimeoutError` that is not retried, as Airflow's own timeout of a sensor is not."""


def _final(error: DeliveryError) -> DeliveryError:
    kind = FinalDeliveryTimeoutError if isinstance(error, DeliveryTimeoutError) else FinalDeliveryError
    return kind(error.message, code=error.code, request_id=error.request_id, advice=error.advice)


@contextmanager
def softly(*, soft_fail: bool, never_fail: bool) -> Iterator[None]:
    """
    Turn errors inside this context into a skip of the task, where ``soft_fail`` or ``never_fail`` asks for it.

    Airflow itself does so in some of the sensor's modes only.

    :param soft_fail: skip after a :class:`~airflow_provider_aliyunsms.exceptions.DeliveryError`.
    :param never_fail: skip after any error.
    :raises AirflowSkipException: instead of such an error.
    """
    try:
        yield
    # Exception and not BaseException: the signal that defers the task is of the latter kind and must pass.
    except Exception as error:
        if never_fail or (soft_fail and isinstance(error, DeliveryError)):
            if isinstance(error, AliyunSmsError):
                tell(error, level=logging.WARNING)
                raise AirflowSkipException(error.message) from error
            raise AirflowSkipException(str(error)) from error
        raise
