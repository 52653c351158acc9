# SPDX-License-Identifier: Apache-2.0
"""A window is written to the store and read back as it was; what was damaged there is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.ledger.windows import (
    MAX_BYTES,
    Window,
    bytes_of,
    nonce_of,
    open_window,
)
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind

DATE = "2026-01-02T03:04:05Z"
AT = 1_767_323_045.0
KEY = st.integers(-(2**63), 2**63 - 1)
TAG = st.integers(0, 2**32 - 1)


def window(*, keys=(((1, 2), (3, 4)), ((5,), (6,))), signer="p", by_gateway=True):
    opened = open_window(
        number=7,
        seed="seed",
        date=DATE,
        at=AT,
        out_ids=[f"out{index}" for index in range(len(keys))],
        number_keys=[numbers for numbers, _ in keys],
        signer=signer,
        by_gateway=by_gateway,
    )
    for entry, (_, tags) in zip(opened.entries, keys, strict=True):
        entry.tags = tags
    return opened


def read_back(written, *, number=7):
    return Window.from_json(number=number, value=json.loads(json.dumps(written.to_json())))


@given(
    keys=st.lists(
        st.lists(st.tuples(KEY, TAG), min_size=1, max_size=4).map(
            lambda pairs: tuple(zip(*pairs, strict=True))
        ),
        max_size=4,
    ),
    with_tags=st.booleans(),
    by_gateway=st.booleans(),
)
def test_intents_are_read_back(keys, with_tags, by_gateway):
    written = window(
        keys=[(numbers, tags if with_tags else ()) for numbers, tags in keys], by_gateway=by_gateway
    )
    assert read_back(written) == written


def test_what_became_of_a_chunk_is_read_back():
    written = window()
    first, second = written.entries
    first.outcome = Outcome(kind=OutcomeKind.ACCEPTED, time=DATE, biz_id="b", failed=frozenset({1}), code="c")
    second.seen, second.refused, second.attempted_at = True, "isv.X", AT + 1.5
    assert read_back(written) == written
    assert read_back(written).entries[0].settled
    assert not read_back(written).entries[1].settled


def test_an_outcome_that_is_not_final_is_not_written():
    written = window()
    written.entries[0].outcome = Outcome(kind=OutcomeKind.AMBIGUOUS, time=DATE, code="ReadTimeout")
    assert read_back(written).entries[0].outcome is None


def test_the_names_in_a_store_are_what_they_always_were():
    value = window(keys=(((1,), (2,)),)).to_json()
    assert value == {
        "v": 2,
        "i": 7,
        "s": "seed",
        "d": DATE,
        "p": "p",
        "g": 1,
        "c": [{"o": "out0", "k": "AAAAAAAAAAE=", "q": "AAAAAg==", "a": AT}],
    }


def test_version_1_is_read_and_written_as_it_was():
    value = {"v": 1, "s": "seed", "d": DATE, "p": "", "c": [{"o": "out0", "k": "AAAAAAAAAAE=", "a": AT}]}
    old = Window.from_json(number=7, value=value)
    assert (old.entries[0].keys, old.entries[0].number_keys) == ((1,), ())
    assert not old.by_gateway
    assert old.to_json() == value


def test_a_nonce_follows_from_seed_and_position_and_no_two_are_equal():
    nonces = [entry.nonce for entry in read_back(window()).entries]
    assert nonces == [nonce_of(seed="seed", position=0), nonce_of(seed="seed", position=1)]
    made = {nonce_of(seed=seed, position=position) for seed in ("seed", "seed1") for position in range(50)}
    assert len(made) == 100
    assert all(len(nonce) == 32 for nonce in made)


GOOD = window().to_json()


@pytest.mark.parametrize(
    "damage",
    [
        {"v": None},
        {"i": 8},
        {"d": "yesterday"},
        {"c": None},
        {"c": ["x"]},
        {"c": [{**GOOD["c"][0], "k": "AAAA"}]},
        {"c": [{**GOOD["c"][0], "k": ""}]},
        {"c": [{**GOOD["c"][0], "k": "*"}]},
        {"c": [{**GOOD["c"][0], "q": "AAAAAg=="}]},
        {"c": [{**GOOD["c"][0], "a": float("nan")}]},
        {"c": [{**GOOD["c"][0], "a": "now"}]},
        {"c": [{**GOOD["c"][0], "r": "accepted"}]},
        {"c": [{**GOOD["c"][0], "r": "lost", "t": DATE}]},
        {"c": [{**GOOD["c"][0], "r": "accepted", "t": DATE, "f": [2]}]},
    ],
)
def test_a_damaged_window_is_refused(damage):
    Window.from_json(number=7, value=GOOD)
    with pytest.raises(ValueError, match="damaged window"):
        Window.from_json(number=7, value={**GOOD, **damage})


@pytest.mark.parametrize("value", [None, [], "text", 3, {}])
def test_what_is_no_window_at_all_is_refused(value):
    with pytest.raises(ValueError, match="damaged window"):
        Window.from_json(number=7, value=value)


@pytest.mark.parametrize(("recipients", "with_message_ids"), [(100, False), (250, True), (1000, True)])
def test_the_estimate_is_not_too_small_for_the_store(recipients, with_message_ids):
    size = bytes_of(recipients=recipients, with_message_ids=with_message_ids)
    chunks = max(1, MAX_BYTES // size)
    keys = [(tuple(range(2**62, 2**62 + recipients)), (2**32 - 1,) * recipients)] * chunks
    full = window(keys=keys)
    for entry in full.entries:
        entry.out_id = "o" * 32
        ids = tuple(f"{index:036d}" for index in range(recipients)) if with_message_ids else None
        entry.outcome = Outcome(kind=OutcomeKind.ACCEPTED, time=DATE, biz_id="b" * 36, message_ids=ids)
    assert len(json.dumps(full.to_json())) <= max(MAX_BYTES, size) + 500
