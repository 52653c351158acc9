# SPDX-License-Identifier: Apache-2.0
"""The number of shards of a campaign is written down once, and what is missing proves nothing."""

from __future__ import annotations

import json

import pytest

from airflow_provider_aliyunsms.audience.shards import Shard
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger import Ledger, Occasion, PathStore, ShardRecord
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError

FILE = "aliyun_sms.shards.json"


@pytest.fixture
def record(tmp_path):
    return ShardRecord(campaign_id="spring", store_of=lambda name: PathStore(root=tmp_path, campaign_id=name))


@pytest.fixture
def begin(tmp_path):
    """Let a try of a campaign claim its ledger."""

    def claim(campaign_id):
        store = PathStore(root=tmp_path, campaign_id=campaign_id)
        ledger = Ledger(store=store, campaign_id=campaign_id, fenced=True, clock=Clock())
        ledger.open(occasion=Occasion())
        return ledger

    return claim


def test_it_is_made_once_and_compared_ever_after(record):
    name = record.plan(of=4, may_begin=True)
    assert record.plan(of=4, may_begin=False) == record.plan(of=4, may_begin=True) == name
    for index in range(4):
        record.check(shard=Shard(index=index, of=4), name=name)
    record.check_rehearsal(of=4)
    for of in (1, 2, 3, 5, 8):
        for refused in (
            lambda of=of: record.plan(of=of, may_begin=True),
            lambda of=of: record.check(shard=Shard(index=0, of=of), name=name),
            lambda of=of: record.check_rehearsal(of=of),
        ):
            with pytest.raises(LedgerConflictError, match=rf"begun with shards=4, and now has shards={of}\b"):
                refused()


def test_a_shard_without_a_record_or_with_another_one_sends_nothing(record, tmp_path):
    with pytest.raises(LedgerConflictError, match="has no record"):
        record.check(shard=Shard(index=0, of=4), name="x")
    record.plan(of=4, may_begin=True)
    with pytest.raises(LedgerConflictError, match="another record"):
        record.check(shard=Shard(index=0, of=4), name="x")
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_a_missing_record_is_made_only_by_a_task_that_can_have_planned_nothing(record, tmp_path):
    with pytest.raises(LedgerConflictError, match="was cleared since"):
        record.plan(of=4, may_begin=False)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("of", [3, 4, 8])
@pytest.mark.parametrize("may_begin", [True, False])
def test_a_missing_record_beside_ledgers_is_a_lost_one(record, begin, tmp_path, of, may_begin):
    record.plan(of=4, may_begin=True)
    begin("spring/shard-2")
    (path,) = tmp_path.rglob(FILE)
    path.unlink()
    with pytest.raises(LedgerConflictError, match="though shard 2 has a ledger"):
        record.plan(of=of, may_begin=may_begin)
    assert not path.exists()


def test_a_ledger_counts_also_when_its_first_files_were_removed_by_age(record, begin, tmp_path):
    record.plan(of=4, may_begin=True)
    begin("spring/shard-0").close()
    begin("spring/shard-0")
    for path in (*tmp_path.rglob(FILE), *tmp_path.rglob("aliyun_sms.e000001.*")):
        path.unlink()
    with pytest.raises(LedgerConflictError, match="though shard 0 has a ledger"):
        record.plan(of=8, may_begin=True)


def test_a_shard_that_begins_while_the_record_is_looked_for_is_no_lost_record(record, begin, tmp_path):
    """Another process has planned the shards since, and the first of them has begun."""
    other = ShardRecord(campaign_id="spring", store_of=record._store_of)
    names = []

    def store_of(campaign_id):
        if campaign_id.endswith("shard-0") and not names:
            names.append(other.plan(of=4, may_begin=True))
            begin("spring/shard-0")
        return PathStore(root=tmp_path, campaign_id=campaign_id)

    late = ShardRecord(campaign_id="spring", store_of=store_of)
    assert late.plan(of=4, may_begin=True) == names[0]


def test_of_two_plans_at_once_one_decides(record, tmp_path):
    other = ShardRecord(campaign_id="spring", store_of=record._store_of)
    done = []

    def store_of(campaign_id):
        if campaign_id.endswith("shard-1") and not done:
            done.append(other.plan(of=8, may_begin=True))
        return PathStore(root=tmp_path, campaign_id=campaign_id)

    with pytest.raises(LedgerConflictError, match="begun with shards=8"):
        ShardRecord(campaign_id="spring", store_of=store_of).plan(of=4, may_begin=True)
    assert other.plan(of=8, may_begin=False) == done[0]


def test_whole_and_shards_exclude_each_other(record, begin, tmp_path):
    record.check_whole()
    begin("spring")
    with pytest.raises(LedgerConflictError, match="begun without shards"):
        record.plan(of=4, may_begin=True)
    assert not list(tmp_path.rglob(FILE)), "the whole campaign goes on"
    other = ShardRecord(campaign_id="autumn", store_of=record._store_of)
    other.plan(of=4, may_begin=True)
    with pytest.raises(LedgerConflictError, match="begun in 4 shards"):
        other.check_whole()


def test_a_whole_campaign_that_begins_during_the_plan_is_found_by_it(record, begin, tmp_path):
    class Late(PathStore):
        def create(self, key, value):
            begin("spring")
            return super().create(key, value)

    late = ShardRecord(campaign_id="spring", store_of=lambda name: Late(root=tmp_path, campaign_id=name))
    with pytest.raises(LedgerConflictError, match="begun without shards"):
        late.plan(of=4, may_begin=True)


@pytest.mark.parametrize(
    "damage",
    [[], {}, {"of": "4"}, {"of": True}, {"by": None}, {"name": 7}, {"campaign_id": None}],
)
def test_a_damaged_record_is_no_missing_one(record, tmp_path, damage):
    name = record.plan(of=4, may_begin=True)
    (path,) = tmp_path.rglob(FILE)
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | damage if damage else damage))
    for refused in (
        lambda: record.plan(of=4, may_begin=True),
        lambda: record.check(shard=Shard(index=0, of=4), name=name),
        record.check_whole,
    ):
        with pytest.raises(LedgerError, match="damaged"):
            refused()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"by": "number-2"}, "a rule that this version does not have"),
        ({"campaign_id": "x"}, "another campaign"),
    ],
)
def test_the_record_of_another_rule_or_campaign_is_refused(record, tmp_path, change, told):
    record.plan(of=4, may_begin=True)
    (path,) = tmp_path.rglob(FILE)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LedgerConflictError, match=told):
        record.plan(of=4, may_begin=True)


def test_a_read_that_finds_nothing_is_made_twice(record, tmp_path):
    name = record.plan(of=4, may_begin=True)

    class Blinks(PathStore):
        blinked = False

        def get(self, key):
            self.blinked, first = True, not self.blinked
            return None if first else super().get(key)

    blinking = ShardRecord(
        campaign_id="spring", store_of=lambda each: Blinks(root=tmp_path, campaign_id=each)
    )
    blinking.check(shard=Shard(index=0, of=4), name=name)
