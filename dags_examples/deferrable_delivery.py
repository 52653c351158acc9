# SPDX-License-Identifier: Apache-2.0
"""
Wait for receipts without a worker slot, then act on what came back.

Receipts can take hours. A deferrable sensor hands the waiting to Airflow's triggerer, which must be running and must
be able to read ``receipts_path``. The mode changes nothing else: same result, same errors.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

log = logging.getLogger(__name__)

# [START deferrable_delivery]
with DAG(
    dag_id="deferrable_delivery",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    params={"recipients": "/data/campaigns/china.csv", "receipts": "/data/campaigns/receipts"},
):
    send = AliyunSendBatchSmsOperator(
        task_id="send",
        recipients="{{ params.recipients }}",
        template_code="SMS_152550005",
        sign_name="阿里云",
        receipts_path="{{ params.receipts }}",
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
    delivered = AliyunSmsDeliverySensor(
        task_id="delivered",
        campaign=send.output,
        max_qps=200,
        deferrable=True,
        timeout=timedelta(hours=24),
    )

    @task
    def report(sent: dict[str, Any], seen: dict[str, Any]) -> dict[str, int]:
        """Put both results into one line; both are small, and neither holds a number when the file is large."""
        counts = {
            **{name: sent[name] for name in ("total", "accepted", "rejected", "skipped")},
            **{name: seen[name] for name in ("delivered", "failed", "pending")},
        }
        log.info("Campaign %s: %s. Carriers said %s.", sent["campaign_id"], counts, seen["errors"])
        return counts

    report(sent=send.output, seen=delivered.output)
# [END deferrable_delivery]
