# SPDX-License-Identifier: Apache-2.0
"""The limit that processes share: what the script in a real Redis gives to whom, and what a process makes of it."""

from __future__ import annotations

import itertools
import json
import math
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from launcher.processes import stays, wait_for
from pace_places import LIMIT, LONG, Store

from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.pacing import (
    AccountPace,
    CommonPace,
    PaceMember,
    RedisPaceStore,
    account,
    redis_store,
)
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter, QueryLimits
from airflow_provider_aliyunsms.exceptions import NotSentError, PaceError

redis = pytest.importorskip("redis")


@pytest.fixture
def store(client):
    return Store(client)


def test_one_gets_all_and_a_second_one_its_half_as_soon_as_the_calls_of_the_first_do_not_count(store):
    first = store.ask("a", wanted=LIMIT)
    assert (first.held, first.coming, first.share) == (LIMIT, (), LIMIT)
    second = store.ask("b", wanted=LIMIT)
    assert (second.held, second.share) == (0, 5)
    assert store.ask("a", wanted=LIMIT).share == 5
    assert store.ask("a", wanted=LIMIT, keeps=5, free_in=0.7).held == 5
    second = store.ask("b", wanted=LIMIT)
    ((places, wait),) = second.coming
    assert places == second.held == 5
    assert 0.5 < wait <= 0.7


def test_a_response_that_was_lost_changes_nothing(store):
    store.ask("a", wanted=LIMIT)
    store.ask("b", wanted=LIMIT)
    for _ in range(3):
        assert store.ask("a", wanted=LIMIT, keeps=5, free_in=0.7).held == 5
    for _ in range(3):
        second = store.ask("b", wanted=LIMIT)
        assert (second.held, [places for places, _ in second.coming]) == (5, [5])
    # Also when they are given back before they could be used.
    store.ask("b", wanted=0, keeps=0)
    first = store.ask("a", wanted=LIMIT)
    ((places, wait),) = first.coming
    assert (first.held, places) == (LIMIT, 5)
    assert wait > 0.5


def test_who_wants_little_leaves_the_rest_to_the_others(store):
    store.ask("a", wanted=2)
    assert store.ask("b", wanted=LIMIT).held == 8
    store.ask("a", wanted=0, keeps=0)
    assert store.ask("b", wanted=LIMIT).held == LIMIT


def test_of_more_processes_than_places_each_has_its_turn(store, monkeypatch):
    monkeypatch.setattr(redis_store, "TURN", 0.2)
    assert store.ask("a", wanted=1, limit=1, span=0.1).held == 1
    for other in "bc":
        assert store.ask(other, wanted=1, limit=1, span=0.1).share == 0
    assert store.ask("a", wanted=1, limit=1, span=0.1).share == 1
    time.sleep(0.2)
    assert store.ask("a", wanted=1, limit=1, span=0.1).share == 0
    store.ask("a", wanted=1, limit=1, keeps=0, span=0.1)
    assert store.ask("c", wanted=1, limit=1, span=0.1).held == 0
    assert store.ask("b", wanted=1, limit=1, span=0.1).held == 1


def test_a_place_too_few_for_equal_shares_goes_round(store, monkeypatch):
    monkeypatch.setattr(redis_store, "TURN", 0.2)
    assert store.ask("a", wanted=3, limit=3, span=0.1).held == 3
    assert store.ask("b", wanted=3, limit=3, span=0.1).share == 1
    store.ask("a", wanted=3, limit=3, span=0.1)
    store.ask("a", wanted=3, limit=3, keeps=2, span=0.1)
    assert store.ask("b", wanted=3, limit=3, span=0.1).held == 1
    time.sleep(0.2)
    assert store.ask("a", wanted=3, limit=3, span=0.1).share == 1
    store.ask("a", wanted=3, limit=3, keeps=1, span=0.1)
    assert store.ask("b", wanted=3, limit=3, span=0.1).held == 2
    # Not at once back again.
    assert store.ask("b", wanted=3, limit=3, span=0.1).share == 2


