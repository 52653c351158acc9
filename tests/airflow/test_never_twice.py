# SPDX-License-Identifier: Apache-2.0
"""
Campaigns around which something changes between two tries: texts, columns, keys of the audience, names.

Each test is a story that ended with two messages on one phone before. A second run with the same ``campaign_id`` and
``ledger_path`` stands for a retry or a Clear where the inputs have to change in between.
"""

from __future__ import annotations

import json
import sqlite3

import pytest

HEAD = """
import itertools
import time
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator, AliyunSendBatchSmsOperator)

PEOPLE = [f"1380008{{number:04d}}" for number in range(60)]
QUICK = dict(settle_time=2, chunk_size=5, max_concurrency=2)
RETRIED = dict(execution_timeout=timedelta(seconds=4), retries=6, retry_delay=timedelta(0))
BATCH = dict(task_id="send", template_code="SMS_1", **QUICK)

with DAG("{dag_id}", schedule=None) as dag:
"""


@pytest.fixture
def run_task(run_dag, tmp_path):
    """Run a DAG whose body is given as text; `KEPT` in it are parameters that two runs share."""

    def run(dag_id, body, *, campaign="spring"):
        kept = f"campaign_id={campaign!r}, ledger_path={str(tmp_path / 'ledger')!r}"
        lines = "".join(f"    {line}\n" for line in body.strip().replace("KEPT", kept).splitlines())
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id) + lines, encoding="utf-8")
        return run_dag(path)

    return run


@pytest.fixture
def people_of(tmp_path):
    """Write a CSV file of sixty people with one more column."""

    def write(cell):
        path = tmp_path / "people.csv"
        rows = "".join(f"1380008{number:04d},{cell(number)}\n" for number in range(60))
        path.write_text(f"phone_number,name\n{rows}", encoding="utf-8")
        return str(path)

    return write


def slow_at_first(simulator):
    """Let the first try run into its timeout with calls in flight."""
    simulator.misbehave("delay", action="SendBatchSms", times=8, seconds=1.2)


def nobody_twice(simulator, *, reached=60):
    assert simulator.counts(duplicates=True) == {}
    assert len(simulator.counts()) == reached


# ---- what was sent is not who was sent to


def test_variables_that_hold_the_time_make_nobody_a_stranger(run_task, simulator, aliyun_connection):
    slow_at_first(simulator)
    outcome = run_task(
        "variables_of_the_time",
        """
@task.aliyun_sms(template_code="SMS_1", sign_name="测试", **QUICK, **RETRIED)
def send():
    return [{"phone_number": number, "template_param": {"at": str(time.time())}} for number in PEOPLE]
send()
""",
    )
    assert outcome.tries["send"] > 1
    nobody_twice(simulator)
    assert outcome.state == "success"
    summary = outcome.xcom("send")
    assert summary["accepted"] + summary["skipped"] == summary["total"] == 60
    assert summary["errors"] == {"local.CONTENT_CHANGED": summary["skipped"]}
    assert summary["skipped"] > 0


def test_a_query_whose_values_change_makes_nobody_a_stranger(
    run_task, simulator, aliyun_connection, tmp_path, monkeypatch
):
    database = tmp_path / "people.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE people (mobile TEXT)")
        connection.executemany(
            "INSERT INTO people VALUES (?)", [(f"1380008{number:04d}",) for number in range(60)]
        )
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    slow_at_first(simulator)
    outcome = run_task(
        "query_of_codes",
        """
AliyunSendBatchSmsOperator(
    recipients_sql="SELECT mobile AS phone_number, abs(random()) AS code FROM people", recipients_conn_id="people",
    sign_name="测试", **BATCH, **RETRIED)
""",
    )
    assert outcome.tries["send"] > 1
    assert outcome.state == "success"
    nobody_twice(simulator)


