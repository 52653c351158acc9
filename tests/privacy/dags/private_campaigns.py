# SPDX-License-Identifier: Apache-2.0
"""
One campaign of each kind; each has numbers, texts and values of its own, so that a find tells where it came from.

What stands below ``WRITTEN_HERE`` is written into the DAG file on purpose. Everything else is read when a task runs,
from files whose names the environment gives.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_provider_aliyunsms.campaign.guards import Canary, FrequencyCap, Suppress
from airflow_provider_aliyunsms.notifications.aliyun_sms import AliyunSmsNotifier
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

FOLDER = Path(os.environ["PRIVATE_FOLDER"])
WRITTEN_HERE = ["13870010001", "13870010002"]
TEXT_HERE = "Hello ${name}, TextInDagFile"
VALUE_HERE = "ValueInDagFile"
CHINA = {"template_code": "SMS_1", "sign_name": "测试", "retries": 0}
WAIT = {"deferrable": True, "poke_interval": 600, "max_wait": 600, "timeout": 3600}


def markers(name):
    """Give the recipients of one campaign; only called while a task runs."""
    return json.loads((FOLDER / "recipients.json").read_text(encoding="utf-8"))[name]


with DAG("written_in_dag_file", schedule=None):
    send = AliyunSendBatchSmsOperator(
        task_id="send", recipients=WRITTEN_HERE, template_param={"name": VALUE_HERE}, **CHINA
    )

with DAG("abroad_from_file", schedule=None):
    send = AliyunBatchSendMessageToGlobeOperator(
        task_id="send",
        recipients=str(FOLDER / "abroad.csv"),
        message=TEXT_HERE,
        receipts_path=str(FOLDER / "receipts" / "abroad.csv"),
        ledger_path=str(FOLDER / "ledger"),
        retries=0,
    )
    AliyunSmsDeliverySensor(task_id="wait", campaign=send.output, poke_interval=1, timeout=30)

with DAG("from_file", schedule=None):
    send = AliyunSendBatchSmsOperator(
        task_id="send",
        recipients=str(FOLDER / "people.csv"),
        receipts_path=str(FOLDER / "receipts" / "people.jsonl"),
        **CHINA,
    )
    AliyunSmsDeliverySensor(task_id="wait", campaign=send.output, **WAIT)

with DAG("guarded", schedule=None):
    sms_campaign(
        recipients=str(FOLDER / "guarded.csv"),
        guards=[
            Suppress(str(FOLDER / "opted_out.csv"), learned=str(FOLDER / "learned")),
            FrequencyCap(3, per=timedelta(days=7), store=str(FOLDER / "claims")),
        ],
        approval=False,
        seed_numbers="{{ var.value.seeds }}",
        canary=Canary(size=2, wait=timedelta(seconds=5), min_delivered_ratio=0.1),
        delivery={"poke_interval": 1, "timeout": 30},
        ledger_path=str(FOLDER / "ledger"),
        receipts_path=str(FOLDER / "receipts" / "guarded"),
        report_path=str(FOLDER / "reports"),
        refusal_wait=1,
        **CHINA | {"template_code": "SMS_711"},
    )

with DAG("from_query", schedule=None):
    AliyunSendBatchSmsOperator(
        task_id="send",
        recipients_sql="people.sql",
        recipients_conn_id="people",
        receipts_path=str(FOLDER / "receipts" / "query.parquet"),
        **CHINA,
    )

with DAG("through_xcom", schedule=None):

    @task(show_return_value_in_logs=False)
    def people():
        return markers("through_xcom")

    send = AliyunSendBatchSmsOperator(task_id="send", recipients=people(), **CHINA)
    AliyunSmsDeliverySensor(task_id="wait", campaign=send.output, **WAIT)

with DAG("decorated", schedule=None):

    @task.aliyun_sms(**CHINA)
    def send():
        return markers("decorated")

    send()

with DAG("mapped", schedule=None):

    @task(show_return_value_in_logs=False)
    def groups():
        return [[each] for each in markers("mapped")]

    AliyunSendBatchSmsOperator.partial(task_id="send", **CHINA).expand(recipients=groups())

with DAG("refused", schedule=None):
    # one number that the gateway refuses, by a text of the gateway that quotes it
    AliyunSendBatchSmsOperator(
        task_id="send",
        recipients=str(FOLDER / "refused.jsonl"),
        receipts_path=str(FOLDER / "receipts" / "refused.jsonl"),
        **CHINA,
    )

with DAG("unrenderable", schedule=None):

    @task(show_return_value_in_logs=False)
    def broken():
        return [
            {**each, "template_param": {"name": each["template_param"]["name"]}}
            for each in markers("unrenderable")
        ]

    AliyunSendBatchSmsOperator(
        task_id="send", recipients=broken(), **{**CHINA, "sign_name": "{{ nothing.here }}"}
    )

with DAG("invalid", schedule=None):
    AliyunSendBatchSmsOperator(
        task_id="send", recipients=str(FOLDER / "invalid.csv"), on_empty="fail", **CHINA
    )

with DAG("alert", schedule=None):

    @task(
        on_failure_callback=AliyunSmsNotifier(
            template_code="SMS_2",
            sign_name="测试",
            phone_numbers="{{ var.value.on_call }}",
            template_param={"error": "{{ exception }}"},
        )
    )
    def send():
        raise ValueError("it failed")

    send()

with DAG(
    "deadline",
    schedule=None,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=AsyncCallback(
            AliyunSmsNotifier,
            kwargs={
                "template_code": "SMS_3",
                "sign_name": "测试",
                "template_param": {"dag": "{{ dag_run.dag_id }}"},
            },
        ),
    ),
):

    @task
    def send():
        return None

    send()
