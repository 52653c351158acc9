# SPDX-License-Identifier: Apache-2.0
"""
An SMS to whoever is on call when a task fails.

``SMS_123456789`` is a template such as ``任务${task}失败，运行${run}，请检查。``. At most ten messages go out
in an hour, however often tasks fail. Needs a connection ``aliyun_sms_default``.
"""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.notifications.aliyun_sms import send_aliyun_sms_notification

# [START alert_on_failure]
with DAG(
    dag_id="alert_on_failure",
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    catchup=False,
    params={"on_call": "13800001001, 13800001002"},
    default_args={
        # called once, when the last retry has failed
        "on_failure_callback": send_aliyun_sms_notification(
            phone_numbers="{{ params.on_call }}",
            template_code="SMS_123456789",
            sign_name="阿里云",
            # each value is cut to 35 characters, links and emoji are taken out
            template_param={"task": "{{ ti.task_id }}", "run": "{{ run_id }}"},
            max_per_hour=10,
        )
    },
):

    @task(retries=0)
    def load() -> None:
        raise RuntimeError("the source is not there")

    load()
# [END alert_on_failure]
