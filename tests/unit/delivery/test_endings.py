# SPDX-License-Identifier: Apache-2.0
"""How a watch ends: 0 of 0, a gateway that is silent, verdicts no retry can change, and tasks that were skipped."""

from __future__ import annotations

import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.events import DeliveryResult, read_event
from airflow_provider_aliyunsms.delivery.polling import GIVE_UP_AFTER
from airflow_provider_aliyunsms.delivery.state import Tally
from airflow_provider_aliyunsms.delivery.verdict import Silence, Verdict, judge
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ConfigurationError,
    DeliveryError,
    DeliveryTimeoutError,
)
from airflow_provider_aliyunsms.sensors.deferral import result_of

NUMBER = "13800001234"
REFUSED = AmbiguousOutcomeError("no", code="InvalidAccessKeyId", advice="Correct login and password.")


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(0.9, Verdict.TOO_FEW), (0.0, Verdict.SUCCESS), (None, Verdict.SUCCESS)]
)
def test_nothing_of_nothing_reaches_no_ratio(ratio, verdict):
    assert judge(tally=Tally(), ratio=ratio, expired=False) is verdict


def test_nothing_of_nothing_points_to_the_send_task():
    ending = DeliveryResult(verdict=Verdict.TOO_FEW, campaign_id="spring", tally=Tally())
    with pytest.raises(DeliveryError, match=r"(?s)no message was accepted.*send task"):
        result_of(ending, ratio=0.9)


def test_a_rehearsal_reaches_every_ratio(kit, carrier):
    watch = kit.watch_for([], carrier, min_delivered_ratio=0.9)
    watch._rehearsed = watched(kit.xcom([], dry_run=True))[0].dry_run
    assert watch.look(now=lambda: kit.FINISHED_AT) is Verdict.SUCCESS


def test_a_deadline_without_an_answer_names_the_code_and_its_advice(kit, carrier):
    carrier.fates[NUMBER] = REFUSED
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier, min_delivered_ratio=0.9)
    assert watch.look(now=lambda: kit.FINISHED_AT + 3600) is Verdict.TIMED_OUT
    ending = read_event(watch.ending(Verdict.TIMED_OUT).as_event())
    with pytest.raises(DeliveryTimeoutError, match=r"no query of the last round got an answer") as caught:
        result_of(ending, ratio=0.9)
    assert caught.value.code == "InvalidAccessKeyId"
    assert "Correct login and password" in caught.value.advice
    assert not isinstance(caught.value, AirflowFailException), "the gateway may answer the next try"


def test_a_deadline_without_an_answer_is_said_where_any_result_is_accepted(kit, carrier, caplog):
    carrier.fates[NUMBER] = REFUSED
    watch = kit.watch_for([kit.receipt(NUMBER)], carrier)
    assert watch.look(now=lambda: kit.FINISHED_AT + 3600) is Verdict.SUCCESS
    with caplog.at_level(logging.WARNING):
        assert result_of(watch.ending(Verdict.SUCCESS), ratio=None)["pending"] == 1
    assert "InvalidAccessKeyId" in caplog.text


def test_a_round_with_answers_is_not_silent(kit, carrier):
    people = kit.numbers(2)
    carrier.fates[people[0]] = REFUSED
    watch = kit.watch_for([kit.receipt(each) for each in people], carrier, min_delivered_ratio=1.0)
    assert watch.look(now=lambda: kit.FINISHED_AT + 3600) is Verdict.TIMED_OUT
    assert watch.ending(Verdict.TIMED_OUT).silence is None


@pytest.mark.parametrize(
    ("verdict", "silence", "final"),
    [
        (Verdict.TOO_FEW, None, True),
        (Verdict.TOO_FEW, Silence(code="x", advice=""), True),
        (Verdict.TIMED_OUT, None, True),
        (Verdict.TIMED_OUT, Silence(code="x", advice=""), False),
        (Verdict.OUT_OF_CALLS, None, False),
    ],
)
def test_a_verdict_that_no_retry_can_change_is_final(verdict, silence, final):
    tally = Tally(delivered=1, failed=1, pending=1, errors={"MOBILE_NOT_ON_SERVICE": 1})
    ending = DeliveryResult(verdict=verdict, campaign_id="spring", tally=tally, silence=silence)
    with pytest.raises(DeliveryError) as caught:
        result_of(ending, ratio=0.9)
    assert isinstance(caught.value, AirflowFailException) is final
    assert isinstance(caught.value, DeliveryTimeoutError) is (verdict is not Verdict.TOO_FEW)


@pytest.mark.parametrize("silence", [7, "text", ["one"], {"a": 1}])
def test_a_damaged_reason_is_no_reason(silence):
    event = DeliveryResult(verdict=Verdict.TIMED_OUT, campaign_id="spring", tally=Tally(pending=1)).as_event()
    assert read_event({**event, "silence": silence}).silence is None


def test_the_result_of_a_skipped_task_is_left_out(kit, caplog):
    found = watched([None, kit.xcom([kit.receipt(NUMBER)]), None])
    assert [each.accepted for each in found] == [1]
    assert "2 of 3 send tasks were skipped or failed" in caplog.text


def test_nothing_but_skipped_tasks_is_an_error():
    with pytest.raises(ConfigurationError, match="nothing but None"):
        watched([None, None])


def test_messages_behind_those_without_an_answer_are_asked_for_in_the_next_round(kit, carrier):
    people = kit.numbers(GIVE_UP_AFTER * 2)
    for number in people[:-20]:
        carrier.fates[number] = REFUSED
    for number in people[-20:]:
        carrier.fates[number] = "DELIVERED"
    watch = kit.watch_for([kit.receipt(each) for each in people], carrier)
    watch.look(now=lambda: kit.FINISHED_AT)
    watch.look(now=lambda: kit.FINISHED_AT + 30)
    assert watch.tally.delivered == 20
    watch.look(now=lambda: kit.FINISHED_AT + 60)
    assert carrier.asked[people[0]] == 2
