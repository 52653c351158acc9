# SPDX-License-Identifier: Apache-2.0
"""Guards in real Airflow: what a decision makes of the task, and who gets a message."""

from __future__ import annotations

import pytest

HEAD = """
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_aliyunsms.campaign.guards import fail, go, skip, wait_until
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator, AliyunSendBatchSmsOperator)

PEOPLE = [f"138000000{{i:02d}}" for i in range(30)]

@dataclass(frozen=True)
class Says:
    decision: str
    text: str = ""
    template_fields = ("text",)

    def before_sending(self, facts):
        if self.decision == "go":
            count = facts.counts.pending
            return go(f"due {{facts.planned_at:%Y}}, {{count}} pending {{self.text}}", pending=count)
        if self.decision == "skip":
            return skip("a holiday")
        if self.decision == "raise":
            raise ZeroDivisionError("13800000001")
        return fail("too many", advice="Take fewer.", may_change=self.decision == "undecided")

@dataclass(frozen=True)
class Once:
    "Waits a moment the first time it is asked, and holds some back."
    mark: str
    holds: bool = False

    def before_sending(self, facts):
        if Path(self.mark).exists():
            return go("it was here before")
        Path(self.mark).touch()
        soon = facts.now + timedelta(seconds=1)
        if not self.holds:
            return wait_until(soon, "a moment")
        for rows in facts.pending():
            facts.hold(rows.places[:10], until=soon, code="local.QUIET_HOURS")
        return go("ten wait")

with DAG("{dag_id}", schedule=None, default_args={{"retries": 1, "retry_delay": timedelta(seconds=0)}}) as dag:
"""


@pytest.fixture
def run_task(run_dag, tmp_path):
    def run(dag_id, body, **kwargs):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id) + lines, encoding="utf-8")
        return run_dag(path, **kwargs)

    return run


SEND = (
    "AliyunSendBatchSmsOperator(task_id='send', template_code='SMS_152550005', sign_name='测试签名', "
    "recipients=PEOPLE, {})"
)


@pytest.mark.parametrize(
    ("decision", "state", "tries"),
    [("fail", "failed", 1), ("skip", "skipped", 1), ("undecided", "failed", 2), ("raise", "failed", 2)],
)
def test_a_decision_against_sending_ends_the_task_and_nothing_is_sent(
    run_task, simulator, aliyun_connection, decision, state, tries
):
    outcome = run_task(f"guard_{decision}", SEND.format(f"guards=[Says('go'), Says('{decision}')]"))
    assert (outcome.states["send"], outcome.tries["send"]) == (state, tries)
    assert simulator.counts() == {}
    summary = outcome.xcom("send", "campaign")
    assert [each["decision"] for each in summary["guards"]] == [
        "go",
        "skip" if decision == "skip" else "fail",
    ]
    assert (summary["skipped"], summary["total"]) == (30, 30)
    assert "13800000001" not in str(summary["guards"])


def test_a_campaign_that_guards_let_go_says_what_they_decided(run_task, simulator, aliyun_connection):
    body = """
    @task
    def word():
        return "and well"

    AliyunSendBatchSmsOperator(
        task_id='send', template_code='SMS_152550005', sign_name='测试签名', recipients=PEOPLE,
        guards=[Says('go', text=word()), Says('go', text="{{ dag.dag_id }}")])
    """
    outcome = run_task("guard_go", "\n".join(line[4:] for line in body.splitlines()))
    assert outcome.state == "success", outcome
    summary = outcome.xcom("send")
    first, second = summary["guards"]
    assert first["figures"] == {"pending": 30}
    assert first["reason"].endswith("30 pending and well")
    assert second["reason"].endswith("guard_go")
    assert set(simulator.counts().values()) == {1}


@pytest.mark.parametrize("holds", [False, True])
@pytest.mark.parametrize("api", ["china", "globe"])
def test_a_task_that_waits_goes_on_and_nobody_gets_it_twice(
    run_task, simulator, aliyun_connection, tmp_path, holds, api
):
    send = SEND
    if api == "globe":
        send = (
            "AliyunBatchSendMessageToGlobeOperator(task_id='send', message='Hello', "
            "recipients=[f'8525123{{i:04d}}' for i in range(30)], max_qps=50, {})"
        )
    guard = (
        f"guards=[Once({str(tmp_path / 'mark')!r}, holds={holds})], ledger_path={str(tmp_path / 'ledger')!r}"
    )
    outcome = run_task(f"guard_waits_{api}_{holds}", send.format(guard))
    assert outcome.state == "success", outcome
    assert (outcome.xcom("send")["accepted"], outcome.tries["send"]) == (30, 1)
    assert len(simulator.counts()) == 30
    assert set(simulator.counts().values()) == {1}


