# SPDX-License-Identifier: Apache-2.0
"""The campaigns of the distributed test: mapped sends, and a sensor in each of its modes."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
    AliyunSmsShards,
    AliyunSmsShardsSummary,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

COMMON = {
    "task_id": "send",
    # empty for the disk of the machine that sends
    "receipts_path": "{{ dag_run.conf['receipts'] }}",
    # empty for Airflow's database
    "ledger_path": "{{ dag_run.conf.get('ledger', '') }}",
    "retries": 30,
    "retry_delay": timedelta(seconds=1),
    # records of the simulator appear at once, so ten minutes of patience would only make the tests long
    "settle_time": 5,
}
CHINA = {"template_code": "SMS_152550005", "sign_name": "测试", "max_concurrency": 4}
MODES = {"poke": {"mode": "poke"}, "reschedule": {"mode": "reschedule"}, "deferred": {"deferrable": True}}


@task(retries=10, retry_delay=timedelta(seconds=1))
def audiences(dag_run):
    """Give the file of each mapped task."""
    return dag_run.conf["audiences"]


SENSOR = {
    "sample_size": 500,
    "max_qps": 200,
    "poke_interval": timedelta(seconds=1),
    "timeout": timedelta(minutes=10),
}


def shards():
    """Map the sends over the shards of one audience, and add them up."""
    plan = AliyunSmsShards(
        task_id="shards",
        campaign_id="{{ run_id }}",
        ledger_path="{{ dag_run.conf['ledger'] }}",
        shards=4,
        retries=30,
        retry_delay=timedelta(seconds=1),
    )
    common = {name: value for name, value in COMMON.items() if name != "ledger_path"}
    send = AliyunSendBatchSmsOperator.partial(
        recipients="{{ dag_run.conf['audiences'][0] }}", **CHINA, **common
    ).expand_kwargs(plan.output)
    AliyunSmsShardsSummary(
        task_id="total", campaign=send.output, retries=10, retry_delay=timedelta(seconds=1)
    )
    return send.output


for name in ("china", "globe", "sharded"):
    with DAG(name, schedule=None, is_paused_upon_creation=False, max_active_runs=4):
        if name == "sharded":
            output = shards()
        elif name == "china":
            send = AliyunSendBatchSmsOperator.partial(**CHINA, **COMMON)
            output = send.expand(recipients=audiences()).output
        else:
            send = AliyunBatchSendMessageToGlobeOperator.partial(
                message="Hello ${name}", chunk_size=50, max_qps=100, **COMMON
            )
            output = send.expand(recipients=audiences()).output
        for mode, how in MODES.items():
            AliyunSmsDeliverySensor(
                task_id=f"delivered_{mode}",
                campaign=output,
                retries=10,
                retry_delay=timedelta(seconds=1),
                **SENSOR,
                **how,
            )

# Sends on one machine and asks for the delivery on the other.
with DAG("elsewhere", schedule=None, is_paused_upon_creation=False):
    send = AliyunSendBatchSmsOperator.partial(queue="worker-1", **CHINA, **COMMON).expand(
        recipients=audiences()
    )
    AliyunSmsDeliverySensor(
        task_id="delivered_poke", campaign=send.output, queue="worker-2", retries=0, **SENSOR
    )
