# SPDX-License-Identifier: Apache-2.0
"""What tasks left for the page is taken apart without belief: nothing of it raises, and no number gets through."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.figures import MOST_POINTS, Series, figures_of, read_points
from airflow_provider_aliyunsms.ui.figures import codes_shown, delivery_of, moment_of, sending_of, text_of
from airflow_provider_aliyunsms.ui.records import Group, Task
from airflow_provider_aliyunsms.ui.rows import common_name, common_state, group_row, row_of, seconds_left

WORDS = (
    "total accepted rejected skipped unknown pending campaign_id api dry_run ledger ended requests open "
    "per_second codes "
    "guards ending at began_at series series_from every tries try own campaigns delivered failed population"
)
NAMES = WORDS.split()
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.just("2026-01-02T03:04:05Z")
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
LEFT = VALUES | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=len(NAMES))


def task(left, **changes):
    fields = {
        "dag_run_id": 1,
        "dag_id": "d",
        "run_id": "r",
        "task_id": "send",
        "map_index": -1,
        "state": "running",
        "try_number": 1,
        "max_tries": 0,
        "began_at": datetime(2026, 1, 2, tzinfo=UTC),
        "ended_at": None,
        "left_at": datetime(2026, 1, 2, tzinfo=UTC),
        "left": left,
    }
    return Task(**(fields | changes))


@given(left=LEFT, progress=LEFT, delivery=LEFT)
def test_whatever_was_left_makes_a_row_that_is_plain_json(left, progress, delivery):
    row = row_of(task(left), progress=progress, deliveries=[delivery])
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    group = Group(1, "d", "r", "send", 2, True)
    tasks = [task(left, map_index=0), task(progress, map_index=1)]
    together = group_row(group, tasks, progress={}, deliveries=[delivery])
    assert json.loads(json.dumps(together, allow_nan=False)) == together
    assert set(together) == set(row)


HALF = "\ud800"
"""Half a character, which JSON can write and no answer can carry."""


def test_half_a_character_in_one_campaign_does_not_take_the_list_from_everybody():
    left = {
        "campaign_id": f"c{HALF}",
        "ending": f"e{HALF}",
        "codes": {f"isv.{HALF}X": 1},
        "guards": [{"guard": HALF, "decision": HALF, "reason": HALF}],
    }
    progress = {"try": 1, "own": {}, "tries": [{"try": 1, "ending": HALF}], "ending": HALF}
    row = row_of(task(left), progress=progress, deliveries=[])
    assert json.dumps([row, sending_of(left, progress)["codes"]], ensure_ascii=False).encode()
    assert row["campaign_id"] == "c?"


def test_numbers_in_words_are_masked_and_long_words_cut():
    left = {
        "ended": 1,
        "total": 1,
        "ending": "failed for 13800001234 " + "x" * 1000,
        "guards": [{"guard": "G", "decision": "fail", "reason": "１３８００００１２３４ is blocked"}],
        "codes": {"isv.13800001234": 1, "ok": True, "neg": -1},
    }
    told = json.dumps(row_of(task(left), progress=None, deliveries=[]), ensure_ascii=False)
    assert "13800001234" not in told
    assert "１３８００００１２３４" not in told
    assert len(sending_of(left, None)["ending"]) <= 320
    assert sending_of(left, None)["codes"] == {"isv.****": 1}


def test_the_newest_figures_count():
    begun = {"ended": 0, "try": 2, "campaign_id": "c", "api": "SendBatchSms"}
    progress = {"total": 10, "accepted": 4, "pending": 6, "rejected": 0, "skipped": 0, "unknown": 0}
    assert sending_of(begun, progress)["accepted"] == 4
    ended = begun | {"ended": 1, "total": 10, "accepted": 9}
    assert sending_of(ended, progress)["accepted"] == 9
    # A try that ended before it had counted anybody says nothing of what earlier ones did.
    assert sending_of(begun | {"ended": 1}, progress)["accepted"] == 4


def test_recipients_whose_turn_did_not_come_are_pending_and_not_skipped():
    summary = {"total": 10, "accepted": 3, "rejected": 0, "skipped": 7, "unknown": 0, "requests": 1}
    found = figures_of(summary | {"errors": {"local.NOT_STARTED": 5, "local.DUPLICATE": 2}})
    assert (found["pending"], found["skipped"], found["codes"]) == (5, 2, {"local.DUPLICATE": 2})


def test_codes_come_with_words_in_both_languages():
    (first, second) = codes_shown({"isv.AMOUNT_NOT_ENOUGH": 1, "local.DUPLICATE": 5}, action="SendBatchSms")
    assert first["code"] == "local.DUPLICATE"
    assert all(second[name] for name in ("meaning", "meaning_zh", "advice", "advice_zh"))
    assert codes_shown({"anything": 1}, action=None)[0]["meaning"]


def test_the_course_keeps_its_beginning_and_its_end():
    series = Series()
    for second in range(0, 40_000, 5):
        series.add((second, second, 0, 0))
    points = series.points
    assert len(points) <= MOST_POINTS
    assert points[0][0] == 0
    assert points[-1][0] == 39_995
    assert read_points([list(point) for point in points]) == points
    assert read_points([[1, 2, 3]]) == read_points("x") == read_points([[1, 2, 3, -4]]) == ()


@pytest.mark.parametrize(
    ("states", "common"),
    [
        (["success", "success"], "success"),
        (["success", "running", "failed"], "running"),
        (["success", "failed"], "failed"),
        (["up_for_retry", "failed"], "up_for_retry"),
        ([None, "success"], "success"),
        ([], None),
    ],
)
def test_the_state_of_mapped_tasks_together(states, common):
    assert common_state(states) == common


def test_shards_have_the_name_of_their_campaign():
    assert common_name({"spring/shard-0", "spring/shard-1"}) == "spring"
    assert common_name({"spring/shard-0", "autumn/shard-1"}) is None
    assert common_name({"a", "b"}) is None


def test_time_left_is_not_known_without_a_pace():
    assert seconds_left({"pending": 10, "unknown": 0}, pace=None) is None
    assert seconds_left({"pending": 10, "unknown": 0}, pace=0.0) is None
    assert seconds_left({"pending": 10, "unknown": 10}, pace=2.0) == 10


def test_of_several_sensors_the_one_that_looked_last_counts():
    old = {"campaigns": [{"campaign_id": "c"}], "delivered": 1, "failed": 0, "pending": 9}
    new = {"campaigns": [{"campaign_id": "c"}], "delivered": 9, "failed": 0, "pending": 1}
    assert delivery_of([new, old], campaign_id="c")["delivered"] == 9
    assert delivery_of([new], campaign_id="other") is None
    assert delivery_of([new], campaign_id=None) is None


def test_moments_and_texts_of_others():
    assert moment_of("2026-01-02T03:04:05Z") == "2026-01-02T03:04:05+00:00"
    for nonsense in ("2026", 5, None, "9" * 400, math.nan):
        assert moment_of(nonsense) is None
    assert text_of("x" * 1000) == "x" * 300
    assert text_of(5) is None
