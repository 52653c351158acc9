# SPDX-License-Identifier: Apache-2.0
"""
An SMS to whoever is on call when a run takes too long, while it is still running.

``SMS_123456789`` is a template such as ``流程${dag}超时，运行${run}，请检查。``. The triggerer sends it, so one must
be running. Needs Airflow 3.1 or later (older ones find no DAG here) and a connection ``aliyun_sms_default`` with the
numbers of those on call in its field "Alert numbers".
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.notifications.aliyun_sms import AliyunSmsNotifier

try:
    # from airflow.sdk itself since Airflow 3.2
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:
    HAS_DEADLINES = False
else:
    HAS_DEADLINES = True

if HAS_DEADLINES:
    # [START alert_on_deadline]
    with DAG(
        dag_id="alert_on_deadline",
        schedule="0 6 * * *",
        start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
        catchup=False,
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=2),
            # the class and its arguments, not an instance: the triggerer makes its own
            callback=AsyncCallback(
                AliyunSmsNotifier,
                kwargs={
                    # no phone_numbers: Airflow would store them in clear, so they are in the connection
                    "template_code": "SMS_123456789",
                    "sign_name": "阿里云",
                    # all that a template can see here is dag_run and deadline
                    "template_param": {"dag": "{{ dag_run.dag_id }}", "run": "{{ dag_run.dag_run_id }}"},
                    "max_per_hour": 10,
                },
            ),
        ),
    ):

        @task
        def load() -> None:
            """Take longer than two hours now and then."""

        load()
    # [END alert_on_deadline]