@pytest.mark.parametrize("finished", [True, False], ids=["Clear of a finished task", "retry"])
def test_a_file_that_is_written_anew_reaches_nobody_twice(
    run_task, simulator, aliyun_connection, people_of, finished
):
    path = people_of(lambda number: f"guest {number}")
    send = f"AliyunSendBatchSmsOperator(recipients={path!r}, sign_name='测试', KEPT, **BATCH, retries=0{{}})"
    if not finished:
        slow_at_first(simulator)
    timeout = "" if finished else ", execution_timeout=timedelta(seconds=4)"
    first = run_task("file_written_anew", send.format(timeout))
    assert first.state == ("success" if finished else "failed")
    before = len(simulator.counts())
    assert before > 0
    simulator.behave()
    people_of(lambda number: f"dear guest {number}")
    second = run_task("file_written_anew", send.format(""))
    nobody_twice(simulator)
    assert second.state == "success"
    summary = second.xcom("send")
    assert summary["skipped"] == before
    assert summary["accepted"] == 60 - before
    assert summary["errors"] == {"local.CONTENT_CHANGED": before}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sign_name='测试'", "sign_name='测试二'"),
        ("sign_name='测试', template_param={'a': '1'}", "sign_name='测试', template_param={'a': '2'}"),
    ],
)
def test_a_signature_or_variable_that_is_edited_reaches_nobody_twice(
    run_task, simulator, aliyun_connection, one, other
):
    send = "AliyunSendBatchSmsOperator(recipients=PEOPLE, {}, KEPT, **BATCH)"
    assert run_task("edited", send.format(one)).xcom("send")["accepted"] == 60
    again = run_task("edited", send.format(other)).xcom("send")
    nobody_twice(simulator)
    assert (again["accepted"], again["skipped"], again["total"]) == (0, 60, 60)


def test_another_text_of_the_same_campaign_reaches_nobody_twice(run_task, simulator, aliyun_connection):
    send = """
AliyunBatchSendMessageToGlobeOperator(
    task_id="send", recipients=["+6591230001", "+6591230002"], message={!r}, KEPT)
"""
    assert run_task("another_text", send.format("Hello")).xcom("send")["accepted"] == 2
    again = run_task("another_text", send.format("Hello again")).xcom("send")
    assert again["errors"] == {"local.CONTENT_CHANGED": 2}
    nobody_twice(simulator, reached=2)


def test_dedupe_that_is_switched_stops_before_the_first_call(run_task, simulator, aliyun_connection):
    send = "AliyunSendBatchSmsOperator(recipients=PEOPLE, sign_name='测试', dedupe={!r}, KEPT, **BATCH)"
    assert run_task("dedupe_switched", send.format("content")).state == "success"
    calls = simulator.stats()["requests"]["SendBatchSms"]
    again = run_task("dedupe_switched", send.format("phone"))
    assert again.state == "failed"
    assert simulator.stats()["requests"]["SendBatchSms"] == calls
    nobody_twice(simulator)


def test_an_unknown_message_is_not_sent_under_another_text(run_task, simulator, aliyun_connection):
    send = """
AliyunBatchSendMessageToGlobeOperator(
    task_id="send", recipients=["+6591230001"], message={!r}, evidence_wait=3, KEPT)
"""
    simulator.misbehave("drop_after", action="BatchSendMessageToGlobe", times=1)
    first = run_task("unknown_and_edited", send.format("Hello"))
    assert first.state == "failed"
    assert first.xcom("send", "campaign")["unknown"] == 1
    again = run_task("unknown_and_edited", send.format("Hello again"))
    nobody_twice(simulator, reached=1)
    assert again.state == "failed"
    assert again.xcom("send", "campaign")["unknown"] == 1


def test_the_same_number_in_another_spelling_is_the_same_person(run_task, simulator, aliyun_connection):
    send = "AliyunSendBatchSmsOperator(recipients=[{!r}], sign_name='测试', KEPT, **BATCH)"
    run_task("spelling", send.format("13800080001"))
    again = run_task("spelling", send.format("+86 138-0008-0001"))
    assert again.xcom("send")["total"] == 1
    nobody_twice(simulator, reached=1)


# ---- several rows with one number


