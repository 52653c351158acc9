# SPDX-License-Identifier: Apache-2.0
"""The campaign in mapped tasks, one for each file of the run's configuration."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator


@task
def audiences(dag_run):
    """Give the file of each mapped task."""
    return dag_run.conf["audiences"]


with DAG("mapped", schedule=None, is_paused_upon_creation=False):
    AliyunSendBatchSmsOperator.partial(
        task_id="send",
        receipts_path="{{ dag_run.conf['receipts'] }}",
        template_code="SMS_152550005",
        sign_name="阿里云测试",
        max_concurrency=16,
        retries=0,
    ).expand(recipients=audiences())
