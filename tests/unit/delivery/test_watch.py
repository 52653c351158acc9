# SPDX-License-Identifier: Apache-2.0
"""Looking until it is over: deadlines, outages, and what the trigger hands back."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
from airflow_provider_aliyunsms.delivery.events import DeliveryResult, error_event, read_event
from airflow_provider_aliyunsms.delivery.state import Tally
from airflow_provider_aliyunsms.delivery.verdict import Verdict, error_of
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AudienceError,
    CampaignDoomedError,
    ConfigurationError,
    ConnectionNotMadeError,
    DeliveryTimeoutError,
)

NUMBER = "13800001234"


def test_nothing_accepted_ends_without_a_question(kit, carrier):
    assert kit.watch_for([], carrier).look(now=lambda: kit.FINISHED_AT) is Verdict.SUCCESS
    strict = kit.watch_for([], carrier, min_delivered_ratio=1.0)
    assert strict.look(now=lambda: kit.FINISHED_AT) is Verdict.TOO_FEW
    assert not carrier.asked


def test_before_the_deadline_it_waits_and_after_it_ends_with_what_is_pending(kit, carrier):
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier)
    assert watch.look(now=lambda: kit.FINISHED_AT + 3599) is Verdict.WAIT
    assert watch.look(now=lambda: kit.FINISHED_AT + 3600) is Verdict.SUCCESS
    assert watch.ending(Verdict.SUCCESS).as_xcom() == {
        "campaign_id": "spring",
        "delivered": 0,
        "failed": 0,
        "pending": 1,
        "errors": {},
        "calls": 2,
        "series": [[3599, 0, 0, 1], [3600, 0, 0, 1]],
    }


def test_a_late_start_still_asks_everyone_once(kit, carrier):
    carrier.fates[NUMBER] = "DELIVERED"
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier, min_delivered_ratio=1.0)
    assert watch.look(now=lambda: kit.FINISHED_AT + 86_400) is Verdict.SUCCESS


def test_a_look_cut_short_never_times_out(kit, carrier):
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier, min_delivered_ratio=1.0)
    assert watch.look(now=lambda: kit.FINISHED_AT + 86_400, should_stop=lambda: True) is Verdict.WAIT
    assert watch.look(now=lambda: kit.FINISHED_AT + 86_400) is Verdict.TIMED_OUT


def test_a_round_that_never_ends_is_cut_short_for_good(kit, carrier):
    """A gateway may have an endless number of pages for every message."""
    people = kit.numbers(50)
    watch = kit.watch_for([kit.receipt(number) for number in people], carrier, min_delivered_ratio=1.0)
    seconds = iter(range(0, 10**6, 100))
    asked_at = []

    def now():
        asked_at.append(kit.FINISHED_AT + 3600 + next(seconds))
        return asked_at[-1]

    assert watch.look(now=now) is Verdict.TIMED_OUT
    assert sum(carrier.asked.values()) < len(people)
    assert asked_at[-1] < kit.FINISHED_AT + 3600 + 2000


def test_nobody_waits_for_messages_nobody_can_ask_for(kit, carrier):
    receipts = [kit.receipt(NUMBER, time=None)]
    assert kit.watch_for(receipts, carrier).look(now=lambda: kit.FINISHED_AT) is Verdict.SUCCESS
    strict = kit.watch_for(receipts, carrier, min_delivered_ratio=0.5)
    assert strict.look(now=lambda: kit.FINISHED_AT) is Verdict.TIMED_OUT


def test_an_outage_is_tolerated_but_not_for_ever(kit, carrier):
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier, max_failed_rounds=3)
    carrier.fates[NUMBER] = ConnectionNotMadeError("refused")
    for _ in range(2):
        assert watch.look(now=lambda: kit.FINISHED_AT) is Verdict.WAIT
    carrier.fates[NUMBER] = "PENDING"
    assert watch.look(now=lambda: kit.FINISHED_AT) is Verdict.WAIT
    carrier.fates[NUMBER] = ConnectionNotMadeError("refused")
    for _ in range(2):
        watch.look(now=lambda: kit.FINISHED_AT)
    with pytest.raises(ConnectionNotMadeError):
        watch.look(now=lambda: kit.FINISHED_AT)


def test_an_outage_at_the_deadline_ends_with_what_is_known(kit, carrier):
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier)
    carrier.fates[NUMBER] = ConnectionNotMadeError("refused")
    assert watch.look(now=lambda: kit.FINISHED_AT + 3600) is Verdict.SUCCESS
    assert watch.tally.pending == 1


def test_one_short_line_per_round_and_never_a_number(kit, carrier, caplog):
    caplog.set_level(logging.DEBUG)
    carrier.fates = {NUMBER: ConnectionNotMadeError("refused")}
    watch = kit.watch_for([kit.receipt(NUMBER), kit.receipt("13800005678")], carrier)
    watch.look(now=lambda: kit.FINISHED_AT)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "0 delivered, 0 failed, 2 pending" in line
    assert "1380000" not in line


@pytest.mark.parametrize(("ratio", "verdict"), [(None, Verdict.SUCCESS), (0.5, Verdict.OUT_OF_CALLS)])
def test_when_the_calls_are_used_up_it_ends_as_at_the_deadline(kit, carrier, ratio, verdict):
    receipts = [kit.receipt(n) for n in kit.numbers(10)]
    watch = kit.watch_for(receipts, carrier, max_calls=25, min_delivered_ratio=ratio)
    for _ in range(2):
        assert watch.look(now=lambda: kit.FINISHED_AT) is Verdict.WAIT
    assert watch.look(now=lambda: kit.FINISHED_AT) is verdict
    ending = watch.ending(verdict)
    assert ending.as_xcom()["calls"] == sum(carrier.asked.values()) == 25
    if ratio:
        error = error_of(verdict=verdict, tally=ending.tally, ratio=ratio)
        assert isinstance(error, DeliveryTimeoutError)
        assert "max_calls" in str(error)


def test_calls_of_earlier_processes_count(kit, carrier):
    receipts = [kit.receipt(n) for n in kit.numbers(10)]
    first = kit.watch_for(receipts, carrier, max_calls=15)
    first.look(now=lambda: kit.FINISHED_AT)
    known = handed_over(first, now=kit.FINISHED_AT)
    second = kit.watch_for(receipts, carrier, max_calls=15, known=known)
    assert second.look(now=lambda: kit.FINISHED_AT) is Verdict.SUCCESS
    assert sum(carrier.asked.values()) == 15
    third = kit.watch_for(receipts, carrier, max_calls=15, known=known.for_new_try())
    assert third.look(now=lambda: kit.FINISHED_AT) is Verdict.WAIT


def handed_over(watch, *, now):
    """Give what the next process finds in the arguments of its trigger."""
    small, whole = watch.known(now=now).to_small_json()
    assert whole
    return Checkpoint.from_json(json.loads(json.dumps(small)), fingerprint=small["fingerprint"])


def test_any_number_of_restarts_ends_in_the_same_counts(kit, carrier):
    """Each process is cut short in mid-round; nobody is left out, nobody counted twice."""
    everyone = kit.numbers(400)
    carrier.fates = {n: ("DELIVERED", "NO_ROUTE", "PENDING")[i % 3] for i, n in enumerate(everyone)}
    receipts = [kit.receipt(n) for n in everyone]
    known, verdict = None, Verdict.WAIT
    while verdict is Verdict.WAIT:
        watch = kit.watch_for(receipts, carrier, known=known)
        already = sum(carrier.asked.values())
        verdict = watch.look(
            now=lambda: kit.FINISHED_AT + 3600,
            should_stop=lambda already=already: sum(list(carrier.asked.values())) >= already + 60,
        )
        known = handed_over(watch, now=kit.FINISHED_AT + 3600)
    found = watch.ending(verdict).as_xcom()
    assert (found["delivered"], found["failed"], found["pending"]) == (134, 133, 133)
    assert found["calls"] == sum(carrier.asked.values()) < 500
    assert set(carrier.asked) == set(everyone)


def test_a_cut_look_goes_on_at_once_and_a_whole_one_waits(kit, carrier):
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier)
    watch.look(now=lambda: kit.FINISHED_AT, should_stop=lambda: True)
    assert watch.known(now=kit.FINISHED_AT).next_at == kit.FINISHED_AT
    watch.look(now=lambda: kit.FINISHED_AT)
    assert watch.known(now=kit.FINISHED_AT).next_at == kit.FINISHED_AT + 30


TALLY = Tally(delivered=1, failed=3, pending=2, errors={"A": 1, "B": 2})


def test_an_ending_survives_the_database():
    ending = DeliveryResult(verdict=Verdict.TOO_FEW, campaign_id="spring", tally=TALLY, calls=9)
    for each in (ending, replace(ending, population=1000)):
        assert read_event(json.loads(json.dumps(each.as_event()))) == each
    assert list(ending.as_xcom()["errors"]) == ["B", "A"]


@pytest.mark.parametrize(
    "error",
    [
        CampaignDoomedError("no", code="Forbidden.RAM", request_id="R-1", advice="Grant it."),
        ConfigurationError("no such file", advice="Share it."),
        AudienceError("bad line", row=3, advice="Clear."),
    ],
)
def test_an_error_comes_back_as_what_it_was(error):
    with pytest.raises(type(error)) as caught:
        read_event(json.loads(json.dumps(error_event(error))))
    assert str(caught.value) == str(error)


def test_a_foreign_error_leaves_its_text_behind():
    with pytest.raises(AliyunSmsError, match="RuntimeError") as caught:
        read_event(error_event(RuntimeError(f"could not reach {NUMBER}")))
    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    "event",
    [
        None,
        "success",
        {},
        {"status": "done"},
        {"status": "wait", "delivered": 1, "failed": 0, "pending": 0, "errors": {}},
        {"status": "success"},
        {"status": "success", "delivered": "1", "failed": 0, "pending": 0, "errors": {}},
        {"status": "success", "delivered": True, "failed": 0, "pending": 0, "errors": {}},
        {"status": "success", "delivered": 1, "failed": -1, "pending": 0, "errors": {}},
        {"status": "success", "delivered": 1, "failed": 0, "pending": 0, "errors": None},
        {"status": "success", "delivered": 1, "failed": 0, "pending": 0, "errors": {"A": "x"}},
        {"status": ["success"]},
        {"status": "progress", "known": {}},
    ],
)
def test_no_other_event_counts_as_success(event):
    with pytest.raises(AliyunSmsError):
        read_event(event)
