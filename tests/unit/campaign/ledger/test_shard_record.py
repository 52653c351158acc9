# SPDX-License-Identifier: Apache-2.0
"""The number of shards of a campaign is written down once, and what is missing proves nothing."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from airflow_provider_aliyunsms.audience.shards import Shard
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger import Ledger, Occasion, PathStore, ShardRecord
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError

FILE = "aliyun_sms.e000001.claim.json"
MARK = "aliyun_sms.shards.begun.json"


@pytest.fixture
def record(tmp_path):
    return ShardRecord(campaign_id="spring", store_of=lambda name: PathStore(root=tmp_path, campaign_id=name))


@pytest.fixture
def folder(tmp_path):
    """Give the folder of the ledger of a campaign."""
    return lambda name: PathStore(root=tmp_path, campaign_id=name)._local


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
    with pytest.raises(LedgerConflictError, match="AliyunSmsShards had dry_run=True"):
        record.check(shard=Shard(index=0, of=4), name="")
    record.plan(of=4, may_begin=True)
    with pytest.raises(LedgerConflictError, match="another record"):
        record.check(shard=Shard(index=0, of=4), name="x")
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_a_missing_record_is_made_only_by_a_task_that_can_have_planned_nothing(record, tmp_path):
    with pytest.raises(
        LedgerConflictError, match="the run was cleared, or this task or a send task has run in it before"
    ):
        record.plan(of=4, may_begin=False)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("of", [3, 4, 8])
@pytest.mark.parametrize("may_begin", [True, False])
def test_a_missing_record_beside_ledgers_is_a_lost_one(record, begin, folder, of, may_begin):
    record.plan(of=4, may_begin=True)
    begin("spring/shard-2")
    path = folder("spring") / FILE
    path.unlink()
    with pytest.raises(LedgerConflictError, match="though shard 2 has a ledger"):
        record.plan(of=of, may_begin=may_begin)
    assert not path.exists()


@pytest.mark.parametrize("of", [4, 8])
def test_a_record_that_was_lost_is_missed_by_all_who_come_then(record, begin, folder, of):
    """Also where the ledgers are gone, or where what removes old files has left only the mark."""
    name = record.plan(of=4, may_begin=True)
    shard = Shard(index=0, of=4)
    record.begin(shard=shard, name=name)
    begin("spring/shard-0").close()
    record.begin(shard=Shard(index=1, of=4), name=name)
    for path in folder("spring/shard-0").iterdir():
        path.unlink()
    (folder("spring") / FILE).unlink()
    for refused in (
        record.check_whole,
        lambda: record.plan(of=of, may_begin=True),
        lambda: record.begin(shard=shard, name=name),
    ):
        with pytest.raises(
            LedgerConflictError, match=r"has no record|though shards of this campaign have been sent"
        ):
            refused()
    assert not (folder("spring") / FILE).exists()


def test_the_mark_is_there_before_a_shard_may_send(record, folder):
    shard, name = Shard(index=0, of=4), record.plan(of=4, may_begin=True)
    record.check(shard=shard, name=name)
    assert not (folder("spring") / MARK).exists()
    (folder("spring") / FILE).unlink()
    with pytest.raises(LedgerConflictError, match="has no record"):
        record.begin(shard=shard, name=name)
    assert (folder("spring") / MARK).exists(), "it was written before the last look"


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
    for refused in (
        lambda: record.plan(of=4, may_begin=True),
        lambda: record.check(shard=Shard(index=0, of=4), name="x"),
        lambda: record.check_rehearsal(of=4),
    ):
        with pytest.raises(LedgerConflictError, match="begun without shards, and its ledger may know"):
            refused()
    record.check_whole()
    begin("spring").close()
    other = ShardRecord(campaign_id="autumn", store_of=record._store_of)
    other.plan(of=4, may_begin=True)
    with pytest.raises(LedgerConflictError, match="begun in 4 shards"):
        other.check_whole()
    for _ in range(2):
        with pytest.raises(LedgerConflictError, match="begun in 4 shards, whose ledgers may know") as refusal:
            begin("autumn")
        assert "Go back to AliyunSmsShards with shards=4" in refusal.value.advice
    assert other.plan(of=4, may_begin=False), "nor has the refused one left a claim"


def test_a_whole_campaign_that_begins_during_the_plan_keeps_it_out_for_good(record, begin, tmp_path):
    """The plan has looked for it before, and writes after; a Clear or a retry plans again."""

    class Late(PathStore):
        def create(self, key, value):
            if not hasattr(self, "began"):
                self.began = begin("spring")
            return super().create(key, value)

    late = ShardRecord(campaign_id="spring", store_of=lambda name: Late(root=tmp_path, campaign_id=name))
    for plan in (late.plan, late.plan, record.plan):
        with pytest.raises(LedgerConflictError, match="begun without shards"):
            plan(of=4, may_begin=True)
    record.check_whole()
    begin("spring").close()


def test_a_plan_that_is_made_while_a_whole_campaign_claims_keeps_it_out_for_good(record, begin, tmp_path):
    class Late(PathStore):
        def create(self, key, value):
            record.plan(of=4, may_begin=True)
            return super().create(key, value)

    ledger = Ledger(
        store=Late(root=tmp_path, campaign_id="spring"), campaign_id="spring", fenced=True, clock=Clock()
    )
    with pytest.raises(LedgerConflictError, match="begun in 4 shards"):
        ledger.open(occasion=Occasion())
    with pytest.raises(LedgerConflictError, match="begun in 4 shards"):
        begin("spring")
    assert record.plan(of=4, may_begin=False)


def test_a_whole_campaign_whose_first_files_were_removed_by_age_is_no_place_for_a_plan(record, begin, folder):
    begin("spring").close()
    begin("spring").close()
    for path in folder("spring").glob("aliyun_sms.e000001.*"):
        path.unlink()
    with pytest.raises(LedgerConflictError, match="begun without shards"):
        record.plan(of=4, may_begin=True)


@pytest.mark.parametrize("lost", [False, True], ids=["", "and the record is lost"])
@pytest.mark.parametrize("name", ["spring/shard-0", "spring/shard-7", "spring/shard-1/shard-0"])
def test_the_id_of_a_shard_is_no_campaign_of_its_own(record, folder, name, lost):
    planned = record.plan(of=4, may_begin=True)
    record.begin(shard=Shard(index=0, of=4), name=planned)
    if lost:
        (folder("spring") / FILE).unlink()
    part = ShardRecord(campaign_id=name, store_of=record._store_of)
    for refused in (part.check_whole, lambda: part.plan(of=2, may_begin=True)):
        with pytest.raises(LedgerConflictError, match="of which this campaign_id names a shard"):
            refused()
    for other in ("spring/shard-x", "spring/shard-0 ", "spring/shards", "winter/shard-0", "/shard-0"):
        ShardRecord(campaign_id=other, store_of=record._store_of).check_whole()


def test_planning_many_shards_costs_one_read_for_each(tmp_path):
    reads = []

    class Counted(PathStore):
        def get(self, key):
            reads.append(key)
            return super().get(key)

    record = ShardRecord(campaign_id="spring", store_of=lambda name: Counted(root=tmp_path, campaign_id=name))
    record.plan(of=1000, may_begin=True)
    assert 1000 < len(reads) < 1020
    reads.clear()
    record.plan(of=1000, may_begin=True)
    assert len(reads) == 1


def test_a_record_that_is_no_json_lets_nothing_be_sent_and_does_not_advise_what_cannot_help(record, folder):
    record.plan(of=4, may_begin=True)
    (folder("spring") / FILE).write_text("{")
    for refused in (lambda: record.plan(of=4, may_begin=True), record.check_whole):
        with pytest.raises(LedgerError, match="damaged") as refusal:
            refused()
        assert "resend" not in refusal.value.advice
        assert "another campaign_id" in refusal.value.advice


@pytest.mark.parametrize(
    "damage",
    [
        [],
        {},
        {"of": "4"},
        {"of": True},
        {"by": None},
        {"name": 7},
        {"campaign_id": None},
        {"salt": None},
        {"salt": ""},
        {"salt": "0" * 65},
    ],
)
def test_a_damaged_record_is_no_missing_one(record, begin, folder, damage):
    name = record.plan(of=4, may_begin=True)
    path = folder("spring") / FILE
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({"shards": kept["shards"] | damage} if damage else damage))
    for refused in (
        lambda: record.plan(of=4, may_begin=True),
        lambda: record.check(shard=Shard(index=0, of=4), name=name),
    ):
        with pytest.raises(LedgerError, match="damaged"):
            refused()
    for refused in (record.check_whole, lambda: record.check_whole() or begin("spring")):
        with pytest.raises(LedgerError, match=r"damaged|missing|begun in"):
            refused()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"by": "number-2"}, "a rule that this version does not have"),
        ({"campaign_id": "x"}, "another campaign"),
    ],
)
def test_the_record_of_another_rule_or_campaign_is_refused(record, folder, change, told):
    record.plan(of=4, may_begin=True)
    path = folder("spring") / FILE
    path.write_text(json.dumps({"shards": json.loads(path.read_text())["shards"] | change}))
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


def test_of_a_plan_and_a_whole_campaign_that_start_together_one_begins(tmp_path):
    """Both again afterwards, as automatic retries do: the one that began goes on, the other never does."""
    won = Counter()
    for number in range(100):
        barrier = Barrier(2)

        def record(name=f"spring {number}"):
            return ShardRecord(
                campaign_id=name, store_of=lambda each: PathStore(root=tmp_path, campaign_id=each)
            )

        def plan(record=record):
            record().plan(of=2, may_begin=True)

        def whole(name=f"spring {number}", record=record):
            record().check_whole()
            store = PathStore(root=tmp_path, campaign_id=name)
            Ledger(store=store, campaign_id=name, fenced=True, clock=Clock()).open(occasion=Occasion())

        def tried(act, barrier=barrier):
            if barrier is not None:
                barrier.wait()
            try:
                act()
            except LedgerConflictError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            first = [*pool.map(tried, (plan, whole))]
        assert sum(first) == 1
        assert [tried(act, None) for act in (plan, whole)] == first
        won[first[0]] += 1
    assert len(won) == 2, "each of them was first sometimes"
