# SPDX-License-Identifier: Apache-2.0
"""
The delivery trigger in an event loop whose lag is measured, in a process of its own; prints JSON::

    python -m benchkit.watching --url http://127.0.0.1:1234 --receipts receipts.jsonl --messages 100000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from datetime import UTC, datetime

from benchkit.usage import cpu_seconds, peak_mb

NAP = 0.005
"""Seconds the loop is asked to sleep; what it sleeps longer is its lag."""


def trigger_for(receipts, messages, concurrency):
    """Return the trigger the sensor would defer to."""
    from airflow_provider_aliyunsms.delivery.campaigns import watched
    from airflow_provider_aliyunsms.triggers.aliyun_sms import AliyunSmsDeliveryTrigger

    campaign = {
        "campaign_id": "bench",
        "api": "SendBatchSms",
        "accepted": messages,
        "finished_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digest": "bench",
        "receipts_path": receipts,
    }
    return AliyunSmsDeliveryTrigger(
        campaigns=[each.to_json() for each in watched(campaign)],
        end_time=time.time() + 3600,
        max_qps=None,
        max_concurrency=concurrency,
    )


async def watch(trigger):
    """Run it until its event, and return the event and the lags."""
    lags = []

    async def measure():
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(NAP)
            lags.append(time.perf_counter() - asked - NAP)

    measuring = asyncio.create_task(measure())
    await asyncio.sleep(0.2)
    lags.clear()
    began = time.monotonic()
    events = [event.payload async for event in trigger.run()]
    took = time.monotonic() - began
    measuring.cancel()
    return events[0], took, lags


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--receipts", required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--concurrency", type=int, default=16)
    options = parser.parse_args()
    fields = {"conn_type": "aliyun_sms", "login": "testid", "password": "testsecret", "host": options.url}
    os.environ["AIRFLOW_CONN_ALIYUN_SMS_DEFAULT"] = json.dumps(fields)
    trigger = trigger_for(options.receipts, options.messages, options.concurrency)
    cpu = cpu_seconds()
    event, took, lags = asyncio.run(watch(trigger))
    figures = {
        "event": {name: event.get(name) for name in ("status", "delivered", "failed", "pending", "calls")},
        "seconds": took,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_mb": peak_mb(),
        "lag_p99_ms": statistics.quantiles(lags, n=100)[98] * 1000,
        "lag_max_ms": max(lags) * 1000,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
