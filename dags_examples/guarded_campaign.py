# SPDX-License-Identifier: Apache-2.0
"""
A promotion that judges itself before anybody gets it.

It waits through the night, is not sent when it comes late, leaves out who has opted out and who has got enough
already, asks the vendor about template and signature, and stops when it would cost too much. A sample goes first; the
others follow when enough of it was delivered.
"""

from __future__ import annotations

# [START imports]
from dataclasses import dataclass
from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.campaign.guards import (
    Canary,
    Facts,
    FrequencyCap,
    Fresh,
    LikeLastRun,
    MaxCost,
    Preflight,
    QuietHours,
    Suppress,
    Verdict,
    fail,
    go,
)
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

# [END imports]


# [START own_guard]
@dataclass(frozen=True)
class NotOn:
    """Send nothing on some days, such as a day of mourning."""

    days: tuple[str, ...]

    def before_sending(self, facts: Facts) -> Verdict:
        today = f"{facts.now.astimezone(pendulum.timezone('Asia/Shanghai')):%m-%d}"
        if today in self.days:
            return fail(f"nothing is sent on {today}", advice="Trigger the run on another day.")
        return go(f"{facts.counts.pending} recipients on {today}", recipients=facts.counts.pending)


# [END own_guard]


# [START guarded_campaign]
with DAG(
    dag_id="guarded_campaign",
    schedule="0 10 * * 5",
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    catchup=False,
    params={
        "recipients": "/data/campaigns/members.csv",
        "opted_out": "/data/campaigns/opted_out.csv",
        "claims": "/data/campaigns/claims",
        "receipts": "/data/campaigns/receipts",
        "ledger": "/data/campaigns/ledger",
    },
):
    AliyunSendBatchSmsOperator(
        task_id="send",
        recipients="{{ params.recipients }}",
        template_code="SMS_152550005",
        sign_name="阿里云",
        receipts_path="{{ params.receipts }}",
        # without Airflow 3.3 a task that waits in the middle needs one; on a storage that all workers share
        ledger_path="{{ params.ledger }}",
        guards=[
            QuietHours("08:00", "21:00", tz="Asia/Shanghai"),
            Fresh(within=timedelta(hours=6)),
            NotOn(days=("04-04", "04-05")),
            Suppress("{{ params.opted_out }}"),
            Preflight(kind="promotion"),
            LikeLastRun(tolerance=0.5, first_most=50_000),
            MaxCost("1200 CNY", price="0.045 CNY"),
            # last, so that nothing is counted for those whom the others leave out
            FrequencyCap(3, per=timedelta(days=7), store="{{ params.claims }}"),
        ],
        canary=Canary(size=200, min_delivered_ratio=0.9, wait=timedelta(minutes=10)),
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
# [END guarded_campaign]
