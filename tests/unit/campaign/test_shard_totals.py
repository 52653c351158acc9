# SPDX-License-Identifier: Apache-2.0
"""The sum of the shards is there only when all of them are, and all have read the same audience."""

from __future__ import annotations

import random

import pytest

from airflow_provider_aliyunsms.campaign.shard_totals import add_up
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError


def result(index, *, of=3, accepted=5, shard=None, **changes):
    made = {
        "campaign_id": f"spring/shard-{index}",
        "api": "SendBatchSms",
        "total": accepted + 2,
        "accepted": accepted,
        "rejected": 1,
        "skipped": 1,
        "unknown": 0,
        "requests": 2,
        "errors": {"local.DUPLICATE": 1, "local.INVALID_NUMBER": 1},
        "digest": "00",
        "shard": {"index": index, "of": of, "rows": 24, "checksum": "00ff"} | (shard or {}),
        "started_at": f"2026-01-02T03:04:0{index}Z",
        "finished_at": f"2026-01-02T03:05:0{9 - index}Z",
        "receipts_path": f"/receipts/{index}.jsonl",
    }
    return made | changes


RESULTS = [result(0, accepted=4), result(1), result(2, accepted=9)]


def test_they_are_added_up_in_any_order():
    for _ in range(5):
        shuffled = random.sample(RESULTS, 3)
        assert add_up([*shuffled, None]) == {
            "campaign_id": "spring",
            "api": "SendBatchSms",
            "total": 24,
            "accepted": 18,
            "rejected": 3,
            "skipped": 3,
            "unknown": 0,
            "requests": 6,
            "errors": {"local.DUPLICATE": 3, "local.INVALID_NUMBER": 3},
            "shards": 3,
            "rows": 24,
            "receipts_paths": [f"/receipts/{index}.jsonl" for index in range(3)],
            "started_at": "2026-01-02T03:04:00Z",
            "finished_at": "2026-01-02T03:05:09Z",
        }


def test_further_fields_come_where_a_shard_has_them():
    added = add_up(
        [RESULTS[0], result(1, repeated_numbers=2, dry_run=True), RESULTS[2] | {"receipts_path": None}]
    )
    assert (added["repeated_numbers"], added["dry_run"]) == (2, True)
    assert len(added["receipts_paths"]) == 2


@pytest.mark.parametrize(
    ("results", "told"),
    [
        (RESULTS[:2], "1 of 3 shards have no result: 2"),
        ([RESULTS[0], None, None], "2 of 3 shards have no result: 1, 2"),
        ([result(0, of=9)], "8 of 9 shards have no result: 1, 2, 3, 4, 5 ..."),
        ([*RESULTS, RESULTS[1]], "shard 1 is there twice"),
        ([RESULTS[0], RESULTS[1], result(2, campaign_id="autumn/shard-2")], "shard 2 is of another campaign"),
        ([RESULTS[0], RESULTS[1], result(2, campaign_id="spring/shard-1")], "shard 2 is of another campaign"),
        ([result(0, campaign_id="x"), result(1, campaign_id="x")], "of another campaign"),
        ([RESULTS[0], RESULTS[1], result(2, of=4)], "shard 2 is of another campaign"),
        ([*RESULTS, result(3)], "not that of a shard"),
        ([RESULTS[0], RESULTS[1], result(2, api="BatchSendMessageToGlobe")], "of another campaign"),
        ([], "no result of any shard"),
        ([None], "no result of any shard"),
        (None, "no list"),
        (RESULTS[0], "no list"),
        ("text", "no list"),
        ([{"campaign_id": "spring"}], "not that of a shard"),
        ([result(0, shard={"index": True})], "not that of a shard"),
        ([result(0, accepted=5) | {"accepted": "5"}], "not that of a shard"),
        ([result(0, shard={"checksum": None})], "not that of a shard"),
        ([result(0, started_at=None)], "not that of a shard"),
        ([result(0, errors=None)], "not that of a shard"),
        ([result(0, errors={"local.DUPLICATE": "1"})], "not that of a shard"),
        ([result(0, repeated_numbers="2")], "not that of a shard"),
        ([result(0, receipts_path=7)], "not that of a shard"),
        ([result(0, of=10**9)], "999999999 of 1000000000 shards have no result"),
    ],
)
def test_what_is_not_all_shards_of_one_campaign_is_refused(results, told):
    with pytest.raises(ConfigurationError, match=told):
        add_up(results)


@pytest.mark.parametrize(
    "other",
    [
        result(2, accepted=9, shard={"rows": 25}),
        result(2, accepted=9, shard={"checksum": "00fe"}),
        result(2, accepted=8),
    ],
    ids=["more rows", "other rows", "a row is in no shard"],
)
def test_shards_of_different_audiences_are_no_campaign(other):
    with pytest.raises(AudienceError, match="somebody may be in none of them"):
        add_up([*RESULTS[:2], other])


def test_the_sum_may_hold_people_who_are_not_in_the_audience_any_more():
    assert add_up([*RESULTS[:2], result(2, accepted=11)])["total"] == 26


def test_the_groups_of_a_split_are_added_up_too():
    def of_groups(accepted):
        counts = {"total": 6, "accepted": accepted, "rejected": 0, "skipped": 6 - accepted, "unknown": 0}
        return {"a": counts | {"template_code": "SMS_1"}, "holdout": counts | {"accepted": 0, "skipped": 6}}

    shards = [each | {"groups": of_groups(index), "split": "one"} for index, each in enumerate(RESULTS)]
    added = add_up(shards)
    assert added["split"] == "one"
    assert added["groups"]["a"] == {
        "template_code": "SMS_1",
        "total": 18,
        "accepted": 3,
        "rejected": 0,
        "skipped": 15,
        "unknown": 0,
    }
    assert added["groups"]["holdout"]["skipped"] == 18


def test_shards_with_different_splits_are_not_added_up():
    shards = [each | {"groups": {}, "split": str(index)} for index, each in enumerate(RESULTS)]
    with pytest.raises(ConfigurationError, match="different splits"):
        add_up(shards)


@pytest.mark.parametrize("groups", [5, {"a": 5}, {"a": {"total": 5}}])
def test_damaged_groups_are_no_result_of_a_shard(groups):
    with pytest.raises(ConfigurationError, match="not that of a shard"):
        add_up([RESULTS[0] | {"groups": groups}, *RESULTS[1:]])
