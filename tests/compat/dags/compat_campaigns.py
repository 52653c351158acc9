# SPDX-License-Identifier: Apache-2.0
"""Both senders, a mapped one, and the sensor in its three modes; the last task writes down what they returned."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

QUICK = {"poke_interval": 1, "timeout": 60, "max_qps": None}
# "dags test" of Airflow 3.0 fails when a sensor is rescheduled twice (its issue 58777): receipts are there after one
ONE_WAIT = QUICK | {"poke_interval": 12}

with DAG("compat_campaigns", schedule=None) as dag:
    china = AliyunSendBatchSmsOperator(
        task_id="china",
        recipients=[
            {"phone_number": f"1380001{i:04d}", "template_param": {"name": "{{ dag.dag_id }}"}}
            for i in range(150)
        ],
        template_code="SMS_1",
    )
    mapped = AliyunSendBatchSmsOperator.partial(task_id="mapped", template_code="SMS_1").expand(
        recipients=[["13800021001", "13800021002"], ["13800022001"]]
    )
    globe = AliyunBatchSendMessageToGlobeOperator(
        task_id="globe",
        recipients=[{"to": f"6598{i:06d}", "template_param": {"name": "Wei"}} for i in range(540, 560)],
        message="Hello ${name}",
    )
    poked = AliyunSmsDeliverySensor(task_id="poked", campaign=china.output, min_delivered_ratio=0.5, **QUICK)
    rescheduled = AliyunSmsDeliverySensor(
        task_id="rescheduled", campaign=mapped.output, mode="reschedule", **ONE_WAIT
    )
    deferred = AliyunSmsDeliverySensor(task_id="deferred", campaign=globe.output, deferrable=True, **QUICK)

    @task(trigger_rule="all_done")
    def write_down(**context):
        names = ("china", "mapped", "globe", "poked", "rescheduled", "deferred")
        found = {name: context["ti"].xcom_pull(task_ids=name) for name in names}
        found["mapped"] = list(found["mapped"])
        Path(os.environ["COMPAT_SCRATCH"], "compat_campaigns.json").write_text(json.dumps(found, default=str))

    # one after the other, so that no sensor finds everything delivered while another one waited
    china >> poked >> mapped >> rescheduled >> globe >> deferred >> write_down()
