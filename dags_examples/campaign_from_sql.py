# SPDX-License-Identifier: Apache-2.0
"""
A weekly campaign whose audience is a query.

Columns go by the names of a file's: ``phone_number`` is required, every other column is a variable of the template;
``column_mapping`` renames what the table calls otherwise. Rows are streamed, however many there are. A retry runs
the query again, so it has an ``ORDER BY``, and whoever was sent to is not sent to again. Needs the extra ``sql``, a
connection ``members`` to a database, and ``aliyun_sms_default``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

# [START campaign_from_sql]
with DAG(
    dag_id="campaign_from_sql",
    schedule="0 10 * * 1",
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    params={"receipts": "/data/campaigns/receipts"},
):
    send = AliyunSendBatchSmsOperator(
        task_id="send",
        # the name of a .sql file beside the DAG will do as well
        recipients_sql="SELECT mobile, name, points FROM members WHERE points >= 100 ORDER BY mobile",
        recipients_conn_id="members",
        column_mapping={"mobile": "phone_number"},
        template_code="SMS_152550005",
        sign_name="阿里云",
        # two accounts with one phone are one person
        dedupe="phone",
        max_rejected=0.1,
        receipts_path="{{ params.receipts }}",
        retries=3,
        retry_delay=timedelta(minutes=10),
    )
    AliyunSmsDeliverySensor(
        task_id="delivered",
        campaign=send.output,
        min_delivered_ratio=0.9,
        # of many thousands, a sample tells the ratio to within a point
        sample_size=10_000,
        max_qps=200,
        mode="reschedule",
        poke_interval=timedelta(minutes=1),
        timeout=timedelta(hours=6),
    )
# [END campaign_from_sql]
