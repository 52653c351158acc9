# SPDX-License-Identifier: Apache-2.0
"""What is known survives any process, and damage only means asking again."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate
from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.memory import PART_SIZE, forget, recall, remember
from airflow_provider_aliyunsms.delivery.progress import Progress

positions = st.integers(min_value=0, max_value=5000)
fates = st.sampled_from([Fate.DELIVERED, Fate.FAILED, Fate.PENDING])


class Store(dict):
    """Airflow's store takes JSON only and complains about large values."""

    def set(self, key, value):
        text = json.dumps(value)
        assert len(text) < 60_000
        assert key.isascii()
        assert key.startswith("aliyun_sms.delivery.")
        self[key] = json.loads(text)


@given(expected=st.sets(positions), settled=st.dictionaries(positions, fates))
def test_every_message_is_counted_once(expected, settled):
    progress = Progress()
    for position in expected:
        progress.expect(position)
        progress.expect(position)
    for position, fate in settled.items():
        for _ in range(2):
            progress.settle(position=position, delivery=Delivery(fate=fate, code="NO_ROUTE"))
    tally = progress.tally
    assert tally.accepted == len(expected)
    assert sum(tally.errors.values()) == tally.failed
    for position in expected:
        final = settled.get(position, Fate.PENDING) is not Fate.PENDING
        assert progress.is_pending(position) is not final


@given(expected=st.sets(positions), settled=st.sets(positions))
def test_progress_survives_json(expected, settled):
    progress = Progress()
    for position in expected:
        progress.expect(position)
    for position in settled:
        progress.settle(position=position, delivery=Delivery(fate=Fate.FAILED, code="NO_ROUTE"))
    twin = Progress.from_json(json.loads(json.dumps(progress.to_json())))
    assert twin.tally == progress.tally
    assert [twin.is_pending(n) for n in range(5001)] == [progress.is_pending(n) for n in range(5001)]


@pytest.mark.parametrize(
    "kept",
    [None, {}, {"bits": "!"}, {"bits": "AAAA"}, {"bits": 1, "delivered": 0, "failed": 0, "errors": {}}],
)
def test_anything_else_is_no_progress(kept):
    with pytest.raises(ValueError, match="not the progress"):
        Progress.from_json(kept)


def test_a_store_brings_back_what_was_known(kit, carrier):
    first, second = kit.numbers(2)
    carrier.fates[first] = "NO_ROUTE"
    watch = kit.watch_for([kit.receipt(first), kit.receipt(second)], carrier)
    watch.look(now=lambda: kit.FINISHED_AT)
    watch.failures = 3
    store = Store()
    remember(store=store, watch=watch)
    (progress,), failures = recall(store=store, campaigns=watch.campaigns)
    assert progress.tally == watch.tally
    assert (progress.is_pending(0), progress.is_pending(1), failures) == (False, True, 3)
    assert first not in json.dumps(store)


def test_a_large_campaign_is_kept_in_small_values():
    chance = random.Random(1)
    large = Progress()
    for number in range(800_000):
        if chance.random() < 0.5:
            large.expect(number)
    store = Store()
    remember(store=store, watch=SimpleNamespace(progress=[large], campaigns=(), failures=0))
    assert sum(len(str(value)) for value in store.values()) > PART_SIZE
    (back,), _ = recall(store=store, campaigns=())
    assert back.tally == large.tally


def damages(store):
    head = "aliyun_sms.delivery.head"
    yield Store()
    yield Store({**store, head: "text"})
    yield Store({**store, head: {**store[head], "parts": "x"}})
    yield Store({**store, head: {**store[head], "crc": 1}})
    yield Store({**store, "aliyun_sms.delivery.0": store["aliyun_sms.delivery.0"][:-2]})
    yield Store({head: store[head]})


def test_a_damaged_store_remembers_nothing(kit, carrier):
    watch = kit.watch_for([kit.receipt(each) for each in kit.numbers(3)], carrier)
    store = Store()
    remember(store=store, watch=watch)
    assert recall(store=store, campaigns=watch.campaigns) is not None
    for damaged in damages(store):
        assert recall(store=damaged, campaigns=watch.campaigns) is None


def test_another_campaign_starts_from_nothing(kit, carrier):
    watch = kit.watch_for([kit.receipt(each) for each in kit.numbers(3)], carrier)
    store = Store()
    remember(store=store, watch=watch)
    assert recall(store=store, campaigns=watched(kit.xcom([], digest="other"))) is None


def test_forgetting(kit, carrier):
    watch = kit.watch_for([kit.receipt(each) for each in kit.numbers(3)], carrier)
    store = Store()
    forget(store=store)
    assert not store
    remember(store=store, watch=watch)
    forget(store=store)
    assert recall(store=store, campaigns=watch.campaigns) is None
