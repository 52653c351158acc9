# SPDX-License-Identifier: Apache-2.0
"""Campaigns whose first try is ended in the middle, and the try after it."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, AirflowException

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

FIRST_TRY = 1.5
"""Seconds, in which a gateway that is slow takes a few of the 30 calls."""


class KilledAtFirst(AliyunSendBatchSmsOperator):
    """Its first try is killed as Airflow kills: it is asked to stop."""

    def execute(self, context):
        if context["ti"].try_number == 1:
            signal.signal(signal.SIGALRM, lambda *_: self.on_kill())
            signal.setitimer(signal.ITIMER_REAL, FIRST_TRY)
        return super().execute(context)


class TornAtFirst(AliyunSendBatchSmsOperator):
    """Its first try ends wherever it is, without a good-bye."""

    def execute(self, context):
        if context["ti"].try_number == 1:
            signal.signal(signal.SIGALRM, _tear)
            signal.setitimer(signal.ITIMER_REAL, FIRST_TRY)
        return super().execute(context)


def _tear(*_):
    raise AirflowException("cut off")


CAMPAIGN = {
    "template_code": "SMS_1",
    "chunk_size": 2,
    "max_concurrency": 2,
    "retries": 3,
    "retry_delay": timedelta(0),
    "settle_time": 2,
}

with DAG("compat_interruptions", schedule=None):
    KilledAtFirst(
        task_id="with_ledger_path",
        recipients=[f"1380003{i:04d}" for i in range(60)],
        ledger_path=str(Path(os.environ["COMPAT_SCRATCH"], "ledger")),
        **CAMPAIGN,
    )
    TornAtFirst(task_id="as_it_comes", recipients=[f"1380005{i:04d}" for i in range(60)], **CAMPAIGN)