def test_mapped_tasks_are_judged_each(run_task, simulator, aliyun_connection):
    body = (
        "AliyunSendBatchSmsOperator.partial(task_id='send', template_code='SMS_152550005', sign_name='测试签名', "
        "guards=[Says('go')]).expand(recipients=[PEOPLE[:10], PEOPLE[10:]])"
    )
    outcome = run_task("guard_mapped", body)
    assert outcome.state == "success", outcome
    assert [outcome.xcom(f"send[{place}]")["guards"][0]["figures"]["pending"] for place in (0, 1)] == [10, 20]


def test_a_decorated_task_is_judged(run_task, simulator, aliyun_connection):
    body = """
@task.aliyun_sms(template_code='SMS_152550005', sign_name='测试签名', guards=[Says('fail')])
def send():
    return PEOPLE
send()
"""
    outcome = run_task("guard_decorated", body)
    assert (outcome.state, simulator.counts()) == ("failed", {})


@pytest.mark.parametrize("guards", ["[Says]", "['go']", "Says('go')"])
def test_what_is_no_guard_is_refused_when_the_file_is_parsed(guards):
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    class Says:
        def __init__(self, decision):
            self.decision = decision

        def before_sending(self, facts):
            raise NotImplementedError

    given = {"[Says]": [Says], "['go']": ["go"], "Says('go')": Says("go")}[guards]
    with pytest.raises(ConfigurationError, match="guard"):
        AliyunSendBatchSmsOperator(task_id="send", recipients=[], template_code="SMS_1", guards=given)


