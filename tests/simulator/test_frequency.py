# SPDX-License-Identifier: Apache-2.0
"""The platform's limits per phone number: as a pure function, and as a gateway that keeps them."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.simulator.memory.frequency import DAY_S, Broken, Sent, broken_limit
from airflow_provider_aliyunsms.simulator.memory.templates import TemplateKind
from airflow_provider_aliyunsms.simulator.options import AccessKey
from airflow_provider_aliyunsms.simulator.server import running

NUMBER = "13800001234"
OTHER = "13800005678"
ABROAD = "85251001234"
# 2026-01-02 12:00:00 UTC+8, the beginning of a minute and an hour.
NOON = 1_767_326_400.0
LIMITED = "isv.BUSINESS_LIMIT_CONTROL"


def kind_of(code):
    return TemplateKind.OTP if (code or "").startswith("OTP") else TemplateKind.NOTIFICATION


def sent(at, *, code="OTP", sign="甲", account="a"):
    return Sent(at=at, account=account, sign_name=sign, template_code=code)


def limit_of(message, *earlier):
    newest_first = sorted(earlier, key=lambda one: -one.at)
    return broken_limit(message, earlier=newest_first, kind_of=kind_of)


# --- the limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "broken"), [(0, Broken("分钟级", 1)), (59, Broken("分钟级", 1)), (60, None), (61, None)]
)
def test_a_second_password_waits_for_the_next_minute_of_the_clock(gap, broken):
    assert limit_of(sent(NOON + gap), sent(NOON)) == broken


def test_the_minute_is_that_of_the_clock_not_the_last_sixty_seconds():
    assert limit_of(sent(NOON + 60), sent(NOON + 59)) is None


def test_the_sixth_password_waits_for_the_next_hour_of_the_clock():
    five = [sent(NOON + 60 * place) for place in range(5)]
    assert limit_of(sent(NOON + 3599), *five) == Broken("小时级", 5)
    assert limit_of(sent(NOON + 3600), *five) is None


def test_the_eleventh_password_waits_until_a_day_after_the_first():
    ten = [sent(NOON + 3600 * place) for place in range(10)]
    assert limit_of(sent(NOON + DAY_S - 1), *ten) == Broken("天级", 10)
    assert limit_of(sent(NOON + DAY_S), *ten) is None


def test_another_signature_or_account_has_limits_of_its_own_but_for_the_day():
    others = [sent(NOON + 60 * place, sign=f"s{place}", account=f"b{place % 3}") for place in range(40)]
    assert limit_of(sent(NOON + 40 * 60), *others) == Broken("天级", 40)
    assert limit_of(sent(NOON + 40 * 60), *others[1:]) is None


def test_a_notification_has_fifty_a_day_of_each_template_and_no_other_limit():
    fifty = [sent(NOON + place, code="SMS_1") for place in range(50)]
    assert limit_of(sent(NOON + 50, code="SMS_1"), *fifty) == Broken("天级", 50)
    assert limit_of(sent(NOON + 50, code="SMS_1"), *fifty[1:]) is None
    assert limit_of(sent(NOON + 50, code="SMS_2"), *fifty) is None
    assert limit_of(sent(NOON + 50), *fifty) is None


@given(
    st.lists(st.tuples(st.integers(0, 2 * DAY_S), st.sampled_from(["OTP", "OTP2"])), max_size=80).map(sorted)
)
def test_whoever_obeys_gets_no_more_passwords_than_allowed(wishes):
    accepted = []
    for at, code in wishes:
        message = sent(NOON + at, code=code)
        if limit_of(message, *accepted) is None:
            accepted.append(message)
    times = [one.at for one in accepted]
    assert len({at // 60 for at in times}) == len(times)
    assert all(sum(at // 3600 == hour for at in times) <= 5 for hour in {at // 3600 for at in times})
    assert all(sum(at - DAY_S < other <= at for other in times) <= 10 for at in times)


# --- the gateway ------------------------------------------------------------------------------------------


def send(raw, *numbers, **changes):
    return raw.call("SendBatchSms", raw.batch(*numbers, TemplateCode="SMS_7", **changes)).json()


@pytest.fixture
def otp(simulator):
    """A gateway with limits and a template for passwords; its clock stands in the middle of a minute."""
    simulator.templates({"SMS_7": {"text": "验证码${name}", "kind": "otp"}})
    simulator.options(limits_frequency=True, clock_offset=30 - time.time() % 60)
    return simulator


def test_without_the_option_there_are_no_limits(raw, otp):
    otp.options(limits_frequency=False)
    assert {send(raw, NUMBER)["Code"] for _ in range(3)} == {"OK"}


def test_a_second_password_in_a_minute_is_refused(raw, otp):
    assert send(raw, NUMBER)["Code"] == "OK"
    answer = send(raw, NUMBER)
    assert (answer["Code"], answer["Message"]) == (LIMITED, "触发分钟级流控Permits:1")
    assert send(raw, NUMBER, SignNameJson='["测试"]')["Code"] == "OK"
    assert otp.counts() == {NUMBER: 2}


def test_the_next_minute_lets_it_pass(raw, otp):
    send(raw, NUMBER)
    otp.options(clock_offset=90 - time.time() % 60)
    assert send(raw, NUMBER)["Code"] == "OK"


@pytest.mark.parametrize(("in_part", "reached"), [(False, {NUMBER: 1}), (True, {NUMBER: 1, OTHER: 1})])
def test_one_number_over_its_limit_refuses_the_batch(raw, otp, in_part, reached):
    otp.options(accepts_in_part=in_part)
    send(raw, NUMBER)
    assert send(raw, NUMBER, OTHER)["Code"] == LIMITED
    assert otp.counts() == reached


def test_a_number_twice_in_one_batch_is_over_its_limit(raw, otp):
    assert send(raw, NUMBER, f"+86{NUMBER}")["Code"] == LIMITED
    assert otp.counts() == {}
    assert send(raw, NUMBER)["Code"] == "OK"


def test_a_refused_message_does_not_count(raw, otp):
    send(raw, OTHER)
    for _ in range(3):
        assert send(raw, NUMBER, OTHER)["Code"] == LIMITED
    assert send(raw, NUMBER)["Code"] == "OK"


def test_a_number_abroad_has_no_limit(raw, otp):
    assert {send(raw, ABROAD)["Code"] for _ in range(3)} == {"OK"}


def test_the_fifty_first_notification_of_a_day_is_refused(raw, simulator):
    simulator.options(limits_frequency=True)
    form = {
        "PhoneNumbers": NUMBER,
        "SignName": "阿里云",
        "TemplateCode": "SMS_8",
        "TemplateParam": json.dumps({"name": "x"}),
    }
    answers = [raw.call("SendSms", form).json() for _ in range(51)]
    assert {one["Code"] for one in answers[:50]} == {"OK"}
    assert (answers[50]["Code"], answers[50]["Message"]) == (LIMITED, "触发天级流控Permits:50")


def test_a_restart_does_not_forget_who_got_a_password(tmp_path, raw_client):
    settings = {
        "journal": tmp_path / "journal.jsonl",
        "limits_frequency": True,
        "clock_offset": 30 - time.time() % 60,
    }
    template = {"SMS_7": {"text": "验证码${name}", "kind": "otp"}}
    for expected in ("OK", LIMITED):
        with running(**settings) as simulator:
            simulator.templates(template)
            assert send(raw_client(simulator.url), NUMBER)["Code"] == expected


def test_accounts_share_the_limit_of_a_day_only(raw_client):
    keys = {"second": AccessKey("secret2", account="second")}
    with running(limits_frequency=True, more_access_keys=keys) as simulator:
        simulator.templates({"SMS_7": {"text": "验证码${name}", "kind": "otp"}})
        ours = raw_client(simulator.url)
        theirs = raw_client(simulator.url, key_id="second", secret="secret2")
        assert [send(one, NUMBER)["Code"] for one in (ours, theirs)] == ["OK", "OK"]


def test_the_command_can_keep_the_limits(raw_client):
    program = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0"]
    arguments = [*program, "--limits-frequency", "--refuses-undefined"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            assert send(raw_client(url), NUMBER)["Code"] == "isv.SMS_TEMPLATE_ILLEGAL"
            seen = requests.post(f"{url}/_simulator/options", json={}, timeout=5).json()
            assert (seen["limits_frequency"], seen["refuses_undefined"]) == (True, True)
        finally:
            process.kill()
