# SPDX-License-Identifier: Apache-2.0
"""A DAG file with fifty campaigns, half of them in China and half abroad, each with the sensor that waits for it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

with DAG("campaigns", schedule=None) as dag:
    for number in range(50):
        shared = {
            "task_id": f"send_{number}",
            "recipients": "{{ params.recipients }}",
            "receipts_path": "{{ params.receipts }}",
            "retries": 3,
            "retry_delay": timedelta(minutes=10),
        }
        if number % 2:
            send = AliyunBatchSendMessageToGlobeOperator(message="Hello ${name}", **shared)
        else:
            send = AliyunSendBatchSmsOperator(template_code="SMS_152550005", sign_name="阿里云", **shared)
        AliyunSmsDeliverySensor(
            task_id=f"delivered_{number}",
            campaign=send.output,
            min_delivered_ratio=0.9,
            mode="reschedule",
            timeout=timedelta(hours=6),
        )