def test_guards_read_variables_and_earlier_runs(run_task, simulator, aliyun_connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_OPTED_OUT", "13800000001")
    body = """
class Looks:
    def before_sending(self, facts):
        around = facts.surroundings
        found = [around.variable("opted_out"), around.variable("not_there"), around.xcom(task_id="before")]
        last = around.last_run()
        assert found == ["13800000001", None, 7], found
        return go("looked", last=last and last["total"])

@task
def before():
    return 7

before() >> AliyunSendBatchSmsOperator(
    task_id='send', template_code='SMS_152550005', sign_name='测试签名', recipients=PEOPLE, guards=[Looks()])
"""
    first = run_task("guard_looks", body)
    assert first.xcom("send")["guards"][0]["figures"] == {"last": None}
    second = run_task("guard_looks", body)
    assert second.xcom("send")["guards"][0]["figures"] == {"last": 30}


def test_a_task_can_wait_in_the_scheduler(run_task, simulator, aliyun_connection, tmp_path):
    guard = f"guards=[Once({str(tmp_path / 'mark')!r})], guard_wait='reschedule'"
    outcome = run_task("guard_rescheduled", SEND.format(guard))
    assert outcome.states["send"] in ("success", "up_for_reschedule"), outcome
    assert set(simulator.counts().values()) <= {1}


CANARY = (
    "canary=Canary(size=5, min_delivered_ratio=0.9, wait=timedelta(seconds=2)), ledger_path={ledger!r}, "
    "receipts_path={receipts!r}"
)
IMPORT = "from airflow_provider_aliyunsms.campaign.guards import Canary, Rehearsed, Sample\n"


def test_a_canary_goes_first_and_the_rest_follows(run_task, simulator, aliyun_connection, tmp_path):
    fields = CANARY.format(ledger=str(tmp_path / "ledger"), receipts=str(tmp_path / "receipts.csv"))
    outcome = run_task("canary_good", IMPORT + SEND.format(fields))
    assert (outcome.state, outcome.tries["send"]) == ("success", 1), outcome
    summary = outcome.xcom("send")
    assert summary["accepted"] == 30
    assert summary["guards"][0]["figures"]["delivered"] == 5
    assert set(simulator.counts().values()) == {1}


def test_a_canary_that_is_not_delivered_stops_the_rest(run_task, simulator, aliyun_connection, tmp_path):
    fields = CANARY.format(ledger=str(tmp_path / "ledger"), receipts=str(tmp_path / "receipts.csv"))
    # The carrier of these says that they are switched off.
    people = "PEOPLE = [f'138{i:04d}0401' for i in range(30)]\n"
    outcome = run_task("canary_bad", IMPORT + people + SEND.format(fields))
    assert (outcome.state, outcome.tries["send"]) == ("failed", 1), outcome
    assert len(simulator.counts()) == 5
    summary = outcome.xcom("send", "campaign")
    assert (summary["accepted"], summary["skipped"]) == (5, 25)
    assert summary["guards"][0]["figures"]["codes"] == {"MOBILE_NOT_ON_SERVICE": 5}
    assert len((tmp_path / "receipts.csv").read_text().splitlines()) == 31


def test_a_sample_and_the_rest_share_one_ledger(run_task, simulator, aliyun_connection, tmp_path):
    fields = f"campaign_id='one', ledger_path={str(tmp_path / 'ledger')!r}, "
    sample = SEND.replace("'send'", "'sample'").format(fields + "guards=[Sample(size=4)]")
    body = f"{IMPORT}{sample} >> {SEND.format(fields)}"
    outcome = run_task("sample_and_rest", body)
    assert outcome.state == "success", outcome
    assert (outcome.xcom("sample")["accepted"], outcome.xcom("sample")["skipped"]) == (4, 26)
    assert outcome.xcom("send")["accepted"] == 30
    assert set(simulator.counts().values()) == {1}


@pytest.mark.parametrize("changed", [False, True])
def test_only_what_was_rehearsed_is_sent(run_task, simulator, aliyun_connection, changed):
    people = "PEOPLE[::-1]" if changed else "PEOPLE"
    fields = "template_code='SMS_152550005', sign_name='测试签名'"
    body = f"""
{IMPORT}
rehearsal = AliyunSendBatchSmsOperator(task_id='rehearsal', recipients=PEOPLE, dry_run=True, {fields})
digest = "{{{{ ti.xcom_pull('rehearsal')['rehearsal']['digest'] }}}}"
rehearsal >> AliyunSendBatchSmsOperator(
    task_id='send', recipients={people}, guards=[Rehearsed(digest=digest)], {fields})
"""
    outcome = run_task(f"rehearsed_{changed}", body)
    assert outcome.states["rehearsal"] == "success"
    assert outcome.states["send"] == ("failed" if changed else "success")
    assert len(simulator.counts()) == (0 if changed else 30)


def test_a_task_without_a_ledger_does_not_wait_in_the_middle(
    run_task, simulator, aliyun_connection, tmp_path
):
    guard = f"guards=[Once({str(tmp_path / 'mark')!r}, holds=True)], durable=False"
    outcome = run_task("guard_not_durable", SEND.format(guard))
    assert outcome.state == "failed", outcome
    assert len(simulator.counts()) == 20
    assert set(simulator.counts().values()) == {1}


def test_a_task_without_a_ledger_may_wait_before_it_begins(run_task, simulator, aliyun_connection, tmp_path):
    guard = f"guards=[Once({str(tmp_path / 'mark')!r})], durable=False"
    outcome = run_task("guard_not_durable_yet", SEND.format(guard))
    assert outcome.state == "success", outcome
    assert len(simulator.counts()) == 30


def test_a_ledger_that_is_lost_during_a_wait_stops_the_task(run_task, simulator, aliyun_connection, tmp_path):
    ledger = str(tmp_path / "ledger")
    body = f"""
import shutil

@task.aliyun_sms(template_code='SMS_152550005', sign_name='测试签名', ledger_path={ledger!r}, retries=0,
                 guards=[Once({str(tmp_path / "mark")!r}, holds=True)])
def send():
    shutil.rmtree({ledger!r}, ignore_errors=True)
    return PEOPLE
send()
"""
    outcome = run_task("guard_lost_ledger", body)
    assert outcome.state == "failed", outcome
    assert len(simulator.counts()) == 20
    assert set(simulator.counts().values()) == {1}


STOPS = """
@dataclass(frozen=True)
class Stops:
    "Lets some calls go, and skips the rest; a folder stands then where the receipts should be."
    receipts: str
    def before_sending(self, facts):
        return go("begin")
    def before_window(self, facts):
        if not facts.counts.accepted:
            return go("more")
        Path(self.receipts).unlink(missing_ok=True)
        Path(self.receipts, "full").mkdir(parents=True)
        return skip("enough")
"""


def test_a_task_that_has_sent_is_not_skipped_though_its_receipts_are_lost(
    run_task, simulator, aliyun_connection, tmp_path
):
    receipts = str(tmp_path / "receipts.csv")
    fields = f"guards=[Stops({receipts!r})], max_qps=1, chunk_size=5, retries=0, receipts_path={receipts!r}"
    outcome = run_task("guard_skip_without_receipts", STOPS + SEND.format(fields))
    assert simulator.counts()
    assert outcome.states["send"] == "failed", outcome


def test_a_wait_in_the_middle_keeps_the_ledger_of_airflow(run_task, simulator, aliyun_connection, tmp_path):
    guard = f"guards=[Once({str(tmp_path / 'mark')!r}, holds=True)]"
    outcome = run_task("guard_own_store", SEND.format(guard))
    assert outcome.state == "success", outcome
    assert (outcome.xcom("send")["accepted"], outcome.tries["send"]) == (30, 1)
    assert set(simulator.counts().values()) == {1}


def test_a_mapped_task_renders_the_fields_of_its_guards(run_task, simulator, aliyun_connection):
    body = (
        "AliyunSendBatchSmsOperator.partial(task_id='send', template_code='SMS_152550005', sign_name='测试签名', "
        "guards=[Says('go', text='{{ dag.dag_id }}')]).expand(recipients=[PEOPLE[:10], PEOPLE[10:]])"
    )
    outcome = run_task("guard_mapped_text", body)
    assert outcome.state == "success", outcome
    assert outcome.xcom("send[0]")["guards"][0]["reason"].endswith("guard_mapped_text")


def test_an_error_in_the_template_of_a_guard_shows_no_value(run_task, simulator, aliyun_connection, capfd):
    field = "text='{{ [13800000001][5].upper() }}'"
    outcome = run_task("guard_bad_template", SEND.format(f"guards=[Says('go', {field})], retries=0"))
    assert (outcome.states["send"], simulator.counts()) == ("failed", {})
    shown = "".join(capfd.readouterr())
    assert "13800000001" not in shown


def test_two_tasks_share_one_guard_and_each_renders_its_own(run_task, simulator, aliyun_connection):
    send = SEND.replace("recipients=PEOPLE", "recipients=PEOPLE[:5]")
    body = "guard = Says('go', text='{{ task.task_id }}')\n" + "\n".join(
        send.replace("'send'", f"'{name}'").format("guards=[guard]") for name in ("one", "two")
    )
    outcome = run_task("guard_shared", body)
    assert outcome.state == "success", outcome
    for name in ("one", "two"):
        assert outcome.xcom(name)["guards"][0]["reason"].endswith(name)


def test_a_mapped_task_that_runs_after_another_one_reads_its_value_in_a_guard(
    run_task, simulator, aliyun_connection
):
    body = """
@task
def word():
    return "and well"

found = word()
found >> AliyunSendBatchSmsOperator.partial(
    task_id='send', template_code='SMS_152550005', sign_name='测试签名', guards=[Says('go', text=found)],
).expand(recipients=[PEOPLE[:10], PEOPLE[10:]])
"""
    outcome = run_task("guard_mapped_upstream", body)
    assert outcome.state == "success", outcome
    assert outcome.xcom("send[0]")["guards"][0]["reason"].endswith("and well")


def test_guards_may_stand_in_the_default_arguments(run_task, simulator, aliyun_connection):
    body = "dag.default_args['guards'] = [Says('fail')]\n" + SEND.format("retries=0")
    outcome = run_task("guard_default_args", body)
    assert (outcome.states["send"], simulator.counts()) == ("failed", {})


def test_who_is_mapped_and_held_back_gets_it_once(run_task, simulator, aliyun_connection, tmp_path):
    marks = str(tmp_path / "mark")
    body = f"""
@dataclass(frozen=True)
class OnceEach(Once):
    def before_sending(self, facts):
        place = facts.campaign_id.rpartition("/")[2]
        return Once(self.mark + place, True).before_sending(facts)

AliyunSendBatchSmsOperator.partial(
    task_id='send', template_code='SMS_152550005', sign_name='测试签名', guards=[OnceEach({marks!r})],
).expand(recipients=[PEOPLE[:15], PEOPLE[15:]])
"""
    outcome = run_task("guard_mapped_held", body)
    assert outcome.state == "success", outcome
    assert len(simulator.counts()) == 30
    assert set(simulator.counts().values()) == {1}


def test_a_decision_to_fail_goes_before_people_who_wait(run_task, simulator, aliyun_connection, tmp_path):
    guard = f"guards=[Once({str(tmp_path / 'mark')!r}, holds=True), Says('fail')]"
    outcome = run_task("guard_held_then_fails", SEND.format(guard))
    assert outcome.states["send"] == "failed", outcome
    assert simulator.counts() == {}


def test_a_mapped_task_that_has_waited_is_not_new_in_a_run_that_was_cleared_meanwhile(tmp_path):
    from airflow_provider_aliyunsms.exceptions import LedgerConflictError
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    class Instance:
        dag_id, task_id, run_id, map_index, try_number, max_tries = "waits", "send", "run", 0, 1, 0

    class Run:
        clear_number = 1

    send = AliyunSendBatchSmsOperator(
        task_id="send",
        recipients=[],
        template_code="SMS_1",
        sign_name="测试",
        ledger_path=str(tmp_path / "ledger"),
    )
    context = {"ti": Instance(), "dag_run": Run()}
    with pytest.raises(LedgerConflictError, match="new in a run"):
        send._store(context)
    # It had its ledger before the wait, and sends nothing where that is lost.
    send._waited = True
    choice, _ = send._store(context)
    assert choice.is_durable
