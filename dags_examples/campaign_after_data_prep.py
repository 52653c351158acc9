# SPDX-License-Identifier: Apache-2.0
"""
A task works out who shall be written to, the next one writes to them.

The list travels through XCom, so the numbers lie in Airflow's database for as long as XComs are kept: right for some
hundred recipients. For more, or when the database must not hold numbers, let the task write a file and return its
path, which the operator takes just the same.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

# [START campaign_after_data_prep]
with DAG(
    dag_id="campaign_after_data_prep",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    catchup=False,
    params={"orders": "/data/orders.csv"},
):
    # Airflow writes return values into its log, unless it is told not to
    @task(show_return_value_in_logs=False)
    def shipped_orders(params: dict[str, Any]) -> list[dict[str, Any]]:
        """Read the orders (phone_number, name, parcel, status) and pick those that are under way."""
        with Path(params["orders"]).open(encoding="utf-8", newline="") as stream:
            return [
                {
                    "phone_number": order["phone_number"],
                    "template_param": {"name": order["name"], "parcel": order["parcel"]},
                }
                for order in csv.DictReader(stream)
                if order["status"] == "shipped"
            ]

    AliyunSendBatchSmsOperator(
        task_id="send",
        recipients=shipped_orders(),
        template_code="SMS_152550006",
        sign_name="阿里云",
        # two parcels on one day are two messages; "phone" would send only the first
        dedupe="content",
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
# [END campaign_after_data_prep]
