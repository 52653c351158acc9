# SPDX-License-Identifier: Apache-2.0
"""
Define the send operators that only rehearse: they send nothing, and end as their guards decide.

A send operator with ``dry_run=True`` asks its guards and heeds none, so that one look shows all that is wrong. A
rehearsal in front of a campaign must stop it instead.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_aliyunsms.exceptions import GuardSkipError, GuardUndecidedError
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.operators.base import FAILED_KEY, AliyunSmsSendOperator
from airflow_provider_aliyunsms.operators.failures import FinalAudienceError, FinalGuardError
from airflow_provider_aliyunsms.operators.guards import ASK_AGAIN
from airflow_provider_aliyunsms.task_errors import tell, with_short_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

_LOOK_AT_CODES = "Look at the codes, and at the guards, if that is a surprise."


class _Rehearsal(AliyunSmsSendOperator):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, dry_run=True)

    @with_short_errors
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Rehearse the campaign and return its summary.

        :raises AirflowSkipException: a guard skips the campaign; or nobody would be sent to, and ``on_empty`` is
            ``skip``.
        :raises FinalGuardError: a guard stops the campaign; not retried.
        :raises FinalAudienceError: nobody would be sent to; not retried.
        :raises GuardUndecidedError: a guard could not judge; a retry asks it again.
        """
        summary = super().execute(context)
        against = deciding(summary.get("guards", ()))
        nobody = not summary["rehearsal"]["recipients"]
        if against is None and not nobody:
            return summary
        # A failing task has no return value; the figures are what its reader needs.
        try:
            context["ti"].xcom_push(key=FAILED_KEY, value=summary)
        # Whatever it is, the error that ends the try is the one to report.
        except Exception as problem:  # noqa: BLE001 - the backend of the deployment may raise anything
            say(log, logging.WARNING, "The summary could not be kept as XCom (%s).", type(problem).__name__)
        if against is None:
            # Nobody is asked to approve it, and what would send to nobody is not rehearsed as if it did.
            empty = FinalAudienceError("nobody would be sent to", advice=_LOOK_AT_CODES)
            if self.on_empty != "skip":
                raise empty
            tell(empty, level=logging.WARNING)
            raise AirflowSkipException("Nobody would be sent to.")
        told = f"{against['guard']} would stop the campaign: {against['reason']}"
        if against["decision"] == "skip":
            skips = GuardSkipError(
                f"{against['guard']} skips the campaign: {against['reason']}", advice=ASK_AGAIN
            )
            tell(skips, level=logging.WARNING)
            raise AirflowSkipException(skips.message)
        advice = against.get("advice")
        if against.get("may_change"):
            raise GuardUndecidedError(told, advice=advice)
        raise FinalGuardError(told, advice=advice)


class AliyunSendBatchSmsRehearsal(_Rehearsal, AliyunSendBatchSmsOperator):
    """
    Rehearse one campaign of ``SendBatchSms``: send nothing, show what would be sent, and end as the guards decide.

    Costs what the guards cost, and passes over the audience. The parameters and the XCom are those of
    :class:`~airflow_provider_aliyunsms.operators.aliyun_sms.AliyunSendBatchSmsOperator` with ``dry_run=True``; a
    guard that waits is only told. When a guard fails or skips the campaign, the XCom is under the key ``campaign``.
    """


class AliyunBatchSendMessageToGlobeRehearsal(_Rehearsal, AliyunBatchSendMessageToGlobeOperator):
    """
    Rehearse one campaign of ``BatchSendMessageToGlobe``, as :class:`AliyunSendBatchSmsRehearsal` does.

    The parameters are those of
    :class:`~airflow_provider_aliyunsms.operators.aliyun_sms.AliyunBatchSendMessageToGlobeOperator`.
    """


def deciding(records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the record of the first guard that skips or fails the campaign, None when none does."""
    return next((record for record in records if record["decision"] in ("skip", "fail")), None)
