# SPDX-License-Identifier: Apache-2.0
"""What changes around a campaign between two tries: records, accounts, clocks, rows. Nobody gets a second message."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from datetime import UTC, datetime

import pytest
from world import POISON, SETTLE_TIME, Crash, World

from airflow_provider_aliyunsms.audience.spool import Spool
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import LedgerConflictError

PEOPLE = [f"138000000{i:02d}" for i in range(40)]
LONG_AGO = 31 * 86_400.0


@pytest.fixture
def world():
    return World()


def retry(world, people=PEOPLE, **changes):
    return world.retry(people, **changes).summary


def nobody_twice(world):
    return set(world.gateway.accepted.values()) <= {1}


def in_doubt(world, people=PEOPLE, **changes):
    """Run a first try that loses the answer to its only call; everybody was accepted."""
    world.gateway.faults.append("answer lost")
    return world.run(people, chunk_size=40, evidence_wait=0.0, **changes).summary


def test_everybody_is_asked_for_before_anybody_is_sent_to_again(world):
    """Of forty records one alone is to be seen, and no sample has it."""
    accept = world.gateway._accept

    def accept_late(numbers, out_id, *, lag):
        accept(numbers[:-1], out_id, lag=LONG_AGO)
        accept(numbers[-1:], out_id, lag=5.0)

    world.gateway._accept = accept_late
    in_doubt(world)
    world.clock.sleep(2 * SETTLE_TIME)
    assert retry(world, chunk_size=40)["accepted"] == 40
    assert world.gateway.accepted == Counter(PEOPLE)


@pytest.mark.parametrize(("wait", "holds"), [(60.0, True), (0.0, False)])
def test_a_refused_batch_that_was_accepted_in_part_is_waited_for(world, wait, holds):
    """The records come 45 seconds after the refusal; the last case shows that it is the wait that counts."""
    world.gateway.partial = True
    world.gateway.record_lag = 45.0
    people = [*PEOPLE[:3], f"138000001{POISON}", *PEOPLE[3:]]
    summary = world.run(people, evidence_wait=300.0, refusal_wait=wait).summary
    assert (summary["accepted"], summary["rejected"]) == (40, 1)
    assert nobody_twice(world) is holds


def test_records_without_an_out_id_prove_nothing(world):
    world.gateway.without_out_id = True
    assert in_doubt(world)["unknown"] == 40
    world.clock.sleep(2 * SETTLE_TIME)
    summary = retry(world, chunk_size=40)
    assert (summary["accepted"], summary["unknown"]) == (0, 40)
    assert nobody_twice(world)


def test_records_that_the_gateway_does_not_keep_any_more_prove_nothing(world):
    world.gateway.record_lag = 60.0
    assert in_doubt(world)["unknown"] == 40
    world.clock.sleep(LONG_AGO)
    world.gateway.records.clear()
    summary = retry(world, chunk_size=40)
    assert summary["unknown"] == 40
    assert nobody_twice(world)


@pytest.mark.parametrize("signer", ["other", "first@elsewhere", "second@elsewhere"])
def test_who_did_not_sign_and_shows_nothing_else_of_it_proves_nothing(world, signer):
    """The records are not there yet; another key, account or endpoint cannot show that there are none."""
    world.gateway.record_lag = LONG_AGO
    in_doubt(world)
    world.gateway.signer = signer
    world.clock.sleep(2 * SETTLE_TIME)
    sent = world.gateway.submissions
    summary = retry(world, chunk_size=40)
    assert (summary["accepted"], summary["unknown"]) == (0, 40)
    assert world.gateway.submissions == sent


@pytest.mark.parametrize(("signer", "settles"), [("second", True), ("other", False)])
def test_another_key_counts_when_it_shows_what_the_first_one_sent(world, signer, settles):
    """Thirty-five were accepted for certain: whoever sees them sees the account."""
    world.gateway.faults.extend(["ok"] * 7 + ["error_500"])
    assert world.run(PEOPLE, evidence_wait=0.0, max_concurrency=1).summary["unknown"] == 5
    world.gateway.signer = signer
    world.clock.sleep(2 * SETTLE_TIME)
    summary = retry(world)
    assert summary["accepted"] == (40 if settles else 35)
    assert nobody_twice(world)


@pytest.mark.parametrize("tells_time", [True, False])
@pytest.mark.parametrize("skews", [(-660.0, 0.0), (0.0, 660.0), (-660.0, 890.0)])
def test_workers_whose_clocks_are_eleven_minutes_apart_release_nothing_too_soon(world, skews, tells_time):
    """A record that comes nine minutes late is waited for, whatever the machines say of the time."""
    world.gateway.tells_time = tells_time
    world.gateway.record_lag = 0.9 * SETTLE_TIME
    world.skew = skews[0]
    world.gateway.faults.append("answer lost")
    submit = world.gateway.submit

    def submit_and_die(chunk, envelope):
        answer = submit(chunk, envelope)
        world.store.die()
        return answer

    world.gateway.submit = submit_and_die
    with pytest.raises(Crash):
        world.run(PEOPLE, chunk_size=40)
    world.gateway.submit = submit
    world.skew = skews[1]
    world.clock.sleep(20)
    retry(world, chunk_size=40, evidence_wait=0.0)
    assert nobody_twice(world)
    world.clock.sleep(2 * SETTLE_TIME)
    assert retry(world, chunk_size=40, evidence_wait=0.0)["accepted"] == 40
    assert world.gateway.accepted == Counter(PEOPLE)


@pytest.mark.parametrize(("settle_time", "step"), [(SETTLE_TIME, 720.0), (60.0, 60.0)])
def test_a_clock_that_is_set_forward_in_mid_campaign_releases_nothing(world, settle_time, step):
    world.gateway.record_lag = settle_time * 0.9
    world.gateway.faults.extend(["ok", "ok", "error_500_after"])
    world.step = step
    world.run(PEOPLE, settle_time=settle_time, max_concurrency=1, evidence_wait=settle_time * 0.5)
    assert nobody_twice(world)
    world.clock.sleep(2 * settle_time)
    assert retry(world, settle_time=settle_time)["accepted"] == 40
    assert nobody_twice(world)


def test_a_globe_chunk_that_never_left_is_sent_by_a_retry_whose_clock_is_behind():
    world = World(can_look_up=False)
    world.gateway.faults.append("drop_before")
    submit = world.gateway.submit

    def submit_and_die(chunk, envelope):
        world.store.die()
        return submit(chunk, envelope)

    world.gateway.submit = submit_and_die
    with pytest.raises(Crash):
        world.run(PEOPLE, chunk_size=40)
    world.gateway.submit = submit
    world.clock.sleep(5)
    world.skew = -11.0
    assert retry(world, chunk_size=40)["accepted"] == 40
    assert world.gateway.accepted == Counter(PEOPLE)


@pytest.mark.parametrize(("skew", "told"), [(0.0, False), (2.0, False), (660.0, True), (-660.0, True)])
def test_a_wrong_clock_is_told_with_what_to_do(world, skew, told, caplog):
    world.skew = skew
    with caplog.at_level(logging.WARNING):
        assert world.run(PEOPLE).summary["accepted"] == 40
    lines = [line for line in caplog.messages if "clock" in line]
    assert bool(lines) is told
    if told:
        assert "660 s" in lines[0]
        assert any("NTP" in line for line in lines)


def test_an_acceptance_that_is_learned_later_keeps_the_date_of_its_call(world):
    world.gateway.record_lag = 60.0
    assert in_doubt(world)["unknown"] == 40
    sent_at = world.gateway.submitted_at[0]
    world.clock.sleep(3 * 86_400)
    assert retry(world, chunk_size=40)["accepted"] == 40
    times = {receipt["time"] for receipt in world.receipts}
    assert len(times) == 1
    told = datetime.strptime(times.pop(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    assert abs(told - sent_at) < 60


def test_outcomes_in_hand_reach_the_ledger_although_the_disk_of_the_spool_is_full(world, monkeypatch):
    settle, full = Spool.settle, iter([False] * 3 + [True])

    def settle_until_full(spool, **what):
        if next(full, False):
            raise sqlite3.OperationalError("database or disk is full")
        return settle(spool, **what)

    monkeypatch.setattr(Spool, "settle", settle_until_full)
    with pytest.raises(Exception, match="full") as raised:
        world.run(PEOPLE)
    assert not isinstance(raised.value, AssertionError)
    sent = Counter(world.gateway.accepted)
    monkeypatch.setattr(Spool, "settle", settle)
    asked = []
    find = world.gateway.find
    world.gateway.find = lambda chunk, **how: asked.append(chunk) or find(chunk, **how)
    assert retry(world)["accepted"] == 40
    assert sent
    assert world.gateway.accepted == Counter(PEOPLE)
    # What was answered was written: nothing had to be looked for.
    assert not asked


def rows_with_a_signature(bad):
    return [
        {"phone_number": number, "sign_name": "坏" if place in bad else "测试"}
        for place, number in enumerate(PEOPLE)
    ]


def has_bad_signature(recipient):
    return recipient.sign_name == "坏"


def refuse_where(world, code, is_bad):
    """Let the gateway refuse each call that holds a recipient of this kind."""
    submit = world.gateway.submit

    def judge(chunk, envelope):
        if any(is_bad(recipient) for recipient in chunk.recipients):
            world.gateway.submissions += 1
            return "doomed", code
        return submit(chunk, envelope)

    world.gateway.submit = judge


def test_a_signature_of_one_row_is_that_rows_fault(world):
    refuse_where(world, "isv.SMS_SIGNATURE_ILLEGAL", has_bad_signature)
    summary = world.run(rows_with_a_signature({0}), evidence_wait=300.0).summary
    assert (summary["accepted"], summary["rejected"]) == (39, 1)
    assert nobody_twice(world)
    assert [receipt["code"] for receipt in world.receipts if receipt["outcome"] == "rejected"] == [
        "isv.SMS_SIGNATURE_ILLEGAL"
    ]


@pytest.mark.parametrize("code", ["isv.CODE_ERROR", "isv.EXTEND_CODE_ERROR", "isv.ONE_CODE_MULTIPLE_SIGN"])
@pytest.mark.parametrize("bad", [{0}, {17, 18}])
def test_an_extension_code_of_one_row_is_that_rows_fault(world, code, bad):
    rows = [
        {"phone_number": number, "sms_up_extend_code": "999" if place in bad else "1"}
        for place, number in enumerate(PEOPLE)
    ]
    refuse_where(world, code, lambda recipient: recipient.sms_up_extend_code == "999")
    summary = world.run(rows, evidence_wait=300.0).summary
    assert (summary["accepted"], summary["rejected"]) == (40 - len(bad), len(bad))
    assert nobody_twice(world)


def test_trouble_with_a_template_that_was_accepted_before_is_the_fault_of_some_rows(world):
    refuse_where(world, "isv.SMS_TEMPLATE_ILLEGAL", has_bad_signature)
    summary = world.run(rows_with_a_signature({20}), evidence_wait=300.0, max_concurrency=1).summary
    assert (summary["accepted"], summary["rejected"]) == (39, 1)
    assert nobody_twice(world)


def test_one_new_person_in_front_of_a_list_moves_nobody_to_a_second_message(world):
    """Who crossed the border of a part is not known there; so the part is not sent to, and says what to do."""
    world.run(PEOPLE[:20], positional=True)
    sent = world.gateway.submissions
    with pytest.raises(LedgerConflictError, match="1 recipients who are not in its input now") as raised:
        retry(world, ["13800001000", *PEOPLE[:19]], positional=True)
    assert "campaign_id" in raised.value.advice
    assert world.gateway.submissions == sent


def test_numbers_without_records_of_their_own_are_not_told_by_the_wrong_word(world):
    """What no evidence settles is unknown, with a code that says so."""
    world.gateway.without_out_id = True
    in_doubt(world)
    world.clock.sleep(LONG_AGO)
    retry(world, chunk_size=40)
    assert {receipt["outcome"] for receipt in world.receipts} == {"unknown"}
    assert {receipt["code"] for receipt in world.receipts} <= {
        LocalCode.NO_ANSWER.value,
        LocalCode.NO_EVIDENCE.value,
        "SignatureNonceUsed",
        "InvalidTimeStamp.Expired",
    }