def test_an_urgent_demand_gets_the_place_of_the_one_whose_turn_it_is(store):
    assert store.ask("campaign", wanted=1, limit=1).held == 1
    assert store.ask("other campaign", wanted=1, limit=1).share == 0
    first = store.ask("alert", wanted=1, limit=1, urgent=True)
    assert (first.held, first.share) == (0, 1)
    assert store.ask("campaign", wanted=1, limit=1).share == 0
    assert store.ask("campaign", wanted=1, limit=1, keeps=0, free_in=0.6).held == 0
    # Not the campaign that has waited for longer.
    assert store.ask("other campaign", wanted=1, limit=1).held == 0
    first = store.ask("alert", wanted=1, limit=1, urgent=True)
    ((places, wait),) = first.coming
    assert (first.held, places) == (1, 1)
    assert 0.3 < wait <= 0.6
    store.ask("alert", wanted=0, limit=1, urgent=True, keeps=0)
    assert store.ask("campaign", wanted=1, limit=1).held == 1


def test_urgent_demands_leave_the_rest_and_one_place_to_the_others(store):
    assert store.ask("alert", wanted=3, urgent=True).held == 3
    assert store.ask("campaign", wanted=LIMIT).held == 7
    assert store.ask("alert", wanted=LIMIT, urgent=True).share == LIMIT - 1
    assert store.ask("campaign", wanted=LIMIT).share == 1
    store.ask("campaign", wanted=0, keeps=0)
    assert store.ask("alert", wanted=LIMIT, urgent=True).held == LIMIT


def test_urgent_demands_are_fair_among_themselves(store, monkeypatch):
    monkeypatch.setattr(redis_store, "TURN", 0.2)
    assert store.ask("a", wanted=6, urgent=True, span=0.1).held == 6
    assert store.ask("b", wanted=6, urgent=True, span=0.1).share == 5
    assert store.ask("a", wanted=6, urgent=True, span=0.1).share == 5
    # One place for several goes round, as among campaigns.
    assert store.ask("c", wanted=1, limit=1, urgent=True, span=0.1).share == 0
    store.ask("b", wanted=0, keeps=0, urgent=True, span=0.1)
    store.ask("a", wanted=1, limit=1, keeps=1, urgent=True, span=0.1)
    time.sleep(0.2)
    assert store.ask("a", wanted=1, limit=1, urgent=True, span=0.1).share == 0
    store.ask("a", wanted=1, limit=1, keeps=0, urgent=True, span=0.1)
    assert store.ask("c", wanted=1, limit=1, urgent=True, span=0.1).held == 1


def test_a_campaign_that_gives_way_to_an_alert_does_not_begin_a_new_turn(store, monkeypatch):
    monkeypatch.setattr(redis_store, "TURN", 1.0)
    assert store.ask("a", wanted=1, limit=1, span=0.5).held == 1
    assert store.ask("b", wanted=1, limit=1, span=0.5).share == 0
    store.ask("alert", wanted=1, limit=1, urgent=True, span=0.5)
    store.ask("a", wanted=1, limit=1, keeps=0, span=0.5)
    store.ask("alert", wanted=1, limit=1, urgent=True, span=0.5)
    time.sleep(0.7)
    store.ask("alert", wanted=0, limit=1, keeps=0, urgent=True, span=0.5)
    assert store.ask("a", wanted=1, limit=1, span=0.5).held == 1
    time.sleep(0.4)
    assert store.ask("a", wanted=1, limit=1, span=0.5).share == 0


def test_a_demand_that_arrives_behind_a_later_one_is_refused(store):
    store.ask("a", wanted=LIMIT, number=1000)
    for late in (1000, 999):
        with pytest.raises(redis.ResponseError, match="a later demand"):
            store.ask("a", wanted=0, keeps=0, number=late)
    assert store.ask("a", wanted=LIMIT, number=1001).held == LIMIT
    # Also when it is done: nobody would give these places back.
    store.ask("a", wanted=0, keeps=0, number=1003)
    with pytest.raises(redis.ResponseError, match="a later demand"):
        store.ask("a", wanted=LIMIT, number=1002)
    assert store.ask("b", wanted=LIMIT).held == LIMIT


def test_who_wants_nothing_more_sets_no_limit_and_comes_back_to_the_end_of_the_line(store):
    for holder in "ab":
        store.ask(holder, wanted=1, limit=1, span=9.0)
        store.ask(holder, wanted=0, keeps=0, limit=1, span=9.0)
    other = store.ask("other", wanted=LIMIT)
    assert (other.held, other.limit, other.span) == (LIMIT, LIMIT, 1.0)
    store.ask("other", wanted=1, limit=1, keeps=1)
    # "a" was here before "c", but not for this turn.
    for holder in "ca":
        assert store.ask(holder, wanted=1, limit=1).share == 0
    store.ask("other", wanted=0, limit=1, keeps=0)
    assert store.ask("a", wanted=1, limit=1).share == 0
    assert store.ask("c", wanted=1, limit=1).held == 1


