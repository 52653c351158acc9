# SPDX-License-Identifier: Apache-2.0
"""TaskFlow, an alert, and receipts in a file to link to."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.notifications.aliyun_sms import send_aliyun_sms_notification

# far from the task that fails: a traceback shows the lines around it
ABROAD = ["6598000540"]

with DAG("compat_extras", schedule=None):

    @task.aliyun_sms(template_code="SMS_1", receipts_path=os.environ["COMPAT_SCRATCH"])
    def remind():
        return ["13800041001", "13800041002"]

    @task.aliyun_sms_globe(message="Hello")
    def greet(numbers):
        return numbers

    @task(
        retries=0,
        on_failure_callback=send_aliyun_sms_notification(
            phone_numbers="13800042001", template_code="SMS_2", template_param={"task": "{{ ti.task_id }}"}
        ),
    )
    def fail():
        raise RuntimeError("on purpose")

    remind() >> greet(ABROAD) >> fail()
