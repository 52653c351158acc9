# SPDX-License-Identifier: Apache-2.0
"""
Processes that are lost and come back: the script in a real Redis, by a time that the tests set.

Whatever happens, the calls that may still count are never more than the limit.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pace_places import LIMIT, TimedStore

LASTS, SPAN, LONG_CALL = 5.0, 1.0, 20.0


@pytest.fixture
def store(client):
    return TimedStore(client)


def ask(store, holder, *, wanted=LIMIT, **more):
    return store.ask(holder, wanted=wanted, **{"lasts": LASTS, "grace": LONG_CALL, **more})


def usable(grant):
    return min(grant.share, grant.held - sum(places for places, _ in grant.coming))


def settled(store, *holders, **more):
    """Let processes exchange as they do, until each holds its share; gives the last grant of each."""
    grants = {}
    for _ in range(3):
        for holder in holders:
            grant = ask(store, holder, **more)
            if grant.held > grant.share:
                grant = ask(store, holder, keeps=grant.share, free_in=SPAN, **more)
            grants[holder] = grant
        store.now += SPAN
    return grants


def test_one_that_lapses_does_not_get_as_its_own_what_another_lost_one_may_still_use(store):
    ask(store, "a", limit=4)
    store.now += LASTS + LONG_CALL - 0.2
    # So near by now that they are handed out.
    second = ask(store, "b", limit=4)
    ((places, wait),) = second.coming
    assert (second.held, places) == (4, 4)
    store.now += 0.5
    ask(store, "b", limit=4, lasts=0.2)
    store.now += 0.3
    again = ask(store, "b", limit=4)
    assert usable(again) == 0
    assert sum(places for places, _ in again.coming) == 4
    assert min(wait for _, wait in again.coming) == pytest.approx(wait - 0.8)


def test_a_third_one_gets_the_places_of_two_lost_ones_when_the_later_calls_have_arrived(store):
    ask(store, "a", limit=4)
    store.now += LASTS + LONG_CALL - 0.4
    (one,) = ask(store, "b", limit=4, lasts=0.2, grace=0.1).coming
    # It is lost before it may use them, and its own calls would be sooner there.
    store.now += 0.2
    third = ask(store, "c", limit=4)
    assert usable(third) == 0
    assert min(wait for _, wait in third.coming) == pytest.approx(one[1] - 0.2)


def test_what_is_given_back_before_it_may_be_used_is_not_counted_twice(store):
    first = ask(store, "a")
    assert first.held == LIMIT
    ask(store, "b")
    ask(store, "a", keeps=5, free_in=1.0)
    second = ask(store, "b")
    assert second.coming == ((5, pytest.approx(1.0)),)
    store.now += 0.1
    ask(store, "c")
    second = ask(store, "b", keeps=ask(store, "b").share)
    assert sum(places for places, _ in second.coming) == second.held == 3
    # Those given back keep their own time.
    third = ask(store, "c")
    assert third.coming == ((2, pytest.approx(0.9)),)


def test_of_what_may_not_be_used_yet_the_last_places_are_given_back_first(store):
    """After a lost response the process goes by what it knew, which must allow no more at any moment."""
    ask(store, "a")
    ask(store, "b")
    ask(store, "a", keeps=8, free_in=0.4)
    ask(store, "b")
    ask(store, "a", keeps=5, free_in=1.2)
    assert ask(store, "b").coming == ((2, pytest.approx(0.4)), (3, pytest.approx(1.2)))
    ask(store, "c")
    assert ask(store, "b", keeps=3).coming == ((2, pytest.approx(0.4)), (1, pytest.approx(1.2)))


def test_after_a_loss_an_alert_goes_first_and_a_newcomer_stops_nobody(store):
    settled(store, "a", "b")
    # From here on nobody hears of "a" any more.
    for _ in range(6):
        survivor = ask(store, "b")
        store.now += SPAN
    assert survivor.held == usable(survivor) == 5
    settled(store, "b", "c")
    assert sorted(usable(ask(store, campaign)) for campaign in "bc") == [2, 3]
    began = store.now
    alert = ask(store, "alert", wanted=1, urgent=True)
    while usable(alert) < 1:
        for campaign in "bc":
            grant = ask(store, campaign)
            if grant.held > grant.share:
                ask(store, campaign, keeps=grant.share, free_in=SPAN)
            assert usable(grant) >= 1
        store.now += 0.2
        alert = ask(store, "alert", wanted=1, urgent=True)
    assert store.now - began < 2.0
    # When the last call of the lost one has arrived, its places are shared as well.
    store.now = began + LASTS + LONG_CALL + 2 * SPAN
    settled(store, "b", "c")
    assert sum(usable(ask(store, campaign)) for campaign in "bc") == LIMIT


def test_places_of_a_lost_process_are_handed_out_as_soon_as_they_are_near(store):
    ask(store, "a", limit=1)
    store.now += LASTS + LONG_CALL - 1.0
    assert ask(store, "b", limit=1).held == 0
    store.now += 1.0
    second = ask(store, "b", limit=1)
    assert second.coming == ((1, pytest.approx(1.0)),)
    store.now += 1.0
    assert usable(ask(store, "b", limit=1)) == 1


@dataclass
class Holder:
    """
    One process, and the calls with which it may burden the gateway.

    :ivar coming: places that it may not use yet, each with the time from which on it may.
    :ivar lost: calls that it may have made with places that ended, each with the time until which they may count.
    :ivar given: the same of places that it gave back.
    """

    grace: float
    held: int = 0
    share: int = 0
    ends: float = 0.0
    coming: list = field(default_factory=list)
    lost: list = field(default_factory=list)
    given: list = field(default_factory=list)

    def usable(self, now):
        return max(0, self.held - sum(places for places, at in self.coming if at > now))

    def lapse(self, now):
        if self.held and self.ends <= now:
            if calls := self.usable(self.ends):
                self.lost.append((calls, self.ends + SPAN + self.grace))
            self.held, self.share, self.coming = 0, 0, []

    def still_lost(self, now):
        """Return how many calls of ended places may still count; they are the same ones, again and again."""
        return max((calls for calls, until in self.lost if until > now), default=0)

    def burden(self, now):
        calls = max(self.usable(now), self.still_lost(now))
        return calls + sum(calls for calls, until in self.given if until > now)

    def give(self, keeps, free_in, *, now):
        """Note the calls made with places that are given back, also with those that ended before."""
        before, lost = self.usable(now), self.still_lost(now)
        if keeps < before:
            self.given.append((before - keeps, now + free_in))
        if lost > max(before, keeps):
            last = max(until for _, until in self.lost)
            self.given.append((lost - max(before, keeps), min(last, now + free_in)))
        self.lost = [(min(calls, keeps), until) for calls, until in self.lost]

    def take(self, grant, *, now, ends):
        self.held, self.share, self.ends = grant.held, grant.share, ends
        self.coming = [(places, now + wait) for places, wait in grant.coming]


KEYS = itertools.count()
STEPS = st.tuples(
    st.sampled_from([0.05, 0.2, 0.2, 1.0, 1.0, 3.0, 5.5, 8.0]),
    st.sampled_from("abcd"),
    st.sampled_from([0, 1, 3, LIMIT, LIMIT, LIMIT]),
    st.one_of(st.none(), st.floats(0.0, SPAN)),
    st.sampled_from([LIMIT, LIMIT, LIMIT, 7]),
    # Some end before places that are near by now may be used.
    st.sampled_from([LASTS, LASTS, LASTS, 0.7, 0.1]),
)


# Not made shorter where it fails: that would take minutes.
@settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(STEPS, min_size=30, max_size=60), graces=st.lists(st.sampled_from([1.0, 20.0]), min_size=4)
)
def test_whoever_is_lost_and_comes_back_no_more_calls_count_than_there_may_be(client, steps, graces):
    store = TimedStore(client, key=f"pace{next(KEYS)}")
    holders = {name: Holder(grace) for name, grace in zip("abcd", graces, strict=False)}
    for passes, name, wanted, free_in, limit, lasts in steps:
        store.now = round(store.now + passes, 3)
        for each in holders.values():
            each.lapse(store.now)
        one, now = holders[name], store.now
        demand = {"wanted": wanted, "limit": limit, "grace": one.grace, "urgent": name == "d"}
        if free_in is not None and one.held > one.share:
            demand |= {"keeps": one.share, "free_in": free_in}
            one.give(one.share, free_in, now=now)
        before = min(one.held, demand.get("keeps", LIMIT))
        grant = store.ask(name, lasts=lasts, **demand)
        one.take(grant, now=now, ends=now + lasts)
        assert sum(places for places, _ in grant.coming) <= grant.held
        assert before <= grant.held
        assert sum(each.held for each in holders.values()) <= LIMIT
        assert sum(each.burden(now) for each in holders.values()) <= LIMIT
