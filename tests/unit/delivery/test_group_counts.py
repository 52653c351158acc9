# SPDX-License-Identifier: Apache-2.0
"""Deliveries are counted by group, once each, across processes."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate, Tracked
from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign, watched
from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
from airflow_provider_aliyunsms.delivery.events import read_event
from airflow_provider_aliyunsms.delivery.group_counts import (
    GroupCounts,
    is_kept,
    split_from_json,
    split_to_json,
)
from airflow_provider_aliyunsms.delivery.verdict import Verdict
from airflow_provider_aliyunsms.delivery.watch import Watch
from airflow_provider_aliyunsms.exceptions import ConfigurationError

SPLIT = Split({"a": 0.5, "b": 0.3, "holdout": 0.2}, salt="spring")
PEOPLE = [
    number for number in (f"1380000{n:04d}" for n in range(60)) if SPLIT.group("86" + number) != "holdout"
]
BY_GROUP = {number: SPLIT.group("86" + number) for number in PEOPLE}
SIZES = Counter(BY_GROUP.values())


def campaign(kit):
    groups = {name: {"accepted": SIZES[name]} for name in SPLIT.names}
    return watched(kit.xcom([kit.receipt(each) for each in PEOPLE], groups=groups))


def watch_by_group(kit, carrier, known=None):
    campaigns = campaign(kit)
    counts = GroupCounts(SPLIT, campaigns=campaigns, kept=known.groups if known else None)
    poller = kit.poller_for(
        campaigns, carrier, progress=known.progress if known else None, on_settled=counts.note
    )
    return Watch(campaigns=campaigns, poller=poller, rules=kit.rules(), known=known, groups=counts)


def test_each_delivery_counts_for_its_group_in_one_process_or_two(kit, carrier):
    carrier.fates |= dict.fromkeys(PEOPLE[:20], "DELIVERED")
    watch = watch_by_group(kit, carrier)
    watch.look(now=lambda: kit.FINISHED_AT)
    kept = json.loads(json.dumps(watch.known(now=kit.FINISHED_AT).to_json()))
    known = Checkpoint.from_json(kept, fingerprint=kept["fingerprint"])
    carrier.fates |= dict.fromkeys(PEOPLE[20:30], "MOBILE_IN_BLACK")
    later = watch_by_group(kit, carrier, known)
    later.look(now=lambda: kit.FINISHED_AT + 60)
    found = read_event(json.loads(json.dumps(later.ending(Verdict.SUCCESS).as_event()))).as_xcom()["groups"]
    for name in ("a", "b"):
        delivered = sum(BY_GROUP[each] == name for each in PEOPLE[:20])
        failed = sum(BY_GROUP[each] == name for each in PEOPLE[20:30])
        assert found[name] == {
            "delivered": delivered,
            "failed": failed,
            "pending": SIZES[name] - delivered - failed,
        }
    assert found.keys() == {"a", "b"}, "nobody of the holdout was sent to"


def test_a_checkpoint_of_another_split_is_not_gone_on_from():
    other = Split({"a": 0.5, "b": 0.5}, salt="spring")
    kept = GroupCounts(SPLIT, campaigns=()).to_json()
    assert is_kept(json.loads(json.dumps(kept)), split=SPLIT)
    assert not is_kept(kept, split=other)
    assert not any(
        is_kept(each, split=SPLIT) for each in (None, {}, kept | {"counts": {"delivered": {"a": -1}}})
    )


@pytest.mark.parametrize("groups", [None, {"c": {"accepted": 60}}, {"a": 5}, {"a": {"accepted": "many"}}])
def test_a_campaign_that_was_not_sent_with_the_split_is_refused(kit, groups):
    campaigns = watched(kit.xcom([kit.receipt(each) for each in PEOPLE], groups=groups))
    if groups == {"a": 5}:
        assert campaigns[0].groups == {}
        return
    with pytest.raises(ConfigurationError):
        GroupCounts(SPLIT, campaigns=campaigns)


def test_a_message_whose_number_nobody_knows_is_of_no_group(kit):
    """Its recipient has left the audience: neither the campaign nor the sensor can tell a group."""
    counts = GroupCounts(SPLIT, campaigns=campaign(kit))
    message = Tracked(number="", out_id="o", biz_id=None, message_id="m", accepted_at=0.0)
    counts.note(
        message=message, delivery=Delivery(Fate.DELIVERED, "DELIVERED"), api="BatchSendMessageToGlobe"
    )
    assert all(each["delivered"] == 0 for each in counts.results().values())


def test_campaign_and_split_travel_to_a_trigger_and_back(kit):
    (one,) = campaign(kit)
    back = WatchedCampaign.from_json(json.loads(json.dumps(one.to_json())))
    assert back.groups == one.groups
    assert split_from_json(json.loads(json.dumps(split_to_json(SPLIT)))) == SPLIT
    assert split_from_json(split_to_json(None)) is None
