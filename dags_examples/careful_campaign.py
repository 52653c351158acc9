# SPDX-License-Identifier: Apache-2.0
"""
A campaign for which a person answers: rehearsed, approved, seen on own phones, tried on a few, then sent to all.

Each step is a task that can be left out. Whoever approves sees, in Airflow's own page under "Required Actions", how
many messages there are, in how many calls and parts, what they cost, what the guards say, and the first messages with
masked values. What is sent later must be what was shown. The report is written however the campaign ends.

The approval needs Airflow 3.1; below, the same campaign goes without it.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.campaign.guards import (
    Canary,
    ExpectedCount,
    FrequencyCap,
    Fresh,
    MaxCost,
    QuietHours,
    Suppress,
)
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

# [START careful_campaign]
with DAG(
    dag_id="careful_campaign",
    schedule="0 10 * * 5",
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    params={
        "recipients": "/data/campaigns/members.csv",
        "opted_out": "/data/campaigns/opted_out.csv",
        "claims": "/data/campaigns/claims",
        "ledger": "/data/campaigns/ledger",
        "receipts": "/data/campaigns/receipts",
        "reports": "/data/campaigns/reports",
    },
):
    sms_campaign(
        recipients="{{ params.recipients }}",
        template_code="SMS_152550005",
        sign_name="阿里云",
        guards=[
            QuietHours("08:00", "21:00", tz="Asia/Shanghai"),
            Fresh(within=timedelta(hours=36)),
            Suppress("{{ params.opted_out }}"),
            # ten times as many as usual are a mistake
            ExpectedCount(50_000, tolerance=0.5),
            MaxCost("3000 CNY", price="0.045 CNY"),
            FrequencyCap(3, per=timedelta(days=7), store="{{ params.claims }}"),
        ],
        # fails when nobody has answered in time; then nothing is sent
        approval="if possible",
        # the phones of those who answer for it
        seed_numbers=["13800000001", "13800000002"],
        canary=Canary(size=200, min_delivered_ratio=0.9, wait=timedelta(minutes=10)),
        min_delivered_ratio=0.8,
        delivery={"max_qps": 200, "timeout": timedelta(hours=6)},
        # canary and rest share it: nobody gets the message twice
        ledger_path="{{ params.ledger }}",
        receipts_path="{{ params.receipts }}",
        report_path="{{ params.reports }}",
        price="0.045 CNY",
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
# [END careful_campaign]
