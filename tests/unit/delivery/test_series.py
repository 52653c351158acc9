# SPDX-License-Identifier: Apache-2.0
"""The course of a delivery is kept in a few points, whatever happens between the rounds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
from airflow_provider_aliyunsms.delivery.events import DeliveryResult, read_event
from airflow_provider_aliyunsms.delivery.series import MOST_POINTS, DeliverySeries, read_series
from airflow_provider_aliyunsms.delivery.state import Tally
from airflow_provider_aliyunsms.delivery.verdict import Verdict

MOMENTS = st.lists(st.floats(-5, 10**6), max_size=400)


@given(MOMENTS)
def test_points_are_few_in_order_and_the_last_one_is_the_latest(moments):
    series = DeliverySeries()
    for count, seconds in enumerate(moments):
        series.add(seconds=seconds, tally=Tally(delivered=count, failed=1, pending=2))
        assert len(series.points) <= MOST_POINTS
        assert series.points[-1] == (max(0, int(seconds)), count, 1, 2)
    times = [point[0] for point in series.points]
    assert times == sorted(set(times))


def test_a_long_watch_has_no_gaps_and_shows_the_beginning_best():
    series = DeliverySeries()
    for seconds in range(1000):
        series.add(seconds=seconds, tally=Tally(delivered=seconds))
    assert series.points[0] == (0, 0, 0, 0)
    assert series.points[-1] == (999, 999, 0, 0)
    gaps = [later[0] - earlier[0] for earlier, later in zip(series.points, series.points[1:], strict=False)]
    assert max(gaps) <= 100
    assert gaps[0] <= 10


@given(MOMENTS)
def test_a_series_survives_a_checkpoint_and_an_event(moments):
    series = DeliverySeries()
    for seconds in moments:
        series.add(seconds=seconds, tally=Tally(delivered=1))
    kept = json.loads(json.dumps(Checkpoint(fingerprint="f", series=series.points).to_json()))
    assert Checkpoint.from_json(kept, fingerprint="f").series == series.points
    assert (
        DeliverySeries(Checkpoint.from_json(kept, fingerprint="f").for_new_try().series).points
        == series.points
    )
    event = DeliveryResult(verdict=Verdict.SUCCESS, campaign_id="c", tally=Tally(), series=series.points)
    read = read_event(json.loads(json.dumps(event.as_event())))
    assert read.series == (series.points if len(series.points) > 1 else ())


def test_a_checkpoint_of_an_earlier_release_has_no_series():
    kept = Checkpoint(fingerprint="f").to_json()
    assert "series" not in kept
    assert Checkpoint.from_json(kept, fingerprint="f").series == ()


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "text",
        {},
        [1],
        [[1, 2, 3]],
        [[1, 2, 3, -4]],
        [[1, 2, 3, "4"]],
        [[0, 0, 0, 0]] * (MOST_POINTS + 1),
    ],
)
def test_a_damaged_series_is_none_and_no_error(kept):
    assert read_series(kept) == ()
    whole = Checkpoint(fingerprint="f", calls=3).to_json() | {"series": kept}
    assert Checkpoint.from_json(whole, fingerprint="f").calls == 3


def test_each_round_adds_a_point(kit, carrier):
    people = kit.numbers(3)
    watch = kit.watch_for([kit.receipt(each) for each in people], carrier)
    for minute, number in enumerate(people, start=1):
        carrier.fates[number] = "DELIVERED"
        watch.look(now=lambda at=minute: kit.FINISHED_AT + 60 * at)
    assert watch.ending(Verdict.SUCCESS).as_xcom()["series"] == [
        [60, 1, 0, 2],
        [120, 2, 0, 1],
        [180, 3, 0, 0],
    ]
