# SPDX-License-Identifier: Apache-2.0
"""What is known survives any process, and damage only means asking again."""

from __future__ import annotations

import base64
import json
import random
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate
from airflow_provider_aliyunsms.codes import MOST_CODES, LocalCode
from airflow_provider_aliyunsms.delivery.campaigns import campaigns_fingerprint, watched
from airflow_provider_aliyunsms.delivery.checkpoint import (
    HANDED_OVER,
    PART_SIZE,
    Checkpoint,
    CheckpointStore,
)
from airflow_provider_aliyunsms.delivery.state import DeliveryState

positions = st.integers(min_value=0, max_value=5000)
fates = st.sampled_from([Fate.DELIVERED, Fate.FAILED, Fate.PENDING])


HEAD_IS_LAST = 4
"""Writes it takes to keep 800,000 messages of which half are pending: three parts and the head."""


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
    progress = DeliveryState()
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
    progress = DeliveryState()
    for position in expected:
        progress.expect(position)
    for position in settled:
        progress.settle(position=position, delivery=Delivery(fate=Fate.FAILED, code="NO_ROUTE"))
    twin = DeliveryState.from_json(json.loads(json.dumps(progress.to_json())))
    assert twin.tally == progress.tally
    assert [twin.is_pending(n) for n in range(5001)] == [progress.is_pending(n) for n in range(5001)]


@pytest.mark.parametrize(
    "kept",
    [None, {}, {"bits": "!"}, {"bits": "AAAA"}, {"bits": 1, "delivered": 0, "failed": 0, "errors": {}}],
)
def test_anything_else_is_no_progress(kept):
    with pytest.raises(ValueError, match="not the progress"):
        DeliveryState.from_json(kept)


@given(expected=st.sets(positions, max_size=300), data=st.data())
def test_only_some_of_the_pending(expected, data):
    progress = DeliveryState()
    for position in expected:
        progress.expect(position)
    ranks = sorted(data.draw(st.sets(st.integers(0, len(expected) - 1)))) if expected else []
    chosen = progress.only(ranks=ranks)
    in_order = sorted(expected)
    assert {n for n in range(5001) if chosen.is_pending(n)} == {in_order[rank] for rank in ranks}


def looked(kit, carrier, count=3):
    """Give a watch that has asked once."""
    carrier.fates[kit.numbers(1)[0]] = "NO_ROUTE"
    watch = kit.watch_for([kit.receipt(each) for each in kit.numbers(count)], carrier)
    watch.look(now=lambda: kit.FINISHED_AT)
    watch.failures = 3
    return watch.known(now=kit.FINISHED_AT)


def test_a_store_brings_back_what_was_known(kit, carrier):
    known, store = looked(kit, carrier), Store()
    CheckpointStore(store).save(known)
    back = CheckpointStore(store).load(fingerprint=known.fingerprint)
    assert back.to_json() == known.to_json()
    assert [back.progress[0].is_pending(n) for n in range(3)] == [False, True, True]
    assert (back.failures, back.calls) == (3, 3)
    assert kit.numbers(1)[0] not in json.dumps(store)


def half_pending(count):
    chance = random.Random(1)
    large = DeliveryState()
    for number in range(count):
        if chance.random() < 0.5:
            large.expect(number)
    return large


def test_a_large_campaign_is_kept_in_small_values():
    known, store = Checkpoint(fingerprint="f", progress=(half_pending(800_000),)), Store()
    CheckpointStore(store).save(known)
    assert sum(len(str(value)) for value in store.values()) > PART_SIZE
    assert CheckpointStore(store).load(fingerprint="f").progress[0].tally == known.progress[0].tally


def test_a_trigger_is_given_no_more_than_fits():
    for count, fits in ((200_000, True), (400_000, False)):
        known = Checkpoint(
            fingerprint="f", progress=(half_pending(count),), calls=7, failures=2, cursor=(0, 5)
        )
        small, whole = known.to_small_json()
        assert whole is fits
        assert len(json.dumps(small)) <= HANDED_OVER
        back = Checkpoint.from_json(json.loads(json.dumps(small)), fingerprint="f")
        assert (back.calls, back.failures) == (7, 2)
        assert (back.progress is not None) is fits
        # without progress the round begins at the top, or some would never be asked
        assert back.cursor == ((0, 5) if fits else (0, 0))


