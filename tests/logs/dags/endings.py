# SPDX-License-Identifier: Apache-2.0
"""One task for each way in which a task of ours can end; what they log is looked at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.campaign.guards import fail, skip, wait_until
from airflow_provider_aliyunsms.notifications.aliyun_sms import AliyunSmsNotifier
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.operators.report import AliyunSmsReportOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

FOLDER = Path(os.environ["LOG_TEST_FOLDER"])
PEOPLE = [f"1380000{n:04d}" for n in range(1, 31)]
FAILING = [f"13{n}000401" for n in range(100, 106)]
CHINA = {
    "template_code": "SMS_152550005",
    "sign_name": "测试签名",
    "refusal_wait": 1,
    "settle_time": 2,
}
TEMPLATED = {"template_code": "SMS_999999999", "sign_name": "测试签名"}
# Where nothing was learned for a second, a later try looks again.
UNSETTLED = {"evidence_wait": 1, "settle_time": 600}


@dataclass(frozen=True)
class Says:
    """Decide what it was made for."""

    decision: str

    def before_sending(self, facts):
        if self.decision == "skip":
            return skip("today is a holiday, and the shop is closed")
        if self.decision == "wait":
            mark = FOLDER / "waited"
            if mark.exists():
                mark.unlink()
                return fail("it has waited and must not go on", advice="Nothing: this is a test.")
            mark.touch()
            return wait_until(facts.now + timedelta(seconds=2), "it is too early for this campaign")
        return fail(
            "more recipients than ever before, and nobody has said that this is meant",
            advice="Look at the audience; raise the limit of this guard if it is right, then clear the task.",
            may_change=self.decision == "undecided",
        )


def send(task_id, recipients=PEOPLE, **kwargs):
    """Return a send task that is not retried."""
    return AliyunSendBatchSmsOperator(task_id=task_id, recipients=recipients, **{**CHINA, **kwargs})


with DAG(
    "endings",
    schedule=None,
    is_paused_upon_creation=False,
    default_args={"retries": 0, "retry_delay": timedelta(seconds=1)},
) as dag:
    send(
        "success",
        str(FOLDER / "audience.csv"),
        receipts_path=str(FOLDER / "receipts" / "success.csv"),
    )
    send(
        "query",
        None,
        recipients_sql="SELECT phone_number FROM people WHERE phone_number <> '13800000009'",
        recipients_conn_id="people",
    )
    # Two tries: their counts add up to those of the campaign.
    send(
        "resumed",
        aliyun_sms_conn_id="cut",
        chunk_size=10,
        max_concurrency=1,
        retries=2,
        evidence_wait=1,
        settle_time=2,
    )
    send(
        "refusals",
        [*PEOPLE, *(f"13{n}00{code}" for n in range(100, 103) for code in ("0501", "0502", "0503"))],
    )
    send("too_many", [f"13{n}000502" for n in range(100, 130)], error_threshold=0.1)
    send(
        "doomed",
        aliyun_sms_conn_id="strict",
        on_failure_callback=AliyunSmsNotifier(
            phone_numbers=["13800000001"], template_param={"dag": "{{ dag.dag_id }}"}, **TEMPLATED
        ),
        **TEMPLATED,
    )
    send("wrong_signature", sign_name=None)
    send("wrong_encoding", str(FOLDER / "audience.csv"), encoding="klingon")
    send("wrong_template", sign_name="{{ nothing.at.all }}")
    send("wrong_path", str(FOLDER / "not" / "there" / "at" / "all" / "audience-of-the-spring-campaign.csv"))
    send("wrong_rows", [*PEOPLE, "12", "not a number"], max_rejected=0)
    send("wrong_credentials", aliyun_sms_conn_id="nobody")
    send("wrong_secret", aliyun_sms_conn_id="forged")
    send("unreachable", aliyun_sms_conn_id="nowhere", network_patience=1)
    send("empty", [])
    send("guard_stops", guards=[Says("fail")])
    send("guard_undecided", guards=[Says("undecided")])
    send("guard_skips", guards=[Says("skip")])
    send("guard_waits", guards=[Says("wait")], guard_wait="reschedule")
    send("unknown", aliyun_sms_conn_id="unclear", **UNSETTLED)
    send("unknown_for_good", aliyun_sms_conn_id="unclear", evidence_wait=1, settle_time=0, refusal_wait=0)
    send("no_ledger", aliyun_sms_conn_id="unclear", durable=False, retries=1, **UNSETTLED)
    # First, because the test waits for it to run.
    send("killed", aliyun_sms_conn_id="slow", chunk_size=1, max_concurrency=1, priority_weight=100)
    send(
        "timeout",
        aliyun_sms_conn_id="slow",
        chunk_size=1,
        max_concurrency=1,
        execution_timeout=timedelta(seconds=7),
    )
    send("rehearsal", dry_run=True)
    AliyunBatchSendMessageToGlobeOperator(
        task_id="globe",
        recipients=[*(f"+44770090{n:04d}" for n in range(1, 20)), "+447700900501", "+447700900502"],
        message="Hello",
        max_qps=50,
    )
    failing = send("few_delivered", FAILING)
    few = AliyunSmsDeliverySensor(
        task_id="sensor_fails", campaign=failing.output, min_delivered_ratio=0.95, poke_interval=1
    )
    late = AliyunSmsDeliverySensor(
        task_id="sensor_times_out",
        campaign=send("never_told", [f"13{n}000404" for n in range(100, 103)]).output,
        min_delivered_ratio=0.5,
        poke_interval=1,
        timeout=1,
    )
    good = AliyunSmsDeliverySensor(task_id="sensor_succeeds", campaign=send("plain").output, poke_interval=1)
    AliyunSmsReportOperator(
        task_id="report", sends=["plain"], deliveries=["sensor_succeeds"], report_path=str(FOLDER / "report")
    ).set_upstream(good)