def test_below_one_call_a_second_a_turn_is_as_long_as_two_calls(store, monkeypatch):
    monkeypatch.setattr(redis_store, "TURN", 0.1)
    assert store.ask("a", wanted=1, limit=1, span=0.3).held == 1
    assert store.ask("b", wanted=1, limit=1, span=0.3).share == 0
    time.sleep(0.3)
    assert store.ask("a", wanted=1, limit=1, span=0.3).share == 1
    time.sleep(0.3)
    assert store.ask("a", wanted=1, limit=1, span=0.3).share == 0


def test_the_longest_rate_window_holds_for_all(store):
    store.ask("a", wanted=1, limit=1, span=2.015)
    assert store.ask("b", wanted=1, limit=1, span=1.015).span == 2.015


def test_the_lower_of_two_limits_holds_for_both(store):
    store.ask("a", wanted=LIMIT)
    lower = store.ask("b", wanted=LIMIT, limit=4)
    assert (lower.held, lower.limit, lower.share) == (0, 4, 2)
    first = store.ask("a", wanted=LIMIT)
    assert (first.held, first.limit, first.share) == (LIMIT, 4, 2)
    store.ask("a", wanted=LIMIT, keeps=2)
    assert store.ask("b", wanted=LIMIT, limit=4).held == 2


def test_places_of_a_process_that_was_lost_come_back_when_its_last_call_has_arrived(store):
    store.ask("a", wanted=LIMIT, lasts=0.2, grace=0.2)
    assert store.ask("b", wanted=LIMIT).held == 0
    time.sleep(0.2)
    second = store.ask("b", wanted=LIMIT)
    ((places, wait),) = second.coming
    assert places == second.held == LIMIT
    assert 0.5 < wait <= 1.0 + 0.2
    # It was only slow, and comes back with nothing.
    assert store.ask("a", wanted=LIMIT).held == 0


def test_a_process_that_was_out_of_reach_gets_back_what_nobody_has_taken(store):
    store.ask("a", wanted=LIMIT, lasts=0.2, grace=0.2)
    time.sleep(0.2)
    assert store.ask("b", wanted=4).held == 4
    again = store.ask("a", wanted=6)
    assert (again.held, again.coming) == (6, ())


def test_a_server_that_may_have_forgotten_the_holders_gives_nobody_anything(store, server):
    store.ask("a", wanted=LIMIT, lasts=1.0)
    server.kill()
    server.start()
    grant = store.ask("b", wanted=LIMIT, lasts=1.0)
    assert grant.held == 0
    assert 3.5 < grant.opens_in <= 1.0 + 1.0 + redis_store.GRACE


KEYS = itertools.count()
STEPS = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 12),
    st.one_of(st.none(), st.integers(0, 12)),
    st.floats(0, 1),
    st.sampled_from([LIMIT, LIMIT, 7]),
    st.booleans(),
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=25))
def test_whatever_they_ask_no_more_is_given_out_than_there_is(client, steps):
    store, held = Store(client, key=f"pace{next(KEYS)}"), {}
    for holder, wanted, keeps, free_in, limit, urgent in steps:
        before = held.get(holder, 0) if keeps is None else min(held.get(holder, 0), keeps)
        more = {"free_in": free_in, "limit": limit, "urgent": urgent}
        grant = store.ask(holder, wanted=wanted, keeps=keeps, **more)
        held[holder] = grant.held
        assert before <= grant.held <= max(before, grant.share)
        assert sum(held.values()) <= LIMIT
        if grant.held > before:
            assert sum(held.values()) <= grant.limit


@pytest.fixture
def quick(monkeypatch):
    for name, seconds in {"LASTS": 1.0, "EARLY": 0.2, "RENEW_EVERY": 0.2, "RETRY_EVERY": 0.1}.items():
        monkeypatch.setattr(account, name, seconds)


def pace_of(client, **changes):
    store = RedisPaceStore(client=client, key="pace", name="redis_default")
    return AccountPace(store=store, clock=Clock(), **{"limit": LIMIT, **changes})


def now():
    return Clock().monotonic()


