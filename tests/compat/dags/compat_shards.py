# SPDX-License-Identifier: Apache-2.0
"""One audience in three shards, and an empty one in two; the sums go into XCom."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunSendBatchSmsOperator,
    AliyunSmsShards,
    AliyunSmsShardsSummary,
)

SCRATCH = Path(os.environ["COMPAT_SCRATCH"])
NUMBERS = "".join(f"1380003{number:04d}\n" for number in range(30))

for name, of, rows in (("compat_shards", 3, NUMBERS), ("compat_no_shards", 2, "")):
    people = SCRATCH / f"{name}.csv"
    people.write_text(f"phone_number\n{rows}")
    with DAG(name, schedule=None) as dag:
        shards = AliyunSmsShards(
            task_id="shards", campaign_id=f"{name} ", ledger_path=str(SCRATCH / "ledger"), shards=of
        )
        send = AliyunSendBatchSmsOperator.partial(
            task_id="send",
            recipients=str(people),
            template_code="SMS_1",
            receipts_path=str(SCRATCH / "receipts"),
        ).expand_kwargs(shards.output)
        AliyunSmsShardsSummary(task_id="total", campaign=send.output)
    globals()[name] = dag
