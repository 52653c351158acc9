# SPDX-License-Identifier: Apache-2.0
"""The campaign with our operator, with and without its ledger; the conf is that of ``bench_sdk.py``."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from benchkit.measured import MEASURED
from benchkit.sample import SIGN_NAME, TEMPLATE_CODE

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

for name, durable in (("ours", True), ("ours_without_ledger", False)):
    with DAG(name, schedule=None, is_paused_upon_creation=False):
        AliyunSendBatchSmsOperator(
            recipients="{{ dag_run.conf['audience'] }}",
            receipts_path="{{ dag_run.conf['receipts'] }}",
            aliyun_sms_conn_id="{{ dag_run.conf['connection'] }}",
            template_code=TEMPLATE_CODE,
            sign_name=SIGN_NAME,
            max_concurrency=16,
            durable=durable,
            **MEASURED,
        )
