# SPDX-License-Identifier: Apache-2.0
"""
A weekly campaign in China: a CSV file goes in, SMS go out, and the run ends when their fate is known.

The file has a header row; ``phone_number`` is required, every other column is a variable of the template::

    phone_number,name,points
    13800001001,张伟,320

Each run is a campaign of its own. A retry or a Clear of a run goes on where it stopped and sends to nobody twice.
Needs a connection ``aliyun_sms_default``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

# [START china_campaign]
with DAG(
    dag_id="china_campaign",
    schedule="0 10 * * 1",
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    # a Monday that was missed stays missed: nobody wants last week's offer today
    catchup=False,
    max_active_runs=1,
    params={"recipients": "/data/campaigns/china.csv", "receipts": "/data/campaigns/receipts"},
):
    send = AliyunSendBatchSmsOperator(
        task_id="send",
        recipients="{{ params.recipients }}",
        template_code="SMS_152550005",
        sign_name="阿里云",
        # for rows whose cell is empty
        template_param={"name": "会员"},
        # a number that stands in the file twice gets one message
        dedupe="phone",
        # nothing is sent at all when more than a tenth of the file is unusable
        max_rejected=0.1,
        # every worker must see this place; s3:// and the like will do
        receipts_path="{{ params.receipts }}",
        # Airflow below 3.3 needs this to survive a retry:
        # ledger_path="s3://bucket/sms-ledger",
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
    delivered = AliyunSmsDeliverySensor(
        task_id="delivered",
        campaign=send.output,
        min_delivered_ratio=0.9,
        max_qps=200,
        mode="reschedule",
        poke_interval=timedelta(minutes=1),
        timeout=timedelta(hours=6),
    )
# [END china_campaign]
