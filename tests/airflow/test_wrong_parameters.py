# SPDX-License-Identifier: Apache-2.0
"""A parameter of the wrong type or range is an error of the DAG file, and never one in the middle of a campaign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

BOTH = [
    ("error_threshold", "0.5"),
    ("error_threshold", 50),
    ("error_threshold", -0.1),
    ("error_threshold", True),
    ("max_qps", "5"),
    ("max_qps", 0),
    ("max_qps", float("nan")),
    ("max_rejected", "5%"),
    ("max_rejected", -1),
    ("max_rejected", 2.5),
    ("max_duplicates", "0.1"),
    ("chunk_size", "50"),
    ("chunk_size", 0),
    ("chunk_size", 1001),
    ("chunk_size", 2.0),
    ("settle_time", "10m"),
    ("settle_time", None),
    ("settle_time", timedelta(seconds=-1)),
    ("refusal_wait", "60"),
    ("evidence_wait", [1]),
    ("network_patience", float("inf")),
    ("dedupe", "number"),
    ("dedupe", None),
    ("on_empty", "ignore"),
    ("receipts_path", 7),
    ("ledger_path", b"/tmp"),
    ("aliyun_sms_conn_id", 7),
    ("column_mapping", ["phone_number"]),
    ("phone_region", 86),
]


@pytest.mark.parametrize(("name", "value"), [*BOTH, ("template_code", 152550005), ("sign_name", 7)])
def test_the_china_operator_says_it_when_the_file_is_parsed(name, value):
    with pytest.raises(ConfigurationError, match=f"^{name} must be") as caught:
        AliyunSendBatchSmsOperator(
            task_id="send", **{"recipients": [], "template_code": "SMS_1", "sign_name": "测试", name: value}
        )
    assert caught.value.advice
    if len(str(value)) > 3:
        assert str(value) not in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *BOTH,
        ("message", 7),
        ("message_type", 7),
        ("sender_id", 7),
        ("channel_id", 7),
        ("validity_period", "600"),
        ("validity_period", 0),
        ("validity_period", 1.5),
        ("validity_period", 2**40),
        ("template_param", [("name", "x")]),
    ],
)
def test_the_globe_operator_says_it_when_the_file_is_parsed(name, value):
    with pytest.raises(ConfigurationError, match=f"^{name} must be"):
        AliyunBatchSendMessageToGlobeOperator(
            task_id="send", **{"recipients": [], "message": "hello", name: value}
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("poke_interval", "30"),
        ("timeout", "1h"),
        ("max_qps", "20"),
        ("max_failed_rounds", "3"),
        ("max_failed_rounds", 0),
        ("max_concurrency", "8"),
        ("max_calls", "100"),
        ("sample_size", "100"),
        ("min_delivered_ratio", "0.95"),
        ("aliyun_sms_conn_id", 7),
    ],
)
def test_the_sensor_says_it_when_the_file_is_parsed(name, value):
    with pytest.raises(ConfigurationError, match=f"^{name} must be"):
        AliyunSmsDeliverySensor(task_id="wait", campaign={}, **{name: value})


def test_what_is_right_passes():
    made = AliyunSendBatchSmsOperator(
        task_id="send",
        recipients=[],
        template_code="{{ var.value.template }}",
        error_threshold=None,
        max_rejected=0.05,
        max_duplicates=20,
        max_qps=None,
        settle_time=timedelta(minutes=10),
        evidence_wait=0,
        receipts_path="{{ ds }}.csv",
    )
    assert made.settle_time == timedelta(minutes=10)
