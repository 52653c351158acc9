# SPDX-License-Identifier: Apache-2.0
"""A whole campaign that a person has to approve, in Airflow's own page."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.campaign.guards import Canary, ExpectedCount, MaxCost
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

SHARED = os.environ.get("BROWSER_TEST_CAMPAIGN", "")
RECIPIENTS = [
    {"phone_number": f"1380003{number:04d}", "template_param": {"name": name}}
    for number, name in enumerate(["欧阳修远", "司马文姬"] * 60)
]

with DAG("approved_campaign", schedule=None, is_paused_upon_creation=False):
    sms_campaign(
        group_id="spring",
        aliyun_sms_conn_id="aliyun_sms_approved",
        recipients=RECIPIENTS,
        sign_name="SpringShop",
        template_code="SMS_152550077",
        guards=[ExpectedCount(120), MaxCost("10 CNY", price="0.045 CNY")],
        seed_numbers=["13900003001"],
        canary=Canary(size=10, min_delivered_ratio=0.9, wait=timedelta(seconds=60)),
        delivery={"deferrable": False, "poke_interval": 1, "timeout": timedelta(seconds=60)},
        min_delivered_ratio=0.9,
        ledger_path=f"{SHARED}/ledger",
        receipts_path=f"{SHARED}/receipts",
        report_path=f"{SHARED}/reports",
        price="0.045 CNY",
    )
