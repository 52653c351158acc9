# SPDX-License-Identifier: Apache-2.0
"""Leave the figures of a delivery sensor in an XCom of their own, for the campaign page."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
    from airflow_provider_aliyunsms.delivery.events import DeliveryResult

log = logging.getLogger(__name__)


class DeliveryFigures:
    """
    Write the figures of a sensor; a failure to do so is logged, and changes nothing.

    :param context: the task's.
    :param campaigns: returns the campaigns that it watches; may raise, then nothing is written.
    :param sample_size: the messages asked for instead of all; None for all.
    """

    def __init__(
        self, *, context: Context, campaigns: Callable[[], Sequence[WatchedCampaign]], sample_size: int | None
    ) -> None:
        self._ti: Any = context.get("ti")
        self._campaigns = campaigns
        self._sample_size = sample_size

    def of_watch(self, known: Checkpoint, *, ended: bool = False) -> None:
        """Write what a watch has learned."""
        from airflow_provider_aliyunsms.delivery.figures import watch_figures

        self._push(
            lambda: watch_figures(
                campaigns=self._campaigns(),
                known=known,
                sample_size=self._sample_size,
                now=time.time(),
                ended=ended,
            )
        )

    def of_result(self, result: DeliveryResult) -> None:
        """Write the result of a watch that has ended in the trigger."""
        from airflow_provider_aliyunsms.delivery.figures import result_figures

        self._push(lambda: result_figures(campaigns=self._campaigns(), result=result, now=time.time()))

    def _push(self, figures: Callable[[], Mapping[str, Any]]) -> None:
        from airflow_provider_aliyunsms.delivery.figures import DELIVERY_KEY

        if self._ti is None:
            return
        try:
            self._ti.xcom_push(key=DELIVERY_KEY, value=figures())
        except Exception as error:  # noqa: BLE001 - the backend of the deployment may raise anything
            say(
                log,
                logging.WARNING,
                "The figures for the campaign page could not be kept as XCom (%s).",
                type(error).__name__,
            )
