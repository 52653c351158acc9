# SPDX-License-Identifier: Apache-2.0
"""The task group of a whole campaign in real Airflow: who gets a message, and what stops it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

HEAD = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, TaskGroup, task
from airflow_provider_aliyunsms.campaign.guards import Canary, fail, go, skip
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

PEOPLE = [f"138000{{i:05d}}" for i in range(40)]
QUICK = {{"poke_interval": 0.5, "timeout": timedelta(seconds=20)}}

class Says:
    def __init__(self, decision, **more):
        self.decision, self.more = decision, more

    def before_sending(self, facts):
        if self.decision == "go":
            return go("well", pending=facts.counts.pending, ready=facts.ready)
        if self.decision == "skip":
            return skip("a holiday")
        return fail("too many", advice="Take fewer.", **self.more)

def campaign(**given):
    return sms_campaign(**{{
        "template_code": "SMS_152550005", "sign_name": "测试签名", "recipients": PEOPLE, "approval": False,
        "ledger_path": {ledger!r}, "receipts_path": {receipts!r}, "delivery": QUICK, **given}})

CANARY = Canary(size=5, min_delivered_ratio=0.9, wait=timedelta(seconds=8))

with DAG("{dag_id}", schedule=None, default_args={{"retries": 1, "retry_delay": timedelta(seconds=0)}}) as dag:
"""

pytestmark = pytest.mark.airflow


@pytest.fixture
def write_dag(tmp_path):
    def write(dag_id, body):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path = tmp_path / f"{dag_id}.py"
        ledger, receipts = str(tmp_path / "ledger"), str(tmp_path / "receipts")
        path.write_text(HEAD.format(dag_id=dag_id, ledger=ledger, receipts=receipts) + lines, encoding="utf-8")
        return path

    return write


@pytest.fixture
def run_group(run_dag, write_dag):
    def run(dag_id, body, **keywords):
        return run_dag(write_dag(dag_id, body), **keywords)

    return run


def states(outcome):
    """The states without the name of the group."""
    return {name.removeprefix("sms_campaign."): state for name, state in outcome.states.items()}


@contextmanager
def answering(option, *, dag_id, user="admin"):
    """Answer the approval of a DAG as soon as it asks, as Airflow's own API does; gives what it showed."""
    shown, errors, stop = [], [], threading.Event()

    def wait_and_answer():
        while not stop.wait(0.2) and not shown:
            try:
                shown.extend(_answer(option, dag_id=dag_id, user=user))
            except Exception as error:
                # DAG.test would wait for an answer for ever
                errors.append(error)
                _give_up(dag_id)
                return

    thread = threading.Thread(target=wait_and_answer, daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        stop.set()
        thread.join(30)
    assert not errors, errors


def _waiting(session, dag_id):
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    return session.scalar(
        select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.state == "awaiting_input")
    )


def _answer(option, *, dag_id, user):
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session

    with create_session() as session:
        waiting = _waiting(session, dag_id)
        if waiting is None:
            return []
        detail = session.get(HITLDetail, waiting.id)
        shown = [detail.subject, detail.body]
        update_hitl_detail(
            dag_id=dag_id,
            dag_run_id=waiting.run_id,
            task_id=waiting.task_id,
            update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[option]),
            user=SimpleAuthManagerUser(username=user, role="admin"),
            session=session,
        )
        return shown


def _give_up(dag_id):
    from airflow.utils.session import create_session

    with create_session() as session:
        _waiting(session, dag_id).state = "failed"


def test_a_whole_campaign_sends_to_everybody_once(run_group, simulator, aliyun_connection):
    body = "campaign(approval=True, canary=CANARY, seed_numbers=['13900000001', '13900000002'], guards=[Says('go')])"
    with answering("Approve", dag_id="whole") as shown:
        outcome = run_group("whole", body)
    assert outcome.state == "success", outcome
    assert [*states(outcome)] and set(states(outcome).values()) == {"success"}
    subject, page = shown
    assert "40 messages" in subject
    assert "40 recipients in 1 calls of SendBatchSms" in page
    assert "Guard Says: go: well" in page
    counts = simulator.counts()
    assert len(counts) == 42
    assert set(counts.values()) == {1}
    assert outcome.xcom("sms_campaign.seeds")["accepted"] == 2
    canary, sent = outcome.xcom("sms_campaign.canary"), outcome.xcom("sms_campaign.send")
    assert (canary["accepted"], canary["skipped"], sent["accepted"]) == (5, 35, 40)
    assert canary["campaign_id"] == sent["campaign_id"] == f"whole/sms_campaign/{outcome.run_id}"
    assert outcome.xcom("sms_campaign.delivery")["delivered"] == 40
    assert [each["guard"] for each in sent["guards"]] == ["Approved", "Says", "Rehearsed"]