def test_places_that_cannot_be_renewed_are_not_used(client, server, quick):
    Store(client)
    with pace_of(client) as pace:
        assert pace.wait_time(now=now()) == math.inf
        wait_for(lambda: pace.wait_time(now=now()) == 0, timeout=10, what="it has places")
        assert pace.take(now=now()) == 0
        assert pace.may_begin(pace.taken_in)
        server.freeze()
        try:
            wait_for(lambda: pace.wait_time(now=now()) == math.inf, timeout=10, what="its places are over")
            assert not pace.may_begin(pace.taken_in)
            pace.check(patience=LONG)
            with pytest.raises(
                NotSentError, match="connection 'redis_default' has not been reached"
            ) as raised:
                wait_for(lambda: pace.check(patience=0.1), timeout=10, what="it gives up")
            assert "pace_conn_id" in raised.value.advice
        finally:
            server.thaw()
        wait_for(lambda: pace.wait_time(now=now()) == 0, timeout=20, what="it has places again")
        pace.check(patience=0.0)
        # What was counted before the places were lost must not leave now.
        assert not pace.may_begin(pace.taken_in)


def test_of_places_that_ended_before_they_could_be_used_nothing_is_expected(client, server, quick):
    store = Store(client)
    store.ask("other", wanted=LIMIT)
    with pace_of(client) as pace:
        pace.wait_time(now=now())
        wait_for(
            lambda: holders(client).get("other") and len(holders(client)) == 2, timeout=10, what="it asks"
        )
        # So that they could be used only after they have ended.
        store.ask("other", wanted=0, keeps=0, span=1.4, free_in=1.8)
        wait_for(lambda: 0 < pace.wait_time(now=now()) < math.inf, timeout=10, what="it has places for later")
        server.freeze()
        try:
            wait_for(lambda: pace.wait_time(now=now()) == math.inf, timeout=10, what="its places are over")
            stays(lambda: pace.wait_time(now=now()) == math.inf, seconds=1.2, what="it waits for the store")
        finally:
            server.thaw()


def test_a_process_that_ends_gives_its_places_to_the_others_once_its_calls_do_not_count(client, quick):
    store = Store(client)
    with pace_of(client) as pace:
        wait_for(lambda: pace.wait_time(now=now()) == 0, timeout=10, what="it has places")
        assert pace.take(now=now()) == 0
        pace.end(started=now(), now=now())
    other = store.ask("other", wanted=LIMIT)
    assert other.held == LIMIT
    assert other.coming
    assert all(0.8 < wait <= 1.1 for _, wait in other.coming)


def test_a_process_that_wants_no_call_leaves_its_places_to_the_others(client, quick, monkeypatch):
    monkeypatch.setattr(account, "WANTED_FOR", 0.3)
    store = Store(client)
    with pace_of(client) as pace:
        wait_for(lambda: pace.wait_time(now=now()) == 0, timeout=10, what="it has places")
        wait_for(
            lambda: store.ask("other", wanted=LIMIT).held == LIMIT, timeout=10, what="the other one has all"
        )
        assert pace.wait_time(now=now()) == math.inf


def test_a_process_asks_for_no_more_than_it_may_use(client, quick):
    store = Store(client)
    with pace_of(client, most=2.5) as pace:
        wait_for(lambda: pace.wait_time(now=now()) == 0, timeout=10, what="it has places")
        assert store.ask("other", wanted=LIMIT).held == LIMIT - 3


def test_a_place_that_a_call_is_counted_for_is_not_given_away(client, quick, monkeypatch):
    monkeypatch.setattr(account, "WANTED_FOR", 0.2)
    store = Store(client)
    with pace_of(client, limit=1) as pace:
        wait_for(lambda: pace.take(now=now()) == 0, timeout=10, what="it has the place")
        began = now()
        # Its ledger is slow, and another process wants the place all the time.
        while now() < began + 1.5:
            assert store.ask("other", wanted=1, limit=1).held == 0
            time.sleep(0.05)
        assert pace.may_begin(pace.taken_in)
        pace.end(started=began, now=now())
        wait_for(lambda: store.ask("other", wanted=1, limit=1).held == 1, timeout=10, what="the other has it")


def test_many_threads_wait_for_their_places_and_none_is_counted_twice(client, quick):
    Store(client)
    made = []

    def work():
        with pace.call(patience=20.0):
            made.append(now())

    with pace_of(client, limit=4) as pace:
        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    made.sort()
    assert len(made) == 12
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(made[::4]))


