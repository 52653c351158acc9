# SPDX-License-Identifier: Apache-2.0
"""A sample: who is in it, what it says, and when it is certain enough."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.events import DeliveryResult
from airflow_provider_aliyunsms.delivery.sampling import draw, wilson
from airflow_provider_aliyunsms.delivery.state import Tally
from airflow_provider_aliyunsms.delivery.tracking import scan
from airflow_provider_aliyunsms.delivery.verdict import Verdict, error_of, judge

sizes = st.integers(min_value=1, max_value=100_000)


@st.composite
def shares(draw_from):
    asked = draw_from(sizes)
    return draw_from(st.integers(0, asked)), asked


@given(shares())
def test_an_interval_holds_the_share_and_stays_between_0_and_1(share):
    hits, asked = share
    low, high = wilson(hits=hits, asked=asked)
    assert 0 <= low <= hits / asked <= high <= 1
    assert low < high
    assert (low == 0) == (hits == 0)
    assert (high == 1) == (hits == asked)


@given(shares())
def test_an_interval_is_the_same_seen_from_the_other_side(share):
    hits, asked = share
    low, high = wilson(hits=hits, asked=asked)
    assert wilson(hits=asked - hits, asked=asked) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(shares())
def test_more_hits_move_it_up_and_more_questions_make_it_narrower(share):
    hits, asked = share
    found = wilson(hits=hits, asked=asked)
    if hits < asked:
        better = wilson(hits=hits + 1, asked=asked)
        assert better.low > found.low
        assert better.high >= found.high
    wider = wilson(hits=4 * hits, asked=4 * asked)
    assert wider.high - wider.low < found.high - found.low


@given(shares())
def test_its_ends_are_where_the_share_is_just_believable(share):
    """Wilson's definition: at each end the share found lies 1.96 standard errors away."""
    hits, asked = share
    for end in wilson(hits=hits, asked=asked):
        assume(0 < end < 1)
        error = math.sqrt(end * (1 - end) / asked)
        assert abs(hits / asked - end) / error == pytest.approx(1.96, abs=1e-3)


def test_textbook_values():
    assert wilson(hits=0, asked=0) == (0.0, 1.0)
    assert wilson(hits=81, asked=263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(hits=0, asked=20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def drawn(kit, campaigns, sample_size):
    everyone = [scan(campaign=each, open_receipts=None) for each in campaigns]
    found = draw(campaigns=campaigns, everyone=everyone, sample_size=sample_size)
    return {(part, n) for part, each in enumerate(found) for n in range(1000) if each.is_pending(n)}


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=4), size=st.integers(1, 200))
def test_a_sample_has_its_size_and_is_always_the_same(kit, counts, size):
    campaigns = watched(
        [
            kit.xcom(
                [kit.receipt(n, outcome="accepted" if i % 3 else "rejected") for i, n in enumerate(numbers)],
                campaign_id=f"c{part}",
            )
            for part, numbers in enumerate(kit.numbers(count) for count in counts)
        ]
    )
    campaigns = [each for each in campaigns if each.accepted]
    everyone = drawn(kit, campaigns, None)
    sample = drawn(kit, campaigns, size)
    assert sample <= everyone
    assert len(sample) == min(size, len(everyone))
    assert drawn(kit, campaigns, size) == sample


def test_everyone_is_drawn_about_equally_often(kit):
    receipts = [kit.receipt(n) for n in kit.numbers(50)]
    times = Counter()
    for number in range(400):
        times.update(drawn(kit, watched(kit.xcom(receipts, digest=f"d{number}")), 10))
    assert len(times) == 50
    # 80 each, give or take five standard deviations; the seeds are fixed, so this never changes
    assert all(40 < count < 120 for count in times.values())


def test_only_the_sample_is_asked(kit, carrier):
    carrier.fates = dict.fromkeys(kit.numbers(300), "DELIVERED")
    watch = kit.watch_for([kit.receipt(n) for n in kit.numbers(300)], carrier, sample_size=40)
    assert watch.look(now=lambda: kit.FINISHED_AT) is Verdict.SUCCESS
    assert len(carrier.asked) == 40
    assert watch.ending(Verdict.SUCCESS).as_xcom() == {
        "campaign_id": "spring",
        "estimated": True,
        "accepted": 300,
        "sample_size": 40,
        "delivered_ratio": 1.0,
        "delivered_ratio_interval": [pytest.approx(0.9124, abs=1e-4), 1.0],
        "sample": {"delivered": 40, "failed": 0, "pending": 0, "errors": {}},
        "calls": 40,
    }


@pytest.mark.parametrize("sample_size", [3, 4])
def test_a_sample_of_everyone_is_no_estimate(kit, carrier, sample_size):
    watch = kit.watch_for([kit.receipt(n) for n in kit.numbers(3)], carrier, sample_size=sample_size)
    watch.look(now=lambda: kit.FINISHED_AT)
    assert watch.ending(Verdict.SUCCESS).as_xcom() == {
        "campaign_id": "spring",
        "delivered": 0,
        "failed": 0,
        "pending": 3,
        "errors": {},
        "calls": 3,
    }


@given(
    tally=st.builds(Tally, *[st.integers(0, 2000)] * 3), percent=st.integers(0, 100), expired=st.booleans()
)
def test_the_parts_of_a_sample_add_up(tally, percent, expired):
    verdict = judge(tally=tally, ratio=percent / 100, expired=expired, estimated=True)
    ending = DeliveryResult(verdict=verdict, campaign_id="c", tally=tally, population=10_000)
    if tally.accepted:
        found = ending.as_xcom()
        sample = found["sample"]
        assert sample["delivered"] + sample["failed"] + sample["pending"] == found["sample_size"]
        low, high = found["delivered_ratio_interval"]
        assert low <= found["delivered_ratio"] <= high
        assert not {"delivered", "failed", "pending", "errors"} & set(found)


@pytest.mark.parametrize(
    ("tally", "expired", "verdict"),
    [
        pytest.param((960, 0, 40), False, Verdict.WAIT, id="the share is reached, the interval is not"),
        pytest.param((970, 0, 30), False, Verdict.SUCCESS, id="the whole interval is"),
        pytest.param((0, 55, 945), False, Verdict.WAIT, id="the share is missed, the interval not yet"),
        pytest.param((0, 70, 930), False, Verdict.TOO_FEW, id="the whole interval is missed"),
        pytest.param((950, 0, 50), True, Verdict.SUCCESS, id="deadline: the share decides"),
        pytest.param((949, 0, 51), True, Verdict.TIMED_OUT, id="deadline: the share is missed"),
        pytest.param((950, 50, 0), False, Verdict.SUCCESS, id="nothing pending: the share decides"),
        pytest.param((949, 51, 0), False, Verdict.TOO_FEW, id="nothing pending: the share is missed"),
    ],
)
def test_a_sample_ends_early_only_when_its_interval_is_on_one_side(tally, expired, verdict):
    counts = Tally(*tally)
    found = judge(tally=counts, ratio=0.95, expired=expired, stop_when_reached=True, estimated=True)
    assert found is verdict


def test_an_error_says_that_it_is_an_estimate():
    error = error_of(verdict=Verdict.TIMED_OUT, tally=Tally(10, 5, 85), ratio=0.9, population=70_000)
    assert "a sample of 100 of 70000 accepted messages" in str(error)
    assert "5.52% to 17.44%" in str(error)
