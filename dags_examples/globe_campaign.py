# SPDX-License-Identifier: Apache-2.0
"""
A campaign outside China: one text for all, with each recipient's name in it.

The file has a header row; ``to`` (with country code) is required, ``message`` may replace the text for one row, every
other column fills a ``${placeholder}``::

    to,name,code
    +447700900123,Amelia,WELCOME10

The API takes one call a second and has no look-up by task id: a call whose answer got lost is settled by replaying
the identical request within 15 minutes; what that cannot settle is reported as ``unknown`` and fails the task after
everybody else has been served. Needs a connection ``aliyun_sms_default``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunBatchSendMessageToGlobeOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

# [START globe_campaign]
with DAG(
    dag_id="globe_campaign",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="UTC"),
    max_active_runs=1,
    params={"recipients": "/data/campaigns/globe.csv", "receipts": "/data/campaigns/receipts"},
):
    send = AliyunBatchSendMessageToGlobeOperator(
        task_id="send",
        recipients="{{ params.recipients }}",
        message="Hello ${name}, your voucher ${code} is valid until Sunday.",
        message_type="MKT",
        sender_id="Example",
        # a number that stands in the file twice gets one message
        dedupe="phone",
        receipts_path="{{ params.receipts }}",
        # the account's one call a second is shared by all campaigns: a pool of one slot keeps them in a queue
        # pool="aliyun_sms_globe",
        retries=3,
        retry_delay=timedelta(minutes=2),
    )
    delivered = AliyunSmsDeliverySensor(
        task_id="delivered",
        campaign=send.output,
        min_delivered_ratio=0.8,
        max_qps=100,
        mode="reschedule",
        poke_interval=timedelta(minutes=1),
        timeout=timedelta(hours=6),
    )
# [END globe_campaign]
