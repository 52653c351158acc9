# SPDX-License-Identifier: Apache-2.0
"""The China operator in real Airflow, over real HTTP: what a DAG author and a recipient would see."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

HEAD = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

with DAG("{dag_id}", schedule=None, default_args={{"retries": 2, "retry_delay": timedelta(seconds=0)}}) as dag:
"""


@pytest.fixture
def run_task(run_dag, tmp_path):
    """Run a DAG whose body is given as text."""

    def run(dag_id, body, **kwargs):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id) + lines, encoding="utf-8")
        return run_dag(path, **kwargs)

    return run


SEND = "AliyunSendBatchSmsOperator(task_id='send', template_code='SMS_152550005', sign_name='测试签名', {})"


def test_a_list_is_sent_once_and_every_recipient_has_a_receipt(run_task, simulator, aliyun_connection):
    people = ["13800000001", "+86 138-0000-0002", "0086138 0000 0003", "13800000001", "12345", "+85251234567"]
    outcome = run_task("china_list", SEND.format(f"recipients={people!r}"))
    assert outcome.state == "success"
    summary = outcome.xcom("send")
    assert (summary["total"], summary["accepted"], summary["rejected"], summary["skipped"]) == (6, 4, 1, 1)
    assert summary["unknown"] == 0
    assert summary["errors"] == {"local.INVALID_NUMBER": 1, "local.DUPLICATE": 1}
    assert simulator.counts() == {
        "13800000001": 1,
        "13800000002": 1,
        "13800000003": 1,
        "85251234567": 1,
    }
    receipts = summary["receipts"]
    assert [receipt["outcome"] for receipt in receipts] == [
        "accepted",
        "accepted",
        "accepted",
        "skipped",
        "rejected",
        "accepted",
    ]
    assert set(receipts[0]) == {"phone_number", "outcome", "code", "biz_id", "out_id", "time"}
    assert len({receipt["biz_id"] for receipt in receipts if receipt["outcome"] == "accepted"}) == 1


def test_variables_and_signatures_stay_with_their_recipient(run_task, simulator, aliyun_connection):
    people = [
        {
            "phone_number": f"138000010{i:02d}",
            "template_param": {"name": f"n{i}"},
            "sign_name": f"签名{i % 3}",
        }
        for i in range(57)
    ]
    body = SEND.format(f"recipients={people!r}, template_param={{'city': '杭州', 'n': 7}}, chunk_size=10")
    outcome = run_task("china_variables", body)
    assert outcome.xcom("send")["accepted"] == 57
    assert outcome.xcom("send")["requests"] == 6
    messages = {message["number"]: message["content"] for message in simulator.messages(limit=100)}
    for i, person in enumerate(people):
        text = messages[person["phone_number"]]
        assert text.startswith(f"【签名{i % 3}】")
        assert f"n{i}" in text
        assert "杭州" in text


def test_a_big_file_leaves_its_receipts_in_a_file(run_task, simulator, aliyun_connection, tmp_path):
    rows = "".join(f"1380001{i:04d},n{i}\n" for i in range(250) if f"{i:04d}" not in ("0401",))
    source = tmp_path / "audience.csv"
    source.write_text(f"phone_number,name\n{rows}", encoding="utf-8")
    body = SEND.format(f"recipients={str(source)!r}, receipts_path={str(tmp_path / 'receipts')!r}")
    summary = run_task("china_file", body).xcom("send")
    assert summary["accepted"] == 250
    assert "receipts" not in summary
    assert len(json.dumps(summary)) < 2000
    lines = Path(summary["receipts_path"]).read_text(encoding="utf-8").splitlines()
    assert Counter(json.loads(line)["outcome"] for line in lines) == {"accepted": 250}


def test_one_bad_number_does_not_sink_ninety_nine(run_task, simulator, aliyun_connection):
    people = [f"1380002{i:04d}" for i in range(30)] + ["13800020501", "13800020503"]
    summary = run_task("china_poison", SEND.format(f"recipients={people!r}, refusal_wait=1")).xcom("send")
    assert (summary["accepted"], summary["rejected"]) == (30, 2)
    assert summary["errors"] == {"isv.MOBILE_NUMBER_ILLEGAL": 1, "isv.BLACK_KEY_CONTROL_LIMIT": 1}
    assert simulator.counts(duplicates=True) == {}


def test_a_doomed_campaign_stops_at_once_and_is_not_retried(run_task, simulator, aliyun_connection):
    people = [f"1380003{i:04d}" for i in range(50)]
    body = SEND.format(f"recipients={people!r}, chunk_size=5, max_concurrency=1").replace(
        "SMS_152550005", "SMS_404"
    )
    outcome = run_task("china_doomed", body)
    assert outcome.state == "failed"
    assert outcome.tries["send"] == 1
    assert simulator.stats()["requests"]["SendBatchSms"] == 1
    assert simulator.counts() == {}


