# SPDX-License-Identifier: Apache-2.0
"""
TaskFlow: a decorated function returns the recipients, and the task sends to them.

The function runs again in a retry; who was sent to before is not sent to again. What it returns stays in the task: no
list of numbers travels through XCom. The second task is mapped: one campaign for each city. Needs a connection
``aliyun_sms_default``.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

ORDERS = [
    {"phone_number": "13800001001", "name": "张伟", "city": "beijing", "paid": False},
    {"phone_number": "13800001002", "name": "李娜", "city": "shanghai", "paid": True},
    {"phone_number": "13800001003", "name": "王芳", "city": "shanghai", "paid": False},
]

# [START taskflow_recipients]
with DAG(
    dag_id="taskflow_recipients",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
):

    @task.aliyun_sms(template_code="SMS_152550005", sign_name="阿里云")
    def remind() -> list[dict[str, Any]]:
        return [
            {"phone_number": order["phone_number"], "template_param": {"name": order["name"]}}
            for order in ORDERS
            if not order["paid"]
        ]

    @task.aliyun_sms(template_code="SMS_152550006", sign_name="阿里云")
    def announce(city: str) -> list[str]:
        return [order["phone_number"] for order in ORDERS if order["city"] == city]

    remind() >> announce.expand(city=["beijing", "shanghai"])
# [END taskflow_recipients]
