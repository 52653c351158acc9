# SPDX-License-Identifier: Apache-2.0
"""The limits and waits that follow from the settings of the sending."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.ledger import MAX_BYTES, bytes_of
from airflow_provider_aliyunsms.campaign.policy import (
    SendPolicy,
    look_again_after,
    pause_after,
    window_chunks,
)


def policy(**changes):
    return SendPolicy(**{"chunk_size": 100, "max_concurrency": 16, **changes})


@given(
    size=st.integers(1, 1000),
    calls=st.integers(1, 64),
    qps=st.none() | st.floats(0.1, 5000),
    with_message_ids=st.booleans(),
)
def test_a_window_fits_into_one_value_and_covers_a_few_seconds(size, calls, qps, with_message_ids):
    chunks = window_chunks(
        policy(chunk_size=size, max_concurrency=calls, max_qps=qps), with_message_ids=with_message_ids
    )
    assert 1 <= chunks <= 6 * calls
    if chunks > 1:
        assert chunks * bytes_of(recipients=size, with_message_ids=with_message_ids) <= MAX_BYTES
        assert qps is None or chunks <= 3 * qps


@pytest.mark.parametrize(("quickest", "chunks"), [(0.0, 96), (0.05, 96), (0.5, 96), (1.0, 48), (8.0, 16)])
def test_a_window_covers_a_few_seconds_of_a_slow_gateway_and_one_chunk_for_each_call(quickest, chunks):
    assert window_chunks(policy(chunk_size=1), with_message_ids=False, quickest=quickest) == chunks


@pytest.mark.parametrize(("calls", "look_ups"), [(1, 0), (2, 4), (8, 16), (64, 16)])
def test_look_ups_have_places_of_their_own_but_with_one_call_at_a_time(calls, look_ups):
    assert policy(max_concurrency=calls).most_look_ups == look_ups


def test_with_one_call_at_a_time_a_crash_leaves_one_chunk():
    one = policy(max_concurrency=1)
    assert window_chunks(one, with_message_ids=True) == 1
    assert (one.open_windows, one.most_waiting) == (1, 0)
    assert (policy().open_windows, policy().most_waiting) == (2, 16)


@pytest.mark.parametrize(
    ("calls", "in_doubt", "refused"), [(1, 8, 100), (4, 8, 100), (5, 10, 100), (16, 32, 160)]
)
def test_chunks_without_an_outcome_hold_back_new_ones(calls, in_doubt, refused):
    limits = policy(max_concurrency=calls)
    assert (limits.most_open_chunks, limits.most_refused_chunks) == (in_doubt, refused)


@pytest.mark.parametrize(("settle_time", "lasts"), [(600.0, 60.0), (50.0, 5.0), (3.0, 1.0), (0.0, 1.0)])
def test_the_time_of_an_intent_is_good_for_a_tenth_of_the_settle_time(settle_time, lasts):
    assert policy(settle_time=settle_time).intent_lasts == lasts


def test_evidence_is_sought_at_growing_intervals():
    assert [look_again_after(times) for times in range(6)] == [2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    assert look_again_after(10_000) == 20.0


@pytest.mark.parametrize(
    ("failures", "asked", "pause"),
    [
        (1, None, 0.5),
        (2, None, 1.0),
        (7, None, 30.0),
        (10_000, None, 30.0),
        (1, 12.0, 12.0),
        (7, 12.0, 30.0),
        (1, 3600.0, 300.0),
        (1, 0.0, 0.5),
    ],
)
def test_pauses_double_and_what_the_gateway_asks_for_is_kept(failures, asked, pause):
    assert pause_after(failures, asked=asked) == pause
