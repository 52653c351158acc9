# SPDX-License-Identifier: Apache-2.0
"""Campaigns for the page *SMS campaigns*: one that ends well, a slow one, one in parts, a rehearsal, one refused."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.campaign.guards import ExpectedCount, MaxCost
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

SEND = {
    "aliyun_sms_conn_id": "aliyun_sms_shown",
    "template_code": "SMS_152550077",
    "sign_name": "SpringShop",
}


def people(count, *, prefix):
    """Return so many numbers; some of them have an ending by which the simulator refuses them, or loses them."""
    return [f"{prefix}{number:04d}" for number in range(count)]


with DAG("autumn_sale", schedule=None, is_paused_upon_creation=False):

    @task
    def prepare():
        """Do something that is no campaign."""

    send = AliyunSendBatchSmsOperator(
        task_id="send",
        campaign_id="autumn-sale-{{ run_id }}",
        recipients=[*people(600, prefix="1380004"), *people(12, prefix="1380004"), "138000", "n/a"],
        refusal_wait=timedelta(seconds=5),
        guards=[ExpectedCount(598), MaxCost("50 CNY", price="0.045 CNY")],
        **SEND,
    )
    arrived = AliyunSmsDeliverySensor(
        task_id="arrived",
        aliyun_sms_conn_id="aliyun_sms_shown",
        campaign=send.output,
        poke_interval=1,
        max_qps=500,
        min_delivered_ratio=0.9,
        stop_when_reached=True,
        timeout=timedelta(seconds=90),
    )
    prepare() >> send >> arrived

with DAG("member_day", schedule=None, is_paused_upon_creation=False):
    AliyunSendBatchSmsOperator(
        task_id="send",
        campaign_id="member-day-{{ run_id }}",
        recipients=people(400, prefix="1380005"),
        chunk_size=4,
        max_qps=2,
        max_concurrency=1,
        retries=2,
        **SEND,
    )

with DAG("city_news", schedule=None, is_paused_upon_creation=False):
    AliyunSendBatchSmsOperator.partial(task_id="send_by_city", **SEND).expand(
        recipients=[people(count, prefix=f"138000{city}") for city, count in ((6, 80), (7, 40), (8, 9))]
    )

with DAG("world_news", schedule=None, is_paused_upon_creation=False):
    AliyunBatchSendMessageToGlobeOperator(
        task_id="rehearse",
        aliyun_sms_conn_id="aliyun_sms_shown",
        recipients=[f"6591230{number:03d}" for number in range(20)],
        message="New in our shop.",
        dry_run=True,
    )

with DAG("winter_news", schedule=None, is_paused_upon_creation=False):
    AliyunSendBatchSmsOperator(
        task_id="send",
        recipients=people(50, prefix="1380009"),
        refusal_wait=timedelta(seconds=5),
        **(SEND | {"template_code": "SMS_152550078"}),
    )
