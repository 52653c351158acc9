# SPDX-License-Identifier: Apache-2.0
"""
One large campaign in four tasks beside each other, which the workers share.

Each task reads the whole file and sends to the people of its shard. Which shard that is follows from the number
alone, so the file may come in another order, or with more people, when tasks are cleared: nobody gets a second
message. The number of shards must stay what it is for the whole campaign; a change of it is refused.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunSendBatchSmsOperator,
    AliyunSmsShards,
    AliyunSmsShardsSummary,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

# [START sharded_campaign]
with DAG(
    dag_id="sharded_campaign",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    params={
        "recipients": "/data/campaigns/members.parquet",
        "receipts": "/data/campaigns/receipts",
        "ledger": "/data/campaigns/ledger",
    },
):
    shards = AliyunSmsShards(
        task_id="shards",
        campaign_id="members/{{ run_id }}",
        # on a storage that all workers share
        ledger_path="{{ params.ledger }}",
        shards=4,
    )

    send = AliyunSendBatchSmsOperator.partial(
        task_id="send",
        recipients="{{ params.recipients }}",
        template_code="SMS_152550005",
        sign_name="阿里云",
        # a folder: each shard writes a file of its own
        receipts_path="{{ params.receipts }}",
        retries=3,
        retry_delay=timedelta(minutes=10),
    ).expand_kwargs(shards.output)

    # red while a shard is missing, or when the file changed between two of them
    AliyunSmsShardsSummary(task_id="total", campaign=send.output)

    AliyunSmsDeliverySensor(
        task_id="delivered",
        campaign=send.output,
        max_qps=200,
        mode="reschedule",
        poke_interval=timedelta(minutes=1),
        timeout=timedelta(hours=6),
    )
# [END sharded_campaign]
