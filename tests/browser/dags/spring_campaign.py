# SPDX-License-Identifier: Apache-2.0
"""One campaign; the pages of its task are looked at with a browser."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

# the last four digits tell the simulator what to do: 0501 is refused by it, 0401 fails at the carrier
PEOPLE = [
    ("13800001234", "张伟", "120"),
    ("13800001235", "王芳", "88"),
    ("13800001236", "李娜", "42"),
    ("+86 138 0000 1234", "张伟", "120"),
    ("13800000501", "刘洋", "7"),
    ("1380000", "陈静", "10"),
]
RECIPIENTS = [
    {"phone_number": number, "template_param": {"name": name, "points": points}}
    for number, name, points in PEOPLE
]

with DAG("spring_campaign", schedule=None, is_paused_upon_creation=False):
    AliyunSendBatchSmsOperator(
        task_id="send",
        aliyun_sms_conn_id="aliyun_sms_campaign",
        campaign_id="spring-{{ dag_run.conf['season'] }}",
        recipients=RECIPIENTS,
        sign_name="SpringShop",
        template_code="SMS_152550005",
        receipts_path=os.environ.get("BROWSER_TEST_RECEIPTS"),
    )