def test_blanks_at_the_end_of_a_cell_make_no_second_message(run_task, simulator, aliyun_connection, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("phone_number,name\n13800080001,Li\n13800080001,Li \n", encoding="utf-8")
    send = f"AliyunSendBatchSmsOperator(recipients={str(path)!r}, sign_name='测试', **BATCH)"
    summary = run_task("blanks", send).xcom("send")
    assert (summary["accepted"], summary["errors"]) == (1, {"local.DUPLICATE": 1})
    nobody_twice(simulator, reached=1)


def test_people_with_several_contents_are_counted_and_told(
    run_task, simulator, aliyun_connection, tmp_path, caplog, capsys
):
    path = tmp_path / "people.csv"
    rows = "".join(f"1380008{number % 50:04d},{number}\n" for number in range(60))
    path.write_text(f"phone_number,id\n{rows}", encoding="utf-8")
    send = f"AliyunSendBatchSmsOperator(recipients={str(path)!r}, sign_name='测试', **BATCH, {{}})"
    stopped = run_task("several_contents", send.format("max_duplicates=9, retries=0"))
    assert stopped.state == "failed"
    assert simulator.counts() == {}
    assert "10 numbers have several contents" in capsys.readouterr().out
    told = run_task("several_contents", send.format("max_duplicates=10"))
    assert told.xcom("send")["repeated_numbers"] == 10
    assert "10 numbers stand in several rows with different contents" in caplog.text
    once = run_task("several_contents", send.format("dedupe='phone'"))
    assert once.xcom("send")["accepted"] == 50
    assert "repeated_numbers" not in once.xcom("send")


# ---- the audience of a retry


@pytest.mark.parametrize("left", [["13800080000"], []], ids=["smaller", "empty"])
def test_who_is_not_in_the_audience_any_more_keeps_an_outcome(run_task, simulator, aliyun_connection, left):
    send = "AliyunSendBatchSmsOperator(recipients={}, sign_name='测试', KEPT, **BATCH, retries=0)"
    run_task("smaller", send.format("PEOPLE"))
    again = run_task("smaller", send.format(left))
    assert again.state == "success"
    assert again.states["send"] == "success", "a campaign that has sent is never skipped"
    summary = again.xcom("send")
    assert summary["total"] == summary["accepted"] == 60
    nobody_twice(simulator)


# ---- names and flags


@pytest.mark.parametrize("name", ["{{ none }}", "  ", "{{ '' }}", "None"])
def test_a_campaign_without_a_name_of_its_own_is_refused(run_task, simulator, aliyun_connection, name):
    send = f"AliyunSendBatchSmsOperator(recipients=PEOPLE, sign_name='测试', campaign_id={name!r}, **BATCH)"
    assert run_task("nameless", send).state == "failed"
    assert simulator.counts() == {}


def test_a_campaign_id_without_a_ledger_path_is_told_to_protect_one_run_only(
    run_task, simulator, aliyun_connection, caplog
):
    send = "AliyunSendBatchSmsOperator(recipients=PEOPLE, sign_name='测试', campaign_id='spring', **BATCH)"
    assert run_task("no_path", send).state == "success"
    assert "ledger_path" in caplog.text


def test_a_resend_that_nothing_remembers_is_made_once(run_task, simulator, aliyun_connection):
    slow_at_first(simulator)
    outcome = run_task(
        "resend_without_ledger",
        """
AliyunSendBatchSmsOperator(
    recipients=PEOPLE, sign_name='测试', resend=True, durable=False, **BATCH, **RETRIED)
""",
    )
    assert outcome.state == "failed"
    assert simulator.counts(duplicates=True) == {}


def test_a_trial_of_one_task_sends_nothing(simulator, aliyun_connection, run_task, airflow_db, caplog):
    """``airflow tasks test`` makes a run, and takes it away again with the ledger in it."""
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
    from airflow_provider_aliyunsms.operators.parameters import TEMPORARY_RUN

    with DAG("trial", schedule=None) as dag:
        AliyunSendBatchSmsOperator(
            task_id="send", recipients=["13800080001"], template_code="SMS_1", sign_name="测试"
        )

    class Instance:
        run_id = f"{TEMPORARY_RUN}2026-01-02T03:04:05"
        dag_id, task_id, map_index, try_number, max_tries = "trial", "send", -1, 1, 0

    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises((AirflowFailException, ValueError), match="tasks test"):
        dag.get_task("send").execute({"ti": Instance()})
    assert simulator.counts() == {}
