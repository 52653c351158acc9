# SPDX-License-Identifier: Apache-2.0
"""The global operator in real Airflow, over real HTTP."""

from __future__ import annotations

import pytest

HEAD = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunBatchSendMessageToGlobeOperator

with DAG("{dag_id}", schedule=None, default_args={{"retries": 1, "retry_delay": timedelta(seconds=0)}}) as dag:
"""

SEND = "AliyunBatchSendMessageToGlobeOperator(task_id='send', {})"


@pytest.fixture
def run_task(run_dag, tmp_path):
    """Run a DAG with the operator's parameters given as text."""

    def run(dag_id, parameters):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id) + f"    {SEND.format(parameters)}\n", encoding="utf-8")
        return run_dag(path)

    return run


def test_everybody_gets_their_own_text(run_task, simulator, aliyun_connection):
    people = [{"to": f"+8525123{i:04d}", "template_param": {"name": f"N{i}"}} for i in range(1, 8)]
    people += [{"to": "6591230001", "message": "Own text"}]
    outcome = run_task(
        "globe_texts", f"recipients={people!r}, message='Hello ${{name}}', sender_id='Alicloud321'"
    )
    summary = outcome.xcom("send")
    assert (summary["total"], summary["accepted"], summary["requests"]) == (8, 8, 1)
    assert set(summary["receipts"][0]) == {"to", "outcome", "code", "message_id", "out_id", "time"}
    assert len({receipt["message_id"] for receipt in summary["receipts"]}) == 8
    texts = {message["number"]: message["content"] for message in simulator.messages()}
    assert texts["85251230003"] == "Hello N3"
    assert texts["6591230001"] == "Own text"


def test_the_message_id_of_each_receipt_is_that_of_its_recipient(run_task, simulator, aliyun_connection):
    # 0501 comes back in FailedList: the ids of the others must not slip.
    people = ["85251230001", "85251230501", "85251230002", "85251230003"]
    summary = run_task("globe_failed_list", f"recipients={people!r}, message='Hi'").xcom("send")
    assert (summary["accepted"], summary["rejected"]) == (3, 1)
    assert summary["errors"] == {"FailedList": 1}
    truth = {message["number"]: message["message_id"] for message in simulator.messages()}
    assert {r["to"]: r["message_id"] for r in summary["receipts"] if r["outcome"] == "accepted"} == truth


def test_ids_that_do_not_fit_leave_the_accepted_without_one(run_task, simulator, aliyun_connection):
    simulator.misbehave("lengths", action="BatchSendMessageToGlobe", times=1)
    people = [f"8525124{i:04d}" for i in range(6)]
    outcome = run_task("globe_contradiction", f"recipients={people!r}, message='Hi', chunk_size=3")
    assert outcome.state == "success"
    summary = outcome.xcom("send")
    assert (summary["accepted"], summary["errors"]) == (6, {})
    assert sum(one["message_id"] is None for one in summary["receipts"]) == 3


def test_refused_regions_are_named_before_sending(run_task, simulator, aliyun_connection):
    people = ["+8613800000001", "13800000002", "+12025550123", "+85251230001"]
    summary = run_task("globe_regions", f"recipients={people!r}, message='Hi'").xcom("send")
    assert (summary["accepted"], summary["rejected"]) == (1, 3)
    assert summary["errors"] == {"local.REFUSED_REGION": 3}
    assert list(simulator.counts()) == ["85251230001"]


def test_never_more_than_one_call_in_any_second(run_task, simulator, aliyun_connection):
    simulator.options(globe_qps=1)
    people = [f"8525125{i:04d}" for i in range(8)]
    summary = run_task("globe_pace", f"recipients={people!r}, message='Hi', chunk_size=2").xcom("send")
    assert summary["accepted"] == 8
    stats = simulator.stats()
    assert stats["requests"] == {"BatchSendMessageToGlobe": 4}
    assert stats["worst_second"]["BatchSendMessageToGlobe"] == 1
    assert stats["refused"] == {}


def test_an_unanswered_call_is_never_sent_again_unless_asked(run_task, simulator, aliyun_connection):
    simulator.misbehave("drop_after", action="BatchSendMessageToGlobe", times=1)
    people = [f"8525126{i:04d}" for i in range(4)]
    parameters = f"recipients={people!r}, message='Hi', chunk_size=2, max_qps=None"
    outcome = run_task("globe_unknown", parameters)
    assert outcome.state == "failed"
    assert outcome.xcom("send", "campaign")["unknown"] == 2
    assert simulator.counts(duplicates=True) == {}
    assert len(simulator.counts()) == 4


@pytest.mark.parametrize(
    "parameters",
    [
        "recipients=['85251230001']",
        "recipients=['85251230001'], message='x' * 1501",
        "recipients=['85251230001'], message='Hi', sender_id='bad id'",
        "recipients=['85251230001'], message='Hi', sender_id='ABCDEFGHIJKL'",
        "recipients=['85251230001'], message='Hi', message_type='SPAM'",
        "recipients=['85251230001'], message='Hi ${name}'",
    ],
)
def test_bad_input_fails_before_the_first_send(run_task, simulator, aliyun_connection, parameters):
    outcome = run_task("globe_bad_input", parameters + ", retries=0")
    assert outcome.states["send"] == "failed"
    assert simulator.stats()["requests"] == {}
