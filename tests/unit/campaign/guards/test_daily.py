# SPDX-License-Identifier: Apache-2.0
"""The amounts of all campaigns of one day add up, on a folder and on SQLite."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from guarded_campaigns import Deployment, campaign
from world import World

from airflow_provider_aliyunsms.campaign.guards import MaxMessages
from airflow_provider_aliyunsms.campaign.guards.daily import Claimed, DailyTotal
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    ConfigurationError,
    GuardError,
    GuardWaitError,
)

NOON = datetime(2026, 11, 29, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
MIDNIGHT = datetime(2026, 11, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(params=["folder", "sql"])
def place(request, tmp_path):
    """Give a store and the deployment in which it is."""
    if request.param == "folder":
        folder = tmp_path / "sms"
        folder.mkdir()
        return str(folder), Deployment()
    return (
        "sql:counts/Team_A_",
        Deployment({"counts": {"kind": "sqlite", "path": str(tmp_path / "counts.db")}}),
    )


@pytest.fixture
def claim(place):
    """Run one try of a campaign, which claims, and settles after ``lasts`` what is given as ``sent``."""
    store, deployment = place

    def run(name, amount, *, most=100, at=NOON, sent=None, lasts=timedelta(), unit="messages", **facts):
        total = DailyTotal(store)
        with campaign(["13800000001"], campaign_id=name, deployment=deployment, now=at, **facts) as one:
            answer = total.claim(one.facts, unit=unit, amount=amount, most=most)
            one.wait(lasts)
            if sent is not None:
                total.settle(one.facts, unit=unit, amount=sent)
            return answer

    return run


def test_the_campaigns_of_a_day_add_up_to_the_limit(claim):
    assert claim("a", 60) == Claimed(ok=True, others=0)
    assert claim("b", 41) == Claimed(ok=False, others=60)
    assert claim("b", 40) == Claimed(ok=True, others=60)
    assert claim("c", 1) == Claimed(ok=False, others=100)
    assert claim("c", 1, unit="parts") == Claimed(ok=True, others=0)


def test_a_retry_replaces_the_claim_of_its_campaign(claim):
    assert claim("a", 60).ok
    assert claim("a", 70).ok
    assert claim("a", 101) == Claimed(ok=False, others=0)
    assert claim("b", 31) == Claimed(ok=False, others=70), "a refused claim leaves the earlier one"
    assert claim("b", 30).ok


def test_what_was_not_sent_is_free_again(claim):
    assert claim("a", 100, sent=10).ok
    assert claim("b", 90) == Claimed(ok=True, others=10)


def test_the_next_day_begins_at_midnight_in_china(claim):
    assert claim("a", 100, at=MIDNIGHT - timedelta(seconds=1)).ok
    assert claim("b", 100, at=MIDNIGHT) == Claimed(ok=True, others=0)


def test_a_campaign_that_runs_over_midnight_counts_on_the_day_of_its_claim(claim):
    late = MIDNIGHT - timedelta(minutes=10)
    assert claim("a", 100, at=late, sent=90, lasts=timedelta(hours=1)).ok
    assert claim("b", 100, at=MIDNIGHT + timedelta(hours=2)) == Claimed(ok=True, others=0)
    assert claim("c", 11, at=late) == Claimed(ok=False, others=90)


def test_a_retry_on_the_next_day_claims_what_the_day_before_does_not_have(claim):
    assert claim("a", 100, sent=70).ok
    assert claim("a", 100, at=MIDNIGHT, sent=100).ok
    assert claim("b", 71, at=MIDNIGHT) == Claimed(ok=False, others=30)
    assert claim("b", 31) == Claimed(ok=False, others=70)


def test_what_a_dead_try_of_the_day_before_left_is_claimed_once_more(claim):
    """It may have sent all of it, or nothing."""
    assert claim("a", 60).ok
    assert claim("a", 60, at=MIDNIGHT).ok
    assert claim("b", 41, at=MIDNIGHT) == Claimed(ok=False, others=60)


def test_a_dry_run_looks_and_claims_nothing(claim):
    assert claim("a", 100, dry_run=True, sent=100) == Claimed(ok=True, others=0)
    assert claim("b", 60) == Claimed(ok=True, others=0)
    assert claim("c", 60, dry_run=True) == Claimed(ok=False, others=60)


def test_what_was_sent_without_a_claim_is_counted_by_the_settlement(claim):
    assert claim("a", 120, sent=50) == Claimed(ok=False, others=0)
    assert claim("b", 51) == Claimed(ok=False, others=50)


def test_a_store_that_cannot_be_used_is_an_error(tmp_path):
    with campaign(["13800000001"]) as one:
        for store in (str(tmp_path / "missing"), "sql:nowhere"):
            with pytest.raises(AliyunSmsError):
                DailyTotal(store).claim(one.facts, unit="messages", amount=1, most=1)


@pytest.mark.parametrize("wrong", [{"tz": "Mars/Olympus"}, {"store": "sql:"}, {"tz": "../etc/passwd"}])
def test_a_total_that_makes_no_sense_is_refused_when_it_is_made(wrong):
    with pytest.raises(ConfigurationError):
        DailyTotal(**{"store": "/tmp/sms", **wrong})


def test_what_a_resend_sends_again_comes_on_top_of_the_day(place):
    store, deployment = place
    people, more = ["13800000001", "13800000002"], {"surroundings": deployment}
    more["guards"] = (MaxMessages(3, daily=DailyTotal(store)),)
    world = World()
    assert world.run(people, **more).summary["accepted"] == 2
    world.clears += 1
    with pytest.raises(GuardError, match="together more than 3"):
        world.retry(people, resend=True, **more)
    assert set(world.gateway.accepted.values()) == {1}


def test_what_is_sent_after_midnight_counts_on_the_new_day(place):
    """A campaign of a night leaves each day what it has really sent on it, and keeps to the limit of both."""
    store, deployment = place
    people = [f"138000000{i:02d}" for i in range(40)]
    world = World()
    total = DailyTotal(store)
    more = {"surroundings": deployment, "guards": (MaxMessages(60, daily=total),), "max_qps": 1.0}
    world.clock.seconds = MIDNIGHT.timestamp() - 4
    with pytest.raises(GuardWaitError, match="day"):
        world.run(people, **more)
    before = sum(world.gateway.accepted.values())
    assert 0 < before < 40
    assert world.clock.now() < MIDNIGHT.timestamp() + 10
    assert world.retry(people, **more).summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}
    for at, sent in ((MIDNIGHT - timedelta(minutes=1), before), (MIDNIGHT, 40 - before)):
        with campaign(["13800000001"], campaign_id="o", deployment=deployment, now=at, secret=b"") as one:
            assert total.claim(one.facts, unit="messages", amount=1, most=60).others == sent


def test_a_campaign_that_cannot_wait_is_not_stopped_at_midnight(place):
    """Without a ledger that lasts it could not go on; it counts on the day on which it began."""
    store, deployment = place
    people = [f"138000000{i:02d}" for i in range(40)]
    world = World()
    more = {"surroundings": deployment, "guards": (MaxMessages(60, daily=DailyTotal(store)),)}
    world.clock.seconds = MIDNIGHT.timestamp() - 4
    assert world.run(people, durable=False, max_qps=1.0, **more).summary["accepted"] == 40