def damages(store):
    head = "aliyun_sms.delivery.head"
    part = f"aliyun_sms.delivery.{store[head]['side']}.0"
    yield Store()
    yield Store({**store, head: "text"})
    yield Store({**store, head: {**store[head], "parts": "x"}})
    yield Store({**store, head: {**store[head], "crc": 1}})
    yield Store({**store, part: store[part][:-2]})
    yield Store({head: store[head]})


def test_a_damaged_store_remembers_nothing(kit, carrier):
    known, store = looked(kit, carrier), Store()
    CheckpointStore(store).save(known)
    assert CheckpointStore(store).load(fingerprint=known.fingerprint) is not None
    for damaged in damages(store):
        assert CheckpointStore(damaged).load(fingerprint=known.fingerprint) is None


@pytest.mark.parametrize("writes", range(6))
def test_a_torn_write_leaves_what_was_remembered_before(writes):
    """The process dies after any number of writes: what is found is the old state or the new one."""

    class Dying(Store):
        left = 100

        def set(self, key, value):
            if not self.left:
                raise ConnectionResetError("gone")
            self.left -= 1
            super().set(key, value)

    store, old = Dying(), Checkpoint(fingerprint="f", progress=(half_pending(800_000),), calls=1)
    for calls in (0, 1):
        CheckpointStore(store).save(replace(old, calls=calls))
    store.left = writes
    CheckpointStore(store).save(replace(old, calls=2))
    back = CheckpointStore(store).load(fingerprint="f")
    assert back.calls == (2 if writes >= HEAD_IS_LAST else 1)
    assert back.progress[0].tally == old.progress[0].tally


def test_another_campaign_or_another_sample_starts_from_nothing(kit, carrier):
    known, store = looked(kit, carrier), Store()
    CheckpointStore(store).save(known)
    for other in (
        campaigns_fingerprint(watched(kit.xcom([], digest="other"))),
        campaigns_fingerprint(watched(kit.xcom([kit.receipt(n) for n in kit.numbers(3)])), sample_size=2),
    ):
        assert CheckpointStore(store).load(fingerprint=other) is None


def test_codes_are_told_apart_up_to_a_bound():
    progress = DeliveryState()
    for position in range(MOST_CODES + 50):
        progress.expect(position)
        progress.settle(position=position, delivery=Delivery(fate=Fate.FAILED, code=f"CODE_{position}"))
    errors = progress.tally.errors
    assert len(errors) == MOST_CODES + 1
    assert errors[LocalCode.OTHER_CODE] == 50
    assert sum(errors.values()) == progress.tally.failed


BOMB = base64.b64encode(zlib.compress(bytes(40 * 1024 * 1024), 9)).decode()
STATE = {"bits": base64.b64encode(zlib.compress(b"\x07", 9)).decode(), "delivered": 1, "failed": 1}


@pytest.mark.parametrize(
    "damage",
    [
        {"bits": BOMB},
        {"bits": STATE["bits"][:-8]},
        {"delivered": -1},
        {"delivered": "1"},
        {"failed": 2},
        {"errors": {"A": -1, "B": 2}},
        {"errors": {"A": True}},
        {"errors": [["A", 1]]},
    ],
    ids=range(8),
)
def test_a_state_of_the_wrong_kind_is_refused(damage):
    whole = STATE | {"errors": {"A": 1}}
    assert DeliveryState.from_json(whole).tally.pending == 3
    with pytest.raises(ValueError, match=r"."):
        DeliveryState.from_json(whole | damage)


@pytest.mark.parametrize(
    "damage",
    [
        {"cursor": 7},
        {"calls": None},
        {"progress": [{}]},
        {"next_at": "soon"},
        {"next_at": float("inf")},
        {"noted_at": float("nan")},
        {"calls": -1},
        {"calls": float("inf")},
        {"cursor": [-1, 0]},
        {"recent": -5},
        {"progress": {"a": 1}},
    ],
    ids=str,
)
def test_damaged_knowledge_is_none(kit, carrier, damage):
    known = looked(kit, carrier)
    assert Checkpoint.from_json({**known.to_json(), **damage}, fingerprint=known.fingerprint) is None
    assert Checkpoint.from_json(None, fingerprint=known.fingerprint) is None


def test_forgetting(kit, carrier):
    known, store = looked(kit, carrier), Store()
    CheckpointStore(store).clear()
    assert not store
    CheckpointStore(store).save(known)
    CheckpointStore(store).clear()
    assert CheckpointStore(store).load(fingerprint=known.fingerprint) is None
