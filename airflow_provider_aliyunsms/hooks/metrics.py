# SPDX-License-Identifier: Apache-2.0
"""
Emit what a try did to Airflow's metrics, where the deployment has them (StatsD, DogStatsD, OpenTelemetry).

A name holds no more than an outcome or an API; tags are those of Airflow's own task metrics. docs/logs.md lists them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_aliyunsms.api.call_times import CallTimes
    from airflow_provider_aliyunsms.delivery.state import Tally

log = logging.getLogger(__name__)

PREFIX = "aliyun_sms"


def emit_send(*, counts: Mapping[str, int], times: CallTimes, ti: Any) -> None:
    """
    Emit what one try of a send task did; raises nothing.

    :param counts: recipients by outcome, of this try alone.
    :param times: the calls of this try; it begins anew.
    :param ti: the task instance.
    """
    with _tolerant():
        stats = _stats()
        _count(stats, counts, tags=_tags(ti))
        _calls(stats, times, tags=_tags(ti))


def emit_delivery(*, tally: Tally, ti: Any) -> None:
    """Emit the final counts of a delivery sensor; raises nothing."""
    counts = {"delivered": tally.delivered, "failed": tally.failed, "pending": tally.pending}
    with _tolerant():
        _count(_stats(), counts, tags=_tags(ti))


def _count(stats: Any, counts: Mapping[str, int], *, tags: dict[str, str]) -> None:
    for name, count in counts.items():
        if count:
            stats.incr(f"{PREFIX}.{name}", count, tags=tags)


def _calls(stats: Any, times: CallTimes, *, tags: dict[str, str]) -> None:
    for action, found in times.take().items():
        stats.incr(f"{PREFIX}.calls.{action}", found.calls, tags=tags)
        for seconds in found.seconds:
            stats.timing(f"{PREFIX}.call_time.{action}", timedelta(seconds=seconds), tags=tags)


def _tags(ti: Any) -> dict[str, str]:
    return {"dag_id": str(ti.dag_id), "task_id": str(ti.task_id)}


def _stats() -> Any:
    from airflow.providers.common.compat.sdk import Stats

    return Stats


@contextmanager
def _tolerant() -> Iterator[None]:
    # Nothing stands before the yield: a context that ends there without one raises an error of its own.
    try:
        yield
    # The backend of the deployment may raise anything, and a campaign must not fail for a metric.
    except Exception as error:  # noqa: BLE001
        log.debug("The metrics could not be emitted (%s).", type(error).__name__)