def test_a_call_whose_place_ended_right_after_it_was_taken_waits_for_another_one(client, quick):
    Store(client)
    with pace_of(client) as pace:
        wait_for(lambda: pace.wait_time(now=now()) == 0, timeout=10, what="it has places")
        take, terms = pace.take, []

        def stand_still(*, now):
            wait = take(now=now)
            if wait <= 0 and not terms:
                pace._holding.until = now
            terms.append(pace._holding.term)
            return wait

        pace.take = stand_still
        with pace.call(patience=10.0):
            assert pace.may_begin(pace.taken_in)
        assert len(terms) > 1
        assert terms[-1] > terms[0]
        assert pace._window._flying == 0


def test_calls_that_open_a_connection_are_no_measure_of_the_way(client, quick):
    Store(client)
    member = PaceMember(common=CommonPace(), make=lambda: pace_of(client))
    limiter = QueryLimiter(limits=QueryLimits(max_qps=None))
    for context in (
        lambda: member.call(patience=10.0, should_stop=lambda: False),
        lambda: limiter.query(member),
    ):
        window = member.joined()._window
        for number in range(6):
            with context():
                departures.opened += number < 3
                assert window.lead == 0.0
        assert 0.0 < window.lead < 0.1
        member.leave()


def test_a_call_that_gets_no_place_in_time_is_not_made(client, quick):
    store = Store(client)
    store.ask("other", wanted=LIMIT)
    with pace_of(client) as pace:
        with pytest.raises(PaceError, match="no room for this call within 1 s"), pace.call(patience=0.6):
            raise AssertionError
        stopped = pace.call(patience=600.0, should_stop=lambda: True)
        with pytest.raises(PaceError, match="its task ends"), stopped:
            raise AssertionError
    with pytest.raises(PaceError, match="its task ends"), pace.call(patience=600.0):
        raise AssertionError


def test_an_error_for_want_of_the_store_names_it(client, quick, server):
    Store(client)
    server.freeze()
    try:
        with pace_of(client) as pace:
            call = pace.call(patience=1.0)
            with pytest.raises(
                PaceError, match="the connection 'redis_default' has not been reached"
            ) as raised:
                call.__enter__()
    finally:
        server.thaw()
    assert "'redis_default' (pace_conn_id)" in raised.value.advice


def holders(client):
    """Return what each holds; a process that is done keeps nothing but the number of its last demand."""
    found = json.loads(client.get("pace"))["holders"]
    return {name: each["places"] for name, each in found.items() if each["places"] or each["wanted"]}


def test_all_in_one_process_are_one_process_to_the_store(client, quick):
    Store(client)
    made, common = [], CommonPace()

    def make():
        made.append(pace_of(client))
        return made[-1]

    members = [PaceMember(common=common, make=make) for _ in range(3)]
    for member in members:
        with member.call(patience=10.0, should_stop=lambda: False):
            pass
    assert len(made) == 1
    assert list(holders(client).values()) == [LIMIT]
    members[0].leave()
    members[0].leave()
    members[1].close()
    with members[2].call(patience=10.0, should_stop=lambda: False):
        pass
    with pytest.raises(PaceError, match="its task ends"):
        members[1].joined()
    members[2].leave()
    # The last one gave the places back.
    assert holders(client) == {}
    with members[0].call(patience=10.0, should_stop=lambda: False):
        pass
    assert len(made) == 2
    members[0].close()
    assert holders(client) == {}


def test_a_process_that_is_done_leaves_no_connection_to_the_server(client, quick):
    Store(client)
    before = len(client.client_list())
    store = RedisPaceStore(
        client=redis.Redis(port=client.get_connection_kwargs()["port"]), key="pace", name="x"
    )
    for _ in range(2):
        with AccountPace(store=store, clock=Clock(), limit=LIMIT) as pace, pace.call(patience=10.0):
            assert len(client.client_list()) == before + 1
        wait_for(lambda: len(client.client_list()) == before, timeout=10, what="its connection is closed")


def test_the_end_of_one_pace_does_not_cut_off_another_one_with_the_same_client(client, server):
    store, answers = Store(client), []
    thread = threading.Thread(target=lambda: answers.append(store.ask("a", wanted=LIMIT)))
    server.freeze()
    try:
        thread.start()
        wait_for(lambda: client.connection_pool._in_use_connections, timeout=5, what="it asks")
        # Its demand is on its way by then; before that it would open another connection.
        time.sleep(0.2)
        RedisPaceStore(client=client, key="pace", name="x").hang_up()
    finally:
        server.thaw()
    thread.join(10)
    assert [answer.held for answer in answers] == [LIMIT]
