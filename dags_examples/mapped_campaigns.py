# SPDX-License-Identifier: Apache-2.0
"""
One campaign for every file in a folder, side by side, and one sensor for all of them.

By default the map index is part of a campaign's identity. It moves when files come or go between a run and its Clear,
and then the operator refuses to send. Here each campaign is named after its run and its file instead, and the ledger
lies in a place that goes by that name: whatever the order, each run goes on where it stopped.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

# [START mapped_campaigns]
with DAG(
    dag_id="mapped_campaigns",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    params={
        "folder": "/data/campaigns/cities",
        "receipts": "/data/campaigns/receipts",
        "ledger": "/data/campaigns/ledger",
    },
):

    @task
    def campaigns(params: dict[str, Any], run_id: str) -> list[dict[str, str]]:
        """Give the arguments of one send for every file."""
        files = sorted(Path(params["folder"]).glob("*.csv"))
        return [{"recipients": str(file), "campaign_id": f"{run_id}/{file.stem}"} for file in files]

    send = AliyunSendBatchSmsOperator.partial(
        task_id="send",
        template_code="SMS_152550005",
        sign_name="阿里云",
        receipts_path="{{ params.receipts }}",
        ledger_path="{{ params.ledger }}",
        retries=3,
        retry_delay=timedelta(minutes=10),
        # two at a time; each has up to 16 calls under way
        max_active_tis_per_dagrun=2,
    ).expand_kwargs(campaigns())

    AliyunSmsDeliverySensor(
        task_id="delivered",
        campaign=send.output,
        max_qps=200,
        mode="reschedule",
        poke_interval=timedelta(minutes=1),
        timeout=timedelta(hours=6),
    )
# [END mapped_campaigns]


# [START mapped_lists]
with DAG(
    dag_id="mapped_lists",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
):
    # The lists are written down here, so the map index cannot move.
    AliyunSendBatchSmsOperator.partial(
        task_id="send", template_code="SMS_152550007", sign_name="阿里云"
    ).expand(recipients=[["13800001001", "13800001002"], ["13800002001"]])
# [END mapped_lists]
