# SPDX-License-Identifier: Apache-2.0
"""What a StatsD server of the deployment gets from tasks of real processes."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_campaign_counts_its_recipients_and_its_calls(endings):
    found = endings.metrics("success")
    assert {name: found[name] for name in ("accepted", "rejected", "skipped")} == {
        "accepted": [200.0],
        "rejected": [1.0],
        "skipped": [1.0],
    }
    assert found["calls.SendBatchSms"] == [2.0]
    assert len(found["call_time.SendBatchSms"]) == 2
    assert all(0 < milliseconds < 60_000 for milliseconds in found["call_time.SendBatchSms"])
    assert "unknown" not in found


def test_the_tries_of_one_campaign_add_up_to_it(endings):
    assert endings.states["resumed"] == "success"
    found = endings.metrics("resumed")
    assert sum(found["accepted"]) == 30
    assert len(found["accepted"]) > 1
    assert found["unknown"] == [10.0]


def test_what_was_not_sent_is_not_counted(endings):
    found = endings.metrics("doomed")
    assert {"accepted", "skipped", "rejected", "unknown"} & {*found} == set()
    assert found["calls.SendBatchSms"] == [1.0]
    assert endings.metrics("rehearsal") == {}


def test_an_interrupted_try_counts_what_it_did(endings):
    assert 0 < endings.metrics("killed")["accepted"][0] < 30


def test_a_sensor_counts_deliveries(endings):
    assert endings.metrics("sensor_succeeds")["delivered"] == [30.0]
    assert endings.metrics("sensor_fails")["failed"] == [6.0]
    assert endings.metrics("sensor_times_out")["pending"] == [3.0]


def test_nothing_in_a_metric_tells_a_number_or_a_text(endings):
    ours = [packet for packet in endings.packets if "aliyun_sms" in packet]
    assert ours
    assert [packet for packet in ours if re.search(r"1[3-9]\d{9}|447700|测试", packet)] == []
    tags = {tag.partition("=")[0] for packet in ours for tag in packet.partition(":")[0].split(",")[1:]}
    assert tags == {"dag_id", "task_id"}
