# SPDX-License-Identifier: Apache-2.0
"""
Send again, but only to those who may have better luck the second time.

A retry or a Clear of the first campaign does not do that: for it everybody has been served. These two DAGs read the
audience and the receipts of a campaign side by side (there is one receipt for each row, in the same order), pick
people by what the codes mean, and send to them in a campaign of their own. Needs a connection ``aliyun_sms_default``.
"""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_aliyunsms.codes import CodeClass, explain
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient

PARAMS = {"recipients": "/data/campaigns/china.csv", "receipts": "/data/campaigns/receipts.jsonl"}
TEMPLATE = {"template_code": "SMS_152550005", "sign_name": "阿里云"}


# [START retry_rejected]
def people(params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each recipient with his receipt."""
    with (
        Path(params["recipients"]).open(encoding="utf-8", newline="") as rows,
        Path(params["receipts"]).open(encoding="utf-8") as receipts,
    ):
        for row, line in zip(csv.DictReader(rows), receipts, strict=True):
            number = row.pop("phone_number")
            yield {"phone_number": number, "template_param": row}, json.loads(line)


with DAG(
    dag_id="retry_rejected",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    params=PARAMS,
):

    @task.aliyun_sms(**TEMPLATE)
    def send_to_rejected(params: dict[str, Any]) -> list[dict[str, Any]]:
        """Pick who was refused for having had too many messages then; a wrong number stays wrong."""
        return [
            person
            for person, receipt in people(params)
            if receipt["outcome"] == "rejected"
            and explain(receipt["code"]).code_class is CodeClass.FLOW_CONTROL
        ]

    send_to_rejected()
# [END retry_rejected]


# [START retry_failed]
def not_delivered(client: AliyunSmsClient, receipt: dict[str, Any]) -> bool:
    """Ask, for free, whether the carrier failed to deliver, for no reason that would keep it from it again."""
    at = datetime.fromisoformat(receipt["time"]).astimezone(timezone(timedelta(hours=8)))
    page = client.query_send_details(
        phone_number=receipt["phone_number"], send_date=at.strftime("%Y%m%d"), biz_id=receipt["biz_id"]
    )
    mine = [each for each in page.details if each.out_id == receipt["out_id"]]
    return any(each.send_status == 2 and not explain(each.err_code).suppress for each in mine)


with DAG(
    dag_id="retry_failed",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 5, tz="Asia/Shanghai"),
    params=PARAMS,
):

    @task.aliyun_sms(**TEMPLATE)
    def send_to_failed(params: dict[str, Any]) -> list[dict[str, Any]]:
        """Pick whom the gateway accepted and the carrier did not reach."""
        client = AliyunSmsHook().get_conn()
        return [
            person
            for person, receipt in people(params)
            if receipt["outcome"] == "accepted" and not_delivered(client, receipt)
        ]

    send_to_failed()
# [END retry_failed]
