# SPDX-License-Identifier: Apache-2.0
"""Alerts by SMS: from callbacks of real DAG runs, from awaiting, and up to a limit that processes share."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from airflow.sdk import DAG, task
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.notifications.alert import usable_numbers
from airflow_provider_aliyunsms.notifications.aliyun_sms import (
    AliyunSmsNotifier,
    send_aliyun_sms_notification,
)
from airflow_provider_aliyunsms.notifications.hourly_cap import HourlyCap
from airflow_provider_aliyunsms.notifications.wording import fit_variable

FIRST, SECOND, THIRD = "13800001001", "13800001002", "13800001003"
EXAMPLE = Path(__file__).parents[2] / "dags_examples" / "alert_on_failure.py"


@pytest.fixture
def alert(tmp_path):
    """Make a notifier with a count of its own."""

    def make(**settings):
        defaults = {
            "phone_numbers": [FIRST],
            "template_code": "SMS_1",
            "sign_name": "阿里云",
            "state_dir": str(tmp_path / "count"),
        }
        return AliyunSmsNotifier(**defaults | settings)

    return make


@pytest.fixture
def errors(caplog):
    """Give the error lines so far; none of them may show a number."""

    def lines():
        found = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
        assert not any(number in line for number in (FIRST, SECOND, THIRD) for line in found)
        return found

    return lines


# ---- in a real run --------------------


@pytest.mark.airflow
def test_the_example_reports_its_failed_task(run_dag, simulator, aliyun_connection, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    simulator.templates({"SMS_123456789": "任务${task}失败，运行${run}，请检查。"})
    outcome = run_dag(EXAMPLE)
    assert outcome.state == "failed"
    assert simulator.counts() == {FIRST: 1, SECOND: 1}
    (message,) = simulator.messages(number=FIRST)
    assert message["content"].startswith("【阿里云】任务load失败，运行manual__")
    assert list((tmp_path / "aliyun_sms_alerts").iterdir())


@pytest.mark.airflow
def test_one_notifier_for_many_tasks_names_each_and_stops_at_the_limit(
    run_dag, simulator, aliyun_connection, alert
):
    notifier = alert(template_param={"task": "{{ ti.task_id }}"}, max_per_hour=3)
    with DAG("alert_many", default_args={"on_failure_callback": notifier, "retries": 0}) as dag:

        @task
        def fail():
            raise RuntimeError("no")

        for number in range(5):
            fail.override(task_id=f"t{number}")()
    outcome = run_dag(dag)
    assert outcome.state == "failed"
    assert set(outcome.states.values()) == {"failed"}
    texts = {message["content"] for message in simulator.messages()}
    assert len(texts) == 3
    assert texts < {f"【阿里云】SMS_1 task: t{number}" for number in range(5)}


@pytest.mark.airflow
def test_a_callback_that_cannot_send_leaves_the_run_as_it_is(run_dag, alert):
    with DAG("alert_without_connection", on_failure_callback=alert(aliyun_sms_conn_id="none")) as dag:

        @task(retries=0, on_failure_callback=alert(aliyun_sms_conn_id="none"))
        def fail():
            raise RuntimeError("no")

        fail()
    assert run_dag(dag).states == {"fail": "failed"}


# ---- recipients --------------------


@pytest.mark.parametrize(
    "given",
    [f"{FIRST}, +86 {SECOND}", f"{FIRST};{SECOND}\n{FIRST}", [FIRST, SECOND, f"86{FIRST}"], (FIRST, SECOND)],
)
def test_numbers_in_all_spellings_get_one_message_each(simulator, aliyun_connection, alert, given):
    alert(phone_numbers=given)({})
    assert simulator.counts() == {FIRST: 1, SECOND: 1}


def test_a_bad_and_a_refused_recipient_do_not_keep_the_others_from_theirs(
    simulator, aliyun_connection, alert, errors
):
    alert(phone_numbers=["not a number", "13800000501", FIRST, "13800000503", SECOND])({})
    assert simulator.counts() == {FIRST: 1, SECOND: 1}
    found = errors()
    assert sum(line.startswith(("The alert to", "No alert to")) for line in found) == 3
    assert sum("isv.MOBILE_NUMBER_ILLEGAL" in line and "request id: " in line for line in found) == 1
    assert sum("isv.BLACK_KEY_CONTROL_LIMIT" in line for line in found) == 1
    assert sum(line.startswith("Next step: ") for line in found) == 2
    assert not any("13800000501" in line for line in found)


def test_more_than_ten_recipients_are_cut_and_the_log_says_so(simulator, aliyun_connection, alert, errors):
    alert(phone_numbers=[f"138000020{number}" for number in range(10, 25)], max_per_hour=100)({})
    assert len(simulator.counts()) == 10
    assert "only the first 10" in errors()[0]


def test_no_recipient_is_an_error_in_the_log(simulator, aliyun_connection, alert, errors):
    alert(phone_numbers="")({})
    assert errors()[0] == "The alert has no recipient."
    assert errors()[1].startswith("Next step: ")


# ---- what goes wrong --------------------


def test_an_answer_that_is_lost_is_not_asked_for_again(simulator, aliyun_connection, alert, errors):
    simulator.misbehave("drop_after", action="SendSms", times=1)
    alert(phone_numbers=[FIRST, SECOND])({})
    assert simulator.counts() == {FIRST: 1, SECOND: 1}
    assert simulator.stats()["requests"]["SendSms"] == 2
    assert "may or may not be sent" in errors()[0]


def test_what_would_meet_every_recipient_is_tried_once(simulator, set_connection, alert, errors):
    set_connection(login="testid", password="not-the-secret", host=simulator.url)
    alert(phone_numbers=[FIRST, SECOND, THIRD])({})
    assert simulator.stats()["requests"] == {"SendSms": 1}
    assert any(line.startswith("Code: SignatureDoesNotMatch") for line in errors())


@pytest.mark.parametrize(
    "settings",
    [
        {"max_per_hour": 0},
        {"max_per_hour": "many"},
        {"sign_name": None},
        {"template_code": ""},
        {"aliyun_sms_conn_id": "none"},
        {"template_code": "{{ missing }}"},
        {"aliyun_sms_conn_id": "{{ missing }}"},
        {"template_param": "no mapping"},
    ],
)
def test_a_mistake_in_the_notifier_is_logged_and_not_raised(
    simulator, aliyun_connection, alert, errors, settings
):
    alert(**settings)({})
    assert simulator.counts() == {}
    # before ours Airflow writes a line of its own about a template that cannot be rendered
    assert any("The alert is not sent" in line for line in errors())


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ ti.missing.key }}", "-"),
        ("{{ missing }}", "-"),
        ("{{ missing() }}", "-"),
        ("{{ missing.get('x') | upper }}", "-"),
        ("{{ broken", "-"),
        ("{{ 1 / 0 }}", "-"),
        ("{{ missing + 1 }}", "-"),
        ("try {{ missing }} of {{ run_id }}", "try - of r1"),
    ],
)
def test_an_alert_with_a_gap_is_better_than_none(simulator, aliyun_connection, alert, errors, template, text):
    alert(template_param={"task": template, "run": "{{ run_id }}"})({"run_id": "r1", "dag": DAG("strict")})
    (message,) = simulator.messages()
    assert f"task: {text}" in message["content"]
    assert "run: r1" in message["content"], "what is known stays"
    assert "with what is known" in errors()[0]
    assert "template_param" in " ".join(errors())


def test_numbers_and_signature_that_are_not_known_are_the_others(simulator, set_connection, alert, errors):
    set_connection(login="testid", password="testsecret", host=simulator.url, extra={"sign_name": "默认"})
    alert(phone_numbers=["{{ missing }}", FIRST], sign_name="{{ missing }}")({})
    (message,) = simulator.messages()
    assert (message["number"], message["content"][:4]) == (FIRST, "【默认】")


@pytest.mark.parametrize("between", [",", "，", "、", ";", "；", "\n", " , "])
def test_numbers_are_split_where_people_part_them(between):
    assert usable_numbers(between.join([FIRST, SECOND, THIRD])) == [FIRST, SECOND, THIRD]
    assert usable_numbers([between.join([FIRST, SECOND]), THIRD]) == [FIRST, SECOND, THIRD]


def test_it_can_be_awaited_and_raises_nothing_then_either(simulator, aliyun_connection, alert, errors):
    async def wait(notifier):
        await notifier

    asyncio.run(wait(alert(context={"run_id": "r1"}, template_param={"run": "{{ run_id }}"})))
    (message,) = simulator.messages()
    assert message["content"].endswith("run: r1")
    assert errors() == []
    asyncio.run(wait(alert(aliyun_sms_conn_id="none")))
    assert len(errors()) == 1


def test_the_connections_signature_is_the_default_and_the_alias_is_the_class(
    simulator, set_connection, alert
):
    set_connection(login="testid", password="testsecret", host=simulator.url, extra={"sign_name": "默认"})
    alert(sign_name=None)({})
    assert simulator.messages()[0]["content"].startswith("【默认】")
    assert send_aliyun_sms_notification is AliyunSmsNotifier


# ---- the limit --------------------


def test_what_was_certainly_not_sent_does_not_count(simulator, aliyun_connection, alert):
    for _ in range(3):
        alert(phone_numbers=["13800000501"], max_per_hour=1)({})
    alert(max_per_hour=1)({})
    alert(max_per_hour=1)({})
    assert simulator.counts() == {FIRST: 1}


def test_a_count_that_cannot_be_kept_sends_nothing(simulator, aliyun_connection, alert, errors, tmp_path):
    (tmp_path / "file").write_text("")
    alert(state_dir=str(tmp_path / "file" / "below"))({})
    assert simulator.counts() == {}
    assert "cannot be counted" in errors()[0]


def test_processes_share_the_limit(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from airflow_provider_aliyunsms.notifications.hourly_cap import HourlyCap\n"
        "cap = HourlyCap(folder=pathlib.Path(sys.argv[1]), identity='x', limit=7)\n"
        "print(sum(cap.take() is not None for _ in range(5)))"
    )
    environment = {name: text for name, text in os.environ.items() if name != "AIRFLOW_HOME"}
    running = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, env=environment)
        for _ in range(4)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in running) == 7


def test_the_hour_slides_and_a_clock_set_back_frees_nothing(tmp_path):
    now = 1_800_000_000.0
    cap = HourlyCap(folder=tmp_path, identity="x", limit=2, now=lambda: now)
    assert cap.take() is not None
    now += 1800
    assert cap.take() is not None
    assert cap.take() is None
    now -= 1000
    assert cap.take() is None
    now += 1000 + 1801
    assert cap.take() is not None
    assert cap.take() is None


def test_the_numbers_may_be_in_the_connection(alert, simulator, set_connection, errors):
    extra = {"alert_phone_numbers": f"{FIRST}, +86{SECOND}", "sign_name": "测试"}
    set_connection(login="testid", password="testsecret", host=simulator.url, extra=extra)
    alert(phone_numbers=None)({})
    assert simulator.counts() == {FIRST: 1, SECOND: 1}
    alert(phone_numbers=[THIRD])({})
    assert simulator.counts()[FIRST] == 1
    alert(phone_numbers=[])({})
    assert simulator.counts() == {FIRST: 1, SECOND: 1, THIRD: 1}
    set_connection(login="testid", password="testsecret", host=simulator.url)
    alert(phone_numbers=None)({})
    assert "There are no phone numbers" in " ".join(errors())


def test_the_count_is_never_kept_through_a_link(tmp_path):
    cap = HourlyCap(folder=tmp_path / "new", identity="x", limit=3)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    cap.path.parent.mkdir()
    cap.path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        cap.take()
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("rubbish", ["[17", "{}x", '["a"]', "null", "7"])
def test_half_a_file_counts_as_full_for_an_hour(tmp_path, rubbish):
    now = time.time()
    cap = HourlyCap(folder=tmp_path, identity="x", limit=3, now=lambda: now)
    cap.path.write_text(rubbish)
    assert cap.take() is None
    now += 3700
    assert cap.take() is not None
    assert len(json.loads(cap.path.read_text())) == 1


def test_the_file_is_private_and_names_no_recipient(simulator, aliyun_connection, alert, tmp_path):
    alert()({})
    (path,) = (tmp_path / "count").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert FIRST not in path.name + path.read_text()


# ---- wording --------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("load_orders", "load_orders"),
        (None, "-"),
        ("", "-"),
        ("🔥🔥", "-"),
        ("a" * 40, "a" * 35),
        ("see https://example.com/x?y=1 now", "see now"),
        ("www.example.com/x", "-"),
        ("db.example.com/x failed", "db example com failed"),
        ("etl.load", "etl.load"),
        ("【订单】失败『1』", "(订单)失败(1)"),
        ("m² ① ™ → ★ • ❤", "m2 1 TM"),
        ("line\none\ttab", "line one tab"),
        ("2026-01-05T06:00:00+00:00", "2026-01-05T06:00:00+00:00"),
        (42, "42"),
        ("100% & <b> $5", "100% & <b> $5"),
    ],
)
def test_a_value_becomes_what_the_api_takes(value, text):
    assert fit_variable(value) == text


@given(st.text(max_size=200))
def test_any_text_becomes_a_valid_variable(text):
    cleaned = fit_variable(text)
    assert 1 <= len(cleaned) <= 35
    assert not set(cleaned) & set("【】〖〗『』「」•①★※→❤™²\n\r\t")
    assert "://" not in cleaned or not cleaned.startswith("http")
    assert cleaned == cleaned.strip()