def test_a_retry_sends_only_what_the_first_try_did_not(run_task, simulator, aliyun_connection):
    simulator.misbehave("drop_after", action="SendBatchSms", times=1, skip=2)
    simulator.misbehave("no_records", action="QuerySendDetails", times=1000)
    people = [f"1380004{i:04d}" for i in range(40)]
    body = SEND.format(
        f"recipients={people!r}, chunk_size=5, max_concurrency=1, settle_time=600, evidence_wait=0.1"
    )
    outcome = run_task("china_unknown", body)
    assert outcome.state == "failed"
    assert outcome.tries["send"] == 3
    assert outcome.xcom("send", "campaign")["unknown"] == 5
    assert outcome.xcom("send", "campaign")["accepted"] == 35
    assert simulator.counts(duplicates=True) == {}
    assert len(simulator.counts()) == 40


def test_progress_and_ledger_stand_in_the_task_state_without_numbers(
    run_task, simulator, aliyun_connection, airflow_home
):
    people = [f"1380006{i:04d}" for i in range(40)]
    assert run_task("china_state", SEND.format(f"recipients={people!r}")).state == "success"
    with sqlite3.connect(airflow_home / "airflow.db") as database:
        query = "select key, value from task_state_store where dag_id = 'china_state'"
        state = dict(database.execute(query).fetchall())
    progress = json.loads(state["aliyun_sms.progress"])
    counts = {
        "settled": 40,
        "total": 40,
        "accepted": 40,
        "rejected": 0,
        "skipped": 0,
        "unknown": 0,
        "pending": 0,
    }
    assert progress | counts == progress
    assert (progress["try"], progress["open"], progress["ending"]) == (1, 0, None)
    assert len(state["aliyun_sms.progress"]) < 2000
    assert not any(number in text for text in state.values() for number in people)
    assert max(map(len, state.values())) < 65_535


def test_an_empty_audience_is_skipped_or_fails(run_task, simulator, aliyun_connection):
    assert run_task("china_empty", SEND.format("recipients=[]")).states["send"] == "skipped"
    assert (
        run_task("china_empty_fail", SEND.format("recipients=[], on_empty='fail'")).states["send"] == "failed"
    )
    assert simulator.stats()["requests"] == {}


@pytest.mark.parametrize(
    "parameters",
    [
        "recipients='/nowhere/audience.csv'",
        "recipients=['13800000001'], template_param={'name': 'x' * 36}",
        "recipients=['12', '34']",
        "recipients=['13800000001', '12', '34'], max_rejected=1",
        "recipients=['13800000001', '12', '34'], max_rejected=0.5",
        "recipients=['13800000001'], dry_run='perhaps'",
        "recipients={'phone_number': '13800000001'}",
        "recipients='audience.xlsx'",
    ],
)
def test_bad_input_fails_before_the_first_send(run_task, simulator, aliyun_connection, parameters):
    body = SEND.format(parameters + ", retries=0")
    assert run_task("china_bad_input", body).states["send"] == "failed"
    assert simulator.stats()["requests"] == {}


def test_no_signature_anywhere_and_one_in_the_connection(run_task, simulator, set_connection):
    set_connection(login="testid", password="testsecret", host=simulator.url)
    body = SEND.replace("sign_name='测试签名', ", "").format("recipients=['13800000001'], retries=0")
    assert run_task("china_no_signature", body).states["send"] == "failed"
    set_connection(login="testid", password="testsecret", host=simulator.url, extra={"sign_name": "连接签名"})
    assert run_task("china_conn_signature", body).states["send"] == "success"
    assert simulator.messages()[0]["content"].startswith("【连接签名】")


def test_a_dry_run_sends_nothing_and_says_what_it_would(run_task, simulator, aliyun_connection):
    people = [f"1380005{i:04d}" for i in range(12)] + ["12"]
    body = SEND.format(
        f"recipients={people!r}, chunk_size=5, dry_run='{{{{ params.rehearse }}}}', params={{'rehearse': True}}"
    )
    summary = run_task("china_dry", body).xcom("send")
    assert simulator.stats()["requests"] == {}
    assert (summary["skipped"], summary["rejected"], summary["planned_requests"]) == (12, 1, 3)
    assert summary["errors"]["local.DRY_RUN"] == 12


def test_mapped_tasks_are_campaigns_of_their_own(run_task, simulator, aliyun_connection):
    body = (
        "AliyunSendBatchSmsOperator.partial(task_id='send', template_code='SMS_1', sign_name='测试')"
        ".expand(recipients=[['13800000011', '13800000012'], ['13800000011']])"
    )
    outcome = run_task("china_mapped", body)
    assert outcome.xcom("send[0]")["accepted"] == 2
    assert outcome.xcom("send[1]")["accepted"] == 1
    assert simulator.counts() == {"13800000011": 2, "13800000012": 1}


def test_an_upstream_task_hands_its_recipients_over(run_task, simulator, aliyun_connection):
    body = """
@task(show_return_value_in_logs=False)
def prepare():
    return [{"phone_number": "13800000021", "template_param": {"code": 1234}}]

""" + SEND.format("recipients=prepare()")
    summary = run_task("china_upstream", body).xcom("send")
    assert summary["accepted"] == 1
    assert "1234" in simulator.messages()[0]["content"]
