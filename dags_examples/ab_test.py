# SPDX-License-Identifier: Apache-2.0
"""
Two texts, half of the audience each, and which of them arrived better.

Who gets which text follows from the number alone, so that nobody gets both: not in a retry, not in a Clear, and not
when the file has changed in between. Needs a connection ``aliyun_sms_default``.
"""

from __future__ import annotations

import csv
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.audience.phone_numbers import mainland_number
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

TEXTS = {"a": "SMS_152550005", "b": "SMS_152550006"}


# [START ab_test]
def group_of(number: str) -> str:
    """Toss a coin that falls the same way each time, however the number is written."""
    return "ab"[zlib.crc32((mainland_number(number) or number).encode()) % 2]


def members(group: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the file and give one half of it."""
    with Path(params["recipients"]).open(encoding="utf-8", newline="") as stream:
        return [
            {"phone_number": row["phone_number"], "template_param": {"name": row["name"]}}
            for row in csv.DictReader(stream)
            if group_of(row["phone_number"]) == group
        ]


with DAG(
    dag_id="ab_test",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    params={"recipients": "/data/campaigns/china.csv", "receipts": "/data/campaigns/receipts"},
):

    @task
    def compare(a: dict[str, Any], b: dict[str, Any]) -> dict[str, float]:
        """Give the share of each text that arrived; both results are small and hold no numbers."""
        return {
            name: seen["delivered"] / max(1, seen["delivered"] + seen["failed"] + seen["pending"])
            for name, seen in {"a": a, "b": b}.items()
        }

    seen = {}
    for group, template in TEXTS.items():
        # two tasks are two campaigns, each with its own receipts
        send = task.aliyun_sms(
            task_id=f"send_{group}",
            template_code=template,
            sign_name="阿里云",
            receipts_path="{{ params.receipts }}",
            retries=3,
            retry_delay=timedelta(minutes=10),
        )(members)(group=group)
        seen[group] = AliyunSmsDeliverySensor(
            task_id=f"delivered_{group}",
            campaign=send,
            max_qps=200,
            mode="reschedule",
            poke_interval=timedelta(minutes=1),
            timeout=timedelta(hours=6),
        )
    compare(a=seen["a"].output, b=seen["b"].output)
# [END ab_test]
