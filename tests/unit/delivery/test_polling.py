# SPDX-License-Identifier: Apache-2.0
"""Rounds: who is asked, how fast, and what an outage does."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.polling import GIVE_UP_AFTER, next_wait
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    AudienceError,
    CampaignDoomedError,
    ConnectionNotMadeError,
    PaceError,
    RequestRefusedError,
    ThrottledError,
)

seconds = st.floats(min_value=0, max_value=1e6)


def test_a_round_asks_only_for_the_pending(kit, carrier):
    delivered, failed, pending = kit.numbers(3)
    carrier.fates = {delivered: "DELIVERED", failed: "MOBILE_IN_BLACK"}
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in kit.numbers(3)])), carrier)
    assert poller.round().asked == 3
    assert poller.round().asked == 1
    assert carrier.asked == {delivered: 1, failed: 1, pending: 2}
    tally = poller.tally
    assert (tally.delivered, tally.failed, tally.pending) == (1, 1, 1)
    assert tally.errors == {"MOBILE_IN_BLACK": 1}


def test_a_file_is_read_again_and_only_pending_lines_count(kit, carrier):
    receipts = [kit.receipt(n) for n in kit.numbers(4)]
    receipts[1]["outcome"] = "skipped"
    opener = kit.file_of(receipts)
    campaigns = watched(kit.xcom(receipts, path="file:///receipts.jsonl"))
    poller = kit.poller_for(campaigns, carrier, open_receipts=opener)
    carrier.fates[kit.numbers(4)[0]] = "DELIVERED"
    assert poller.round().asked == 3
    assert poller.round().asked == 2
    assert opener.opened == 3
    assert carrier.asked[kit.numbers(4)[1]] == 0


def test_the_answers_of_concurrent_calls_find_their_message(kit, carrier):
    everyone = kit.numbers(500)
    codes = {n: ("DELIVERED", "NO_ROUTE", "PENDING")[i % 3] for i, n in enumerate(everyone)}
    carrier.fates = codes
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier)
    poller.round()
    poller.round()
    assert {n for n, times in carrier.asked.items() if times == 2} == {
        n for n, code in codes.items() if code == "PENDING"
    }
    assert poller.tally.delivered == 167


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("busy"),
        ConnectionNotMadeError("refused"),
        AmbiguousOutcomeError("cut"),
        RequestRefusedError("bad number"),
    ],
)
def test_a_message_without_an_answer_stays_pending(kit, carrier, error):
    broken, fine = kit.numbers(2)
    carrier.fates = {broken: error, fine: "DELIVERED"}
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(broken), kit.receipt(fine)])), carrier)
    report = poller.round()
    assert (report.asked, report.unanswered, report.failed) == (2, 1, False)
    carrier.fates[broken] = "DELIVERED"
    assert poller.round().unanswered == 0
    assert poller.tally.delivered == 2


def test_wrong_credentials_are_said_at_once(kit, carrier):
    carrier.fates = dict.fromkeys(kit.numbers(100), CampaignDoomedError("no", code="InvalidAccessKeyId"))
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in kit.numbers(100)])), carrier)
    with pytest.raises(CampaignDoomedError, match="InvalidAccessKeyId"):
        poller.round()


def test_a_gateway_that_is_down_is_not_asked_for_everyone(kit, carrier):
    everyone = kit.numbers(2000)
    carrier.fates = dict.fromkeys(everyone, ConnectionNotMadeError("refused"))
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier)
    report = poller.round()
    assert report.failed
    assert GIVE_UP_AFTER <= report.asked < GIVE_UP_AFTER + 100
    assert poller.tally.pending == 2000


def test_without_the_pace_of_the_account_a_round_ends_with_the_first_of_its_queries(kit, carrier):
    everyone = kit.numbers(100)
    carrier.fates = dict.fromkeys(everyone, PaceError("the connection 'sms_pace' has not been reached"))
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier)
    report = poller.round()
    assert report.failed
    assert isinstance(report.error, PaceError)
    # Those that were handed to the threads already.
    assert report.asked <= 2 * poller.limiter.limits.max_concurrency
    # The next one goes on there.
    carrier.fates = {}
    assert poller.round().asked < 100
    assert poller.round().asked == 100


def test_a_query_that_fails_among_others_costs_only_itself(kit, carrier):
    everyone = kit.numbers(3000)
    broken = everyone[40::60]
    carrier.fates = dict.fromkeys(everyone, "DELIVERED") | dict.fromkeys(broken, ThrottledError("busy"))
    settled = []
    poller = kit.poller_for(
        watched(kit.xcom([kit.receipt(n) for n in everyone])),
        carrier,
        on_settled=lambda *, message, delivery, api: settled.append(message.number),
    )
    report = poller.round()
    assert (report.asked, report.unanswered, report.stopped) == (3000, len(broken), False)
    assert set(carrier.asked.values()) == {1}
    assert sorted(settled) == sorted({*everyone} - {*broken})
    assert (poller.tally.delivered, poller.tally.pending) == (3000 - len(broken), len(broken))
    assert poller.cursor == (0, 0)


def test_an_outage_in_the_middle_ends_the_round_soon_and_the_next_one_misses_nobody(kit, carrier):
    everyone = kit.numbers(3000)
    carrier.fates = dict.fromkeys(everyone[:1500], "DELIVERED") | dict.fromkeys(
        everyone[1500:], ConnectionNotMadeError("refused")
    )
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier)
    report = poller.round()
    assert poller.tally.delivered == 1500
    assert GIVE_UP_AFTER <= report.unanswered < GIVE_UP_AFTER + 2 * poller.limiter.limits.max_concurrency
    carrier.fates = {}
    poller.round()
    assert set(carrier.asked) == set(everyone)
    # It went on at the first message that was not asked for; of those behind it a few had been.
    assert sum(carrier.asked.values()) < 3000 + 2 * poller.limiter.limits.max_concurrency


def test_wrong_credentials_keep_what_was_learned_before(kit, carrier):
    everyone = kit.numbers(1000)
    carrier.fates = dict.fromkeys(everyone, "DELIVERED") | {
        everyone[700]: CampaignDoomedError("no", code="Forbidden.RAM")
    }
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier, max_concurrency=1)
    with pytest.raises(CampaignDoomedError, match=r"Forbidden\.RAM"):
        poller.round()
    assert poller.tally.delivered == 700
    assert len(carrier.asked) == 701


def test_a_programming_error_in_a_query_fails_the_round(kit, carrier):
    everyone = kit.numbers(100)
    carrier.fates = {everyone[50]: ZeroDivisionError()}
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier)
    report = poller.round()
    assert report.failed
    assert isinstance(report.error, ZeroDivisionError)


@pytest.mark.parametrize("max_qps", [0.5, 1, 5, 20.9])
def test_the_pace_is_kept(kit, carrier, max_qps):
    clock = kit.Clock()
    times = []
    carrier_status = carrier.status

    def status(*, message):
        times.append(clock.now)
        return carrier_status(message=message)

    carrier.status = status
    everyone = kit.numbers(60)
    poller = kit.poller_for(
        watched(kit.xcom([kit.receipt(n) for n in everyone])), carrier, max_qps=max_qps, clock=clock
    )
    poller.round()
    assert len(times) == 60
    assert clock.now >= 60 / max_qps - 1 / max_qps - 1
    assert clock.now <= 60 / int(max(1, max_qps)) / min(1, max_qps) * 1.1


def test_without_a_limit_nobody_waits(kit, carrier):
    clock = kit.Clock()
    poller = kit.poller_for(
        watched(kit.xcom([kit.receipt(n) for n in kit.numbers(200)])), carrier, clock=clock
    )
    poller.round()
    assert clock.slept == []


def test_it_stops_between_two_questions(kit, carrier):
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in kit.numbers(50)])), carrier, max_qps=5)
    report = poller.round(should_stop=lambda: sum(list(carrier.asked.values())) >= 10)
    assert report.stopped
    assert 10 <= report.asked < 20


def test_a_round_that_was_cut_goes_on_where_it_was(kit, carrier):
    poller = kit.poller_for(watched(kit.xcom([kit.receipt(n) for n in kit.numbers(500)])), carrier)
    cut = poller.round(should_stop=lambda: sum(list(carrier.asked.values())) >= 300)
    assert cut.stopped
    assert 0 < poller.cursor[1] <= cut.asked
    rest = poller.round()
    assert not rest.whole
    assert set(carrier.asked) == set(kit.numbers(500))
    # nobody in front of the cut is asked again
    assert cut.asked + rest.asked < 500 + 20
    assert poller.round().asked == 500


def test_a_cut_among_several_campaigns(kit, carrier):
    everyone = kit.numbers(300)
    campaigns = watched(
        [kit.xcom([kit.receipt(n) for n in everyone[start::3]], campaign_id=str(start)) for start in range(3)]
    )
    poller = kit.poller_for(campaigns, carrier)
    while len(carrier.asked) < 300:
        already = sum(carrier.asked.values())
        poller.round(should_stop=lambda already=already: sum(list(carrier.asked.values())) >= already + 40)
    assert sum(carrier.asked.values()) < 400


@pytest.mark.parametrize("max_concurrency", [1, 3, 8])
def test_several_questions_are_in_flight_and_never_more(kit, carrier, max_concurrency):
    barrier = threading.Barrier(max_concurrency)
    answer = carrier.status

    def status(*, message):
        # Responses that take their time: queries with quick ones may wait for each other in one thread.
        time.sleep(0.02)
        barrier.wait(10)
        return answer(message=message)

    carrier.status = status
    campaigns = watched(kit.xcom([kit.receipt(n) for n in kit.numbers(12 * max_concurrency)]))
    poller = kit.poller_for(campaigns, carrier, max_concurrency=max_concurrency)
    assert poller.round().unanswered == 0
    assert carrier.most_at_once <= max_concurrency


def test_queries_that_hang_after_quick_ones_do_not_hold_up_the_others(kit, carrier):
    everyone = kit.numbers(12_000)
    all_hang, met, answer = threading.Barrier(8), threading.Event(), carrier.status

    def status(*, message):
        if message.number >= everyone[8000] and not met.is_set():
            all_hang.wait(10)
            met.set()
        return answer(message=message)

    carrier.status = status
    campaigns = watched(kit.xcom([kit.receipt(n) for n in everyone]))
    poller = kit.poller_for(campaigns, carrier, max_concurrency=8)
    assert poller.round().unanswered == 0
    assert set(carrier.asked.values()) == {1}


def test_the_allowed_calls_are_all_used_and_never_one_more(kit, carrier):
    campaigns = watched(kit.xcom([kit.receipt(n) for n in kit.numbers(50)]))
    poller = kit.poller_for(campaigns, carrier, max_calls=70)
    assert poller.round().asked == 50
    report = poller.round()
    assert (report.asked, report.stopped) == (20, True)
    assert poller.round().asked == 0
    assert sum(carrier.asked.values()) == poller.limiter.calls == 70


@pytest.mark.parametrize(
    "changes",
    [{"phone_number": None}, {"time": None}, {"time": "soon"}, {"out_id": None}],
)
def test_a_receipt_without_what_a_question_needs_stays_pending(kit, carrier, changes):
    poller = kit.poller_for(watched(kit.xcom([kit.receipt("13800001234", **changes)])), carrier)
    assert poller.round().asked == 0
    assert poller.tally.pending == 1


def test_globe_goes_by_message_id(kit, carrier):
    receipts = [
        {"to": "6591234567", "outcome": "accepted", "message_id": "m1", "out_id": "af1", "time": None},
        {"to": "6591234568", "outcome": "accepted", "message_id": None, "out_id": "af1", "time": None},
    ]
    carrier.fates["6591234567"] = "DELIVERED"
    campaigns = watched(kit.xcom(receipts, api="BatchSendMessageToGlobe"))
    poller = kit.poller_for(campaigns, carrier)
    assert poller.round().asked == 1
    assert (poller.tally.delivered, poller.tally.pending) == (1, 1)


def test_several_campaigns_share_the_pace_and_add_up(kit, carrier):
    clock = kit.Clock()
    one, two, three, four = kit.numbers(4)
    carrier.fates = {one: "DELIVERED", four: "NO_ROUTE"}
    campaigns = watched(
        [
            kit.xcom([kit.receipt(one), kit.receipt(two)], campaign_id="a"),
            kit.xcom([kit.receipt(three), kit.receipt(four)], campaign_id="b"),
        ]
    )
    poller = kit.poller_for(campaigns, carrier, max_qps=1, clock=clock)
    poller.round()
    assert clock.now >= 3
    assert (poller.tally.delivered, poller.tally.failed, poller.tally.pending) == (1, 1, 2)


def test_an_unreadable_storage_is_a_failed_round(kit, carrier):
    receipts = [kit.receipt(n) for n in kit.numbers(2)]
    campaigns = watched(kit.xcom(receipts, path="s3://bucket/r.jsonl"))
    healthy = kit.file_of(receipts)
    broken = [False]

    def opener(path):
        if broken[0]:
            raise ConnectionResetError("storage")
        return healthy(path)

    poller = kit.poller_for(campaigns, carrier, open_receipts=opener)
    broken[0] = True
    assert poller.round().failed
    broken[0] = False
    assert not poller.round().failed


def test_a_receipts_file_that_turns_to_rubbish_is_said(kit, carrier):
    import io

    receipts = [kit.receipt(n) for n in kit.numbers(2)]
    campaigns = watched(kit.xcom(receipts, path="s3://bucket/r.jsonl"))
    files = [kit.file_of(receipts)]
    poller = kit.poller_for(campaigns, carrier, open_receipts=lambda path: files[-1](path))
    files.append(lambda path: io.BytesIO(b"rubbish\n"))
    with pytest.raises(AudienceError):
        poller.round()


@given(elapsed=st.floats(-1e6, 1e6), interval=seconds, longest=seconds, remaining=st.floats(-1e6, 1e6))
def test_a_wait_has_its_bounds(elapsed, interval, longest, remaining):
    found = next_wait(elapsed=elapsed, interval=interval, longest=longest, remaining=remaining)
    assert 0 <= found <= max(interval, longest)
    if remaining > 0:
        assert found <= remaining
        assert found == remaining or found >= interval
    else:
        assert found >= interval


def test_waits_grow_and_the_last_round_falls_on_the_deadline():
    now, waits = 0.0, []
    while now < 3600:
        waits.append(next_wait(elapsed=now, interval=30, longest=300, remaining=3600 - now))
        now += waits[-1]
    assert waits[0] == 30
    assert waits[:-1] == sorted(waits[:-1])
    assert max(waits) == 300
    assert now == 3600
    assert len(waits) < 25
