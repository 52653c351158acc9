# SPDX-License-Identifier: Apache-2.0
"""The group of a whole campaign, without an approval: "dags test" has nobody who could answer it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.campaign.guards import Canary, ExpectedCount
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

SCRATCH = Path(os.environ["COMPAT_SCRATCH"])
NUMBERS = "".join(f"1380004{number:04d}\n" for number in range(150))

people = SCRATCH / "compat_group.csv"
people.write_text(f"phone_number\n{NUMBERS}")
with DAG("compat_group", schedule=None):
    sms_campaign(
        recipients=str(people),
        template_code="SMS_1",
        preflight=False,
        approval=False,
        guards=[ExpectedCount(150)],
        seed_numbers=["13900040001"],
        canary=Canary(size=5, min_delivered_ratio=0.9, wait=timedelta(seconds=30)),
        delivery={"poke_interval": 0.5, "deferrable": False},
        min_delivered_ratio=0.9,
        ledger_path=str(SCRATCH / "ledger"),
        receipts_path=str(SCRATCH / "receipts"),
        report_path=str(SCRATCH / "reports"),
    )
