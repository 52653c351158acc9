# SPDX-License-Identifier: Apache-2.0
"""A carrier that follows a script, and campaigns to ask it about."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate
from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.checkpoint import TOP
from airflow_provider_aliyunsms.delivery.polling import DeliveryPoller, Part
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter, QueryLimits
from airflow_provider_aliyunsms.delivery.sampling import draw
from airflow_provider_aliyunsms.delivery.tracking import scan
from airflow_provider_aliyunsms.delivery.watch import Watch, WatchPolicy

FINISHED_AT = 1_767_322_800.0  # 2026-01-02T03:00:00Z


class ScriptedCarrier:
    """The wire: answers by number from ``fates``; an exception in there is raised, anything else is pending."""

    def __init__(self):
        self.fates = {}
        self.asked = Counter()
        self.most_at_once = 0
        self._flying = 0
        self._lock = threading.Lock()

    def status(self, *, message):
        with self._lock:
            self.asked[message.number] += 1
            self._flying += 1
            self.most_at_once = max(self.most_at_once, self._flying)
        try:
            fate = self.fates.get(message.number, "PENDING")
            if isinstance(fate, Exception):
                raise fate
            if fate == "DELIVERED":
                return Delivery(fate=Fate.DELIVERED, code=fate)
            if fate == "PENDING":
                return Delivery(fate=Fate.PENDING, code=fate)
            return Delivery(fate=Fate.FAILED, code=fate)
        finally:
            with self._lock:
                self._flying -= 1


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self, now=0.0):
        self.now = now
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def numbers(count):
    return [f"138{n:08d}" for n in range(count)]


def receipt(number, **changes):
    base = {
        "phone_number": number,
        "outcome": "accepted",
        "code": None,
        "biz_id": "900000^0",
        "out_id": "af1",
        "time": "2026-01-02T03:00:00Z",
    }
    return base | changes


def xcom(receipts, *, path=None, **changes):
    base = {
        "campaign_id": "spring",
        "api": "SendBatchSms",
        "accepted": sum(each["outcome"] == "accepted" for each in receipts),
        "digest": "d1",
        "finished_at": "2026-01-02T03:00:00Z",
    }
    where = {"receipts": receipts} if path is None else {"receipts_path": path}
    return base | where | changes


@contextmanager
def no_files(path):
    raise AssertionError(f"nothing should be opened, least of all {path}")
    yield


def file_of(receipts):
    """Give an opener of one receipts file held in memory; it counts how often it was opened."""
    text = b"".join(json.dumps(each).encode() + b"\n" for each in receipts)

    def opener(path):
        opener.opened += 1
        return io.BytesIO(text)

    opener.opened = 0
    return opener


class Limited:
    """A wire whose every question passes the limiter, as every query of a client does."""

    def __init__(self, *, carrier, limiter):
        self._carrier = carrier
        self._limiter = limiter

    def status(self, *, message):
        with self._limiter.query():
            return self._carrier.status(message=message)


def poller_for(
    campaigns,
    channel,
    *,
    open_receipts=no_files,
    clock=None,
    progress=None,
    known=None,
    on_settled=None,
    **limits,
):
    clock = clock or Clock()
    limiter = QueryLimiter(
        limits=QueryLimits(**{"max_qps": None, **limits}),
        calls=known.calls if known else 0,
        clock=clock,
        sleep=clock.sleep,
    )
    found = progress or [scan(campaign=each, open_receipts=open_receipts) for each in campaigns]
    limited = Limited(carrier=channel, limiter=limiter)
    parts = [
        Part(campaign=c, channel=limited, progress=done) for c, done in zip(campaigns, found, strict=True)
    ]
    cursor = known.cursor if known else TOP
    return DeliveryPoller(
        parts=parts, open_receipts=open_receipts, limiter=limiter, cursor=cursor, on_settled=on_settled
    )


def rules(**changes):
    base = {
        "min_delivered_ratio": None,
        "stop_when_reached": False,
        "finished_at": FINISHED_AT,
        "deadline": FINISHED_AT + 3600,
        "interval": 30.0,
        "longest": 300.0,
    }
    return WatchPolicy(**(base | changes))


def watch_for(receipts, channel, *, known=None, max_calls=None, **changes):
    """Give a watch as a process would build it that knows what an earlier one learned."""
    campaigns, its_rules = watched(xcom(receipts)), rules(**changes)
    everyone = [scan(campaign=each, open_receipts=no_files) for each in campaigns]
    progress = draw(campaigns=campaigns, everyone=everyone, sample_size=its_rules.sample_size)
    if known is not None and known.progress is not None:
        progress = known.progress
    poller = poller_for(campaigns, channel, progress=progress, known=known, max_calls=max_calls)
    return Watch(campaigns=campaigns, poller=poller, rules=its_rules, known=known)


@pytest.fixture
def carrier():
    return ScriptedCarrier()


@pytest.fixture(scope="session")
def kit():
    """The helpers above, for tests that cannot import a conftest."""
    return SimpleNamespace(
        Carrier=ScriptedCarrier,
        Clock=Clock,
        FINISHED_AT=FINISHED_AT,
        file_of=file_of,
        numbers=numbers,
        poller_for=poller_for,
        receipt=receipt,
        rules=rules,
        watch_for=watch_for,
        xcom=xcom,
    )
