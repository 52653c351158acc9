# SPDX-License-Identifier: Apache-2.0
"""The task group of a whole campaign in real Airflow: who gets a message, and what stops it."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from approvals import answering

HEAD = """
from datetime import timedelta
from pathlib import Path
from airflow.providers.common.compat.sdk import DAG, TaskGroup, task
from airflow_provider_aliyunsms.campaign.guards import Canary, fail, go, skip
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

PEOPLE = [f"138000{{i:05d}}" for i in range(40)]
LEDGER, RECEIPTS = {ledger!r}, {receipts!r}
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
        "ledger_path": LEDGER, "receipts_path": RECEIPTS, "delivery": QUICK, **given}})

CANARY = Canary(size=5, min_delivered_ratio=0.9, wait=timedelta(seconds=8))

with DAG("{dag_id}", schedule=None, default_args={{"retries": 1, "retry_delay": timedelta(seconds=0)}}) as dag:
"""

pytestmark = pytest.mark.airflow


@pytest.fixture(autouse=True)
def a_template_that_the_vendor_knows(simulator):
    simulator.templates({"SMS_152550005": "尊敬的会员，春季特惠今日开始。"})
    simulator.signatures({"测试签名": {}})


@pytest.fixture
def write_dag(tmp_path):
    def write(dag_id, body):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path = tmp_path / f"{dag_id}.py"
        ledger, receipts = str(tmp_path / "ledger"), str(tmp_path / "receipts")
        path.write_text(
            HEAD.format(dag_id=dag_id, ledger=ledger, receipts=receipts) + lines, encoding="utf-8"
        )
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
def sweeping():
    """Do what the scheduler does with requests that nobody has answered in time."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.utils.session import create_session

    stop = threading.Event()
    runner = SchedulerJobRunner(job=Job())

    def sweep():
        while not stop.wait(0.5):
            with create_session() as session:
                runner.check_awaiting_input_timeouts(session=session)

    thread = threading.Thread(target=sweep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def clear(run_dag, monkeypatch):
    """Clear some tasks of a run, and let it go on."""
    from airflow.models import dagrun

    def again(path, first, *tasks):
        def cleared_run(*, dag, session, **_):
            from sqlalchemy import select

            dag.clear(task_ids=list(tasks), run_id=first.run_id, dag_run_state="running", session=session)
            run = session.scalar(
                select(dagrun.DagRun).where(
                    dagrun.DagRun.dag_id == dag.dag_id, dagrun.DagRun.run_id == first.run_id
                )
            )
            run.dag = dag
            session.commit()
            return run

        with monkeypatch.context() as patch:
            patch.setattr(dagrun, "get_or_create_dagrun", cleared_run)
            outcome = run_dag(path)
        assert outcome.run_id == first.run_id
        return outcome

    return again


def test_a_whole_campaign_sends_to_everybody_once(run_group, simulator, aliyun_connection, tmp_path):
    body = f"""
campaign(
    approval=True, canary=CANARY, seed_numbers=['13900000001', '13900000002'], guards=[Says('go')],
    report_path={str(tmp_path / "reports")!r}, price="0.045 CNY")
"""
    with answering("Approve", dag_id="whole") as shown:
        outcome = run_group("whole", body)
    assert outcome.state == "success", outcome
    assert set(states(outcome).values()) == {"success"}
    subject, page = shown
    assert "40 messages" in subject
    assert "40 recipients in 1 calls of SendBatchSms" in page
    assert "Guard Says: go: well" in page
    assert "春季特惠" in page
    assert "138000000" not in page
    counts = simulator.counts()
    assert len(counts) == 42
    assert set(counts.values()) == {1}
    assert outcome.xcom("sms_campaign.seeds")["accepted"] == 2
    canary, sent = outcome.xcom("sms_campaign.canary"), outcome.xcom("sms_campaign.send")
    assert (canary["accepted"], canary["skipped"], sent["accepted"]) == (5, 35, 40)
    assert canary["campaign_id"] == sent["campaign_id"] == f"whole/sms_campaign/{outcome.run_id}"
    assert outcome.xcom("sms_campaign.delivery")["delivered"] == 40
    assert [each["guard"] for each in sent["guards"]] == [
        "AfterSample",
        "Approved",
        "Preflight",
        "Says",
        "Rehearsed",
    ]
    written = outcome.xcom("sms_campaign.report")
    report = json.loads(Path(written["json"]).read_text(encoding="utf-8"))
    assert report["outcomes"] == {"total": 40, "accepted": 40, "rejected": 0, "skipped": 0, "unknown": 0}
    assert [each["delivered"] for each in report["deliveries"]] == [5, 40]
    assert report["seeds"]["accepted"] == 2
    assert report["cost"] == {"parts": 40, "price": "0.045", "amount": "1.80", "currency": "CNY"}
    assert "1.80 CNY" in Path(written["html"]).read_text(encoding="utf-8")


def test_what_may_have_been_sent_counts_in_the_cost_of_the_report():
    from airflow_provider_aliyunsms.operators.report import parts_of

    rehearsal = {"rehearsal": {"parts": 30, "recipients": 20}}
    assert parts_of(rehearsal, [{"accepted": 9, "unknown": 1}]) == 15
    assert parts_of(rehearsal, [{"accepted": 9, "unknown": 0}]) == 14
    assert parts_of(None, [{"accepted": 9, "unknown": 0}]) is None


def test_who_rejects_lets_nothing_be_sent_and_what_follows_is_skipped(
    run_group, simulator, aliyun_connection, tmp_path
):
    body = f"""
@task
def afterwards():
    return 1
campaign(
    approval=True, canary=CANARY, seed_numbers="13900000001", report_path={str(tmp_path / "reports")!r}
) >> afterwards()
"""
    with answering("Reject", dag_id="rejected"):
        outcome = run_group("rejected", body)
    assert simulator.counts() == {}
    found = states(outcome)
    assert {name for name, state in found.items() if state == "success"} == {
        "rehearsal",
        "approval",
        "report",
    }
    assert {state for name, state in found.items() if name not in ("rehearsal", "approval", "report")} == {
        "skipped"
    }
    report = json.loads(Path(outcome.xcom("sms_campaign.report")["json"]).read_text(encoding="utf-8"))
    assert report["dry_run"]


def test_no_answer_in_time_fails_and_nothing_is_sent(run_group, simulator, aliyun_connection):
    body = "campaign(approval={'response_timeout': timedelta(seconds=1)})"
    with sweeping():
        outcome = run_group("unanswered", body)
    assert (outcome.state, simulator.counts()) == ("failed", {})
    assert states(outcome)["approval"] == "failed"
    assert outcome.tries["sms_campaign.approval"] == 1
    assert states(outcome)["send"] == "upstream_failed"


def test_a_canary_that_is_not_delivered_stops_the_rest(run_group, simulator, aliyun_connection, tmp_path):
    # The carrier of these says that they are switched off.
    body = f"""
PEOPLE = [f"138{{i:04d}}0401" for i in range(40)]
campaign(recipients=PEOPLE, canary=CANARY, report_path={str(tmp_path / "reports")!r})
"""
    outcome = run_group("bad_canary", body)
    assert outcome.state == "failed"
    assert len(simulator.counts()) == 5
    found = states(outcome)
    assert (found["canary"], found["canary_delivery"]) == ("success", "failed")
    assert (found["send"], found["delivery"], found["report"]) == (
        "upstream_failed",
        "upstream_failed",
        "success",
    )
    report = json.loads(Path(outcome.xcom("sms_campaign.report")["json"]).read_text(encoding="utf-8"))
    assert report["outcomes"]["accepted"] == 5


def test_what_the_gateway_refuses_of_a_canary_counts_as_not_delivered(
    run_group, simulator, aliyun_connection
):
    """Of five, two are refused and three delivered: the sensor sees three of three."""
    body = """
PEOPLE = [f"138{i:04d}{'0501' if i < 2 else '0000'}" for i in range(5)]
campaign(recipients=PEOPLE, canary=CANARY, refusal_wait=1, settle_time=1)
"""
    outcome = run_group("refused_canary", body)
    assert outcome.state == "failed"
    found = states(outcome)
    assert (found["canary"], found["send"]) == ("failed", "upstream_failed")
    assert outcome.xcom("sms_campaign.canary", "campaign")["rejected"] == 2


def test_canary_and_rest_share_what_they_claim_and_another_campaign_finds_it_taken(
    run_group, simulator, aliyun_connection, tmp_path
):
    (tmp_path / "claims").mkdir()
    body = f"""
from airflow_provider_aliyunsms.campaign.guards import FrequencyCap, MaxMessages
from airflow_provider_aliyunsms.campaign.guards.daily import DailyTotal
PLACE = {str(tmp_path / "claims")!r}
campaign(canary=CANARY, guards=[
    FrequencyCap(1, per=timedelta(days=7), store=PLACE), MaxMessages(60, daily=DailyTotal(PLACE))])
"""
    assert run_group("claims_one", body).state == "success"
    assert len(simulator.counts()) == 40
    second = body.replace(
        "canary=CANARY", "recipients=[*PEOPLE[:10], *[f'138001{i:05d}' for i in range(15)]]"
    )
    outcome = run_group("claims_two", second)
    assert outcome.state == "success", outcome
    assert outcome.xcom("sms_campaign.send")["errors"] == {"local.FREQUENCY_CAP": 10}
    assert len(simulator.counts()) == 55
    assert set(simulator.counts().values()) == {1}
    third = body.replace("canary=CANARY", "recipients=[f'138002{i:05d}' for i in range(6)]")
    assert run_group("claims_three", third).state == "failed", "six more than the 60 of the day"
    assert len(simulator.counts()) == 55


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ("rehearsal=False, delivery=False", ["send"]),
        ("rehearsal=False, delivery=False, ledger_path=None, receipts_path=None", ["send"]),
        ("delivery=False", ["rehearsal", "send"]),
        ("rehearsal=False, canary=CANARY", ["canary", "canary_delivery", "send", "delivery"]),
        ("delivery=False, seed_numbers='13900000001'", ["rehearsal", "seeds", "send"]),
    ],
)
def test_each_step_can_be_left_out(run_group, simulator, aliyun_connection, given, steps):
    number = abs(hash(given))
    outcome = run_group(f"steps_{number}", f"campaign({given})")
    assert outcome.state == "success", outcome
    assert sorted(states(outcome)) == sorted(steps)
    people = {phone: count for phone, count in simulator.counts().items() if phone.startswith("138")}
    assert len(people) == 40
    assert set(simulator.counts().values()) == {1}


@pytest.mark.parametrize(
    ("says", "state", "tries"),
    [("'fail'", "failed", 1), ("'fail', may_change=True", "failed", 2), ("'skip'", "skipped", 1)],
)
def test_a_guard_that_would_stop_the_campaign_ends_the_rehearsal(
    run_group, simulator, aliyun_connection, says, state, tries
):
    outcome = run_group(
        f"guarded_{state}_{tries}", f"campaign(guards=[Says('go'), Says({says})], canary=CANARY)"
    )
    assert simulator.counts() == {}
    assert (states(outcome)["rehearsal"], outcome.tries["sms_campaign.rehearsal"]) == (state, tries)
    assert states(outcome)["send"] == ("upstream_failed" if state == "failed" else "skipped")
    assert outcome.xcom("sms_campaign.rehearsal", "campaign")["rehearsal"]["recipients"] == 40


def test_an_audience_that_changed_since_the_rehearsal_is_not_sent_to(
    run_group, simulator, aliyun_connection, tmp_path
):
    for name, last in (("rehearsal", 40), ("send", 39)):
        rows = "".join(f"138000{number:05d}\n" for number in range(last))
        (tmp_path / f"{name}.csv").write_text(f"phone_number\n{rows}", encoding="utf-8")
    path = f"{tmp_path}/{{{{{{{{ 'rehearsal' if 'rehearsal' in ti.task_id else 'send' }}}}}}}}.csv"
    body = f"campaign(recipients={path!r})".replace("{{{{", "{{").replace("}}}}", "}}")
    outcome = run_group("changed", body)
    assert (states(outcome)["rehearsal"], states(outcome)["send"]) == ("success", "failed")
    assert simulator.counts() == {}
    assert "audience" in outcome.xcom("sms_campaign.send", "campaign")["guards"][-1]["reason"]


def test_a_cleared_step_sends_nothing_twice(run_dag, write_dag, clear, simulator, aliyun_connection):
    path = write_dag("cleared", "campaign(canary=CANARY, seed_numbers=['13900000001'])")
    first = run_dag(path)
    assert first.state == "success", first
    assert len(simulator.counts()) == 41
    for steps in (["send"], ["canary"], ["seeds", "canary", "canary_delivery", "send", "delivery"]):
        again = clear(path, first, *[f"sms_campaign.{step}" for step in steps])
        assert again.state == "success", again
    assert len(simulator.counts()) == 41
    assert set(simulator.counts().values()) == {1}
    assert again.xcom("sms_campaign.send") == first.xcom("sms_campaign.send")


@pytest.mark.parametrize(
    "given", ["ledger_path=f'{LEDGER}/{{{{ ti.task_id }}}}'", "campaign_id='{{ run_id }}/{{ ti.task_id }}'"]
)
def test_the_rest_is_not_sent_where_the_ledger_of_the_canary_is_not_found(
    run_dag, write_dag, clear, simulator, aliyun_connection, given
):
    """Nothing tells then who was sent to already: all of the sample would get a second message."""
    path = write_dag(f"lost_canary_{given.count('LEDGER')}", f"campaign(canary=CANARY, {given})")
    first = run_dag(path)
    assert (states(first)["canary_delivery"], states(first)["send"]) == ("success", "failed")
    assert len(simulator.counts()) == 5
    # The try that failed has left a ledger of its own, which tells of nobody either.
    again = clear(path, first, "sms_campaign.send")
    assert states(again)["send"] == "failed"
    assert set(simulator.counts().values()) == {1}
    assert len(simulator.counts()) == 5


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [
        ({"resend": True}, "resend"),
        ({"dry_run": True}, "dry_run"),
        ({"durable": False}, "durable"),
        ({"send_copies_to": ["13800009001"]}, "send_copies_to"),
        ({"shard": {"index": 0}}, "shard"),
        ({"canary": "CANARY"}, "canary"),
        ({"guards": ["CANARY"]}, "guards"),
        ({"campaign_id": "spring"}, "campaign_id"),
        ({"receipts_path": "/receipts"}, "receipts_path"),
    ],
)
@pytest.mark.parametrize("whose", ["dag", "group"])
def test_default_args_change_none_of_what_the_group_decides(defaults, problem, whose):
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.campaign.guards import Canary
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

    if defaults.get("canary"):
        defaults = {"canary": Canary()}
    usual = {"recipients": ["13800000001"], "template_code": "SMS_1", "approval": False, "ledger_path": "/l"}
    of_dag, of_group = (defaults, {}) if whose == "dag" else ({}, {"default_args": defaults})
    with (
        DAG("defaults", schedule=None, default_args=of_dag),
        pytest.raises(ConfigurationError, match=problem) as found,
    ):
        sms_campaign(**usual, **of_group)
    assert "13800009001" not in str(found.value)


NOBODY = """
class Nobody:
    def __init__(self, *when):
        self.when = when
    def before_sending(self, facts):
        if facts.dry_run in self.when:
            for rows in facts.pending():
                facts.leave_out(rows.places, code="local.SUPPRESSED")
        return go("well")
"""


@pytest.mark.parametrize(("given", "step"), [("canary=CANARY", "canary"), ("delivery=False", "send")])
def test_that_the_guards_leave_out_everybody_after_the_rehearsal_is_red(
    run_group, simulator, aliyun_connection, given, step
):
    """In the rehearsal they left nobody out: that nothing is sent all the same is a surprise."""
    outcome = run_group(f"nobody_{step}", f"{NOBODY}campaign({given}, guards=[Nobody(False)])")
    assert outcome.state == "failed"
    found = states(outcome)
    assert (found["rehearsal"], found[step]) == ("success", "failed")
    assert simulator.counts() == {}


@pytest.mark.parametrize(("on_empty", "state"), [("skip", "skipped"), ("fail", "failed")])
def test_nobody_is_asked_to_approve_a_campaign_to_nobody(
    run_group, simulator, aliyun_connection, on_empty, state
):
    body = f"{NOBODY}campaign(guards=[Nobody(True, False)], approval=True, on_empty={on_empty!r})"
    outcome = run_group(f"nobody_at_all_{on_empty}", body)
    found = states(outcome)
    assert found["rehearsal"] == state
    assert found["approval"] == ("skipped" if state == "skipped" else "upstream_failed")
    assert outcome.xcom("sms_campaign.rehearsal", "campaign")["errors"] == {"local.SUPPRESSED": 40}
    assert simulator.counts() == {}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"canary": "CANARY", "ledger_path": None}, "ledger_path"),
        ({"canary": "CANARY", "durable": False}, "ledger_path"),
        ({"canary": 200}, "must be a Canary"),
        ({"approval": True, "rehearsal": False}, "nothing to show"),
        ({"approval": "perhaps"}, "approval must be"),
        ({"approval": {"defaults": "Approve"}}, "takes no defaults"),
        ({"delivery": False, "min_delivered_ratio": 0.9}, "needs the step 'delivery'"),
        ({"delivery": {"min_delivered_ratio": 0.9}}, "takes no min_delivered_ratio"),
        ({"delivery": "yes"}, "delivery must be"),
        ({"receipts_path": "/data/receipts.csv"}, "is a folder"),
        ({"price": "0.045 CNY"}, "needs a report_path"),
        ({"message": "Hello"}, "not clear which API"),
        ({"template_code": None}, "not clear which API"),
        ({"api": "globe"}, "template_code does not belong"),
        ({"api": "europe"}, "china or globe"),
        ({"api": "china", "template_code": None}, "template_code is missing"),
        ({"dry_run": True}, "takes no dry_run"),
        ({"resend": True}, "takes no resend"),
        ({"shard": {"index": 0}}, "takes no shard"),
        ({"send_copies_to": ["13800009001"]}, "takes no send_copies_to"),
        ({"task_id": "send"}, "takes no task_id"),
        ({"guards": ["go"]}, "no guard"),
        ({"approval": {"assigned_users": "admin"}}, "assigned_users"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused_when_the_file_is_parsed(given, problem):
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.campaign.guards import Canary
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

    if given.get("canary") == "CANARY":
        given = {**given, "canary": Canary()}
    usual = {"recipients": ["13800000001"], "template_code": "SMS_1", "approval": False, "ledger_path": "/l"}
    with DAG("refused", schedule=None), pytest.raises(ConfigurationError, match=problem) as found:
        sms_campaign(**{**usual, **given})
    assert "13800009001" not in str(found.value)


def test_a_mapped_group_is_refused():
    from airflow.sdk import DAG, task_group

    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

    @task_group
    def each(path):
        sms_campaign(recipients=path, template_code="SMS_1", approval=False)

    with DAG("mapped", schedule=None), pytest.raises(ConfigurationError, match="mapped task group"):
        each.expand(path=["a.csv", "b.csv"])


def test_an_older_airflow_is_named_and_does_without_an_approval_only_when_told(monkeypatch):
    from airflow import __version__
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.task_groups import aliyun_sms

    # What the provider "standard" raises below 3.1.
    monkeypatch.setitem(sys.modules, "airflow_provider_aliyunsms.operators.approval", None)
    campaign = {"recipients": ["13800000001"], "template_code": "SMS_1"}
    with DAG("older", schedule=None) as dag:
        with pytest.raises(ConfigurationError, match=f"(?s)3.1 or later.* {__version__}.*if possible"):
            aliyun_sms.sms_campaign(group_id="asked", **campaign)
        aliyun_sms.sms_campaign(group_id="possible", approval="if possible", **campaign)
    assert "possible.send" in dag.task_ids
    assert "possible.approval" not in dag.task_ids


def test_a_rehearsal_that_was_not_approved_anew_lets_nothing_be_sent(
    run_dag, write_dag, clear, simulator, aliyun_connection, tmp_path
):
    people = tmp_path / "people.csv"
    people.write_text("phone_number\n13800000001\n", encoding="utf-8")
    body = f"""
class Once:
    def before_sending(self, facts):
        if not facts.dry_run and not Path({str(tmp_path / "mark")!r}).exists():
            return fail("not yet", advice="Wait.")
        return go("now")
campaign(recipients={str(people)!r}, approval=True, guards=[Once()], delivery=False)
"""
    path = write_dag("again", body)
    with answering("Approve", dag_id="again"):
        first = run_dag(path)
    assert (states(first)["approval"], states(first)["send"]) == ("success", "failed")
    (tmp_path / "mark").touch()
    people.write_text("phone_number\n13800000001\n13800000002\n", encoding="utf-8")
    second = clear(path, first, "sms_campaign.rehearsal", "sms_campaign.send")
    assert (states(second)["rehearsal"], states(second)["send"]) == ("success", "failed")
    assert simulator.counts() == {}
    assert second.xcom("sms_campaign.send", "campaign")["guards"][-1]["guard"] == "Rehearsed"
    with answering("Approve", dag_id="again"):
        third = clear(path, first, "sms_campaign.approval", "sms_campaign.send")
    assert states(third)["send"] == "success"
    assert simulator.counts() == {"13800000001": 1, "13800000002": 1}


def test_another_trigger_rule_of_the_dag_does_not_let_the_rest_follow_a_bad_canary(
    run_group, simulator, aliyun_connection
):
    body = """
PEOPLE = [f"138{i:04d}0401" for i in range(40)]
dag.default_args["trigger_rule"] = "all_done"
campaign(recipients=PEOPLE, canary=CANARY)
"""
    outcome = run_group("all_done", body)
    assert outcome.state == "failed"
    assert states(outcome)["send"] == "upstream_failed"
    assert len(simulator.counts()) == 5


def test_two_groups_of_one_dag_are_two_campaigns_and_a_group_within_a_group_is_named_whole(
    run_group, simulator, aliyun_connection
):
    body = """
with TaskGroup("monthly"):
    campaign(group_id="one", canary=CANARY, delivery=False) >> campaign(group_id="two", delivery=False)
"""
    outcome = run_group("two_groups", body)
    assert outcome.state == "success", outcome
    assert [outcome.xcom(f"monthly.{name}.send")["campaign_id"].split("/")[1] for name in ("one", "two")] == [
        "monthly.one",
        "monthly.two",
    ]
    assert set(simulator.counts().values()) == {2}


def test_a_split_campaign_goes_the_same_way_and_the_report_compares_its_groups(
    run_group, simulator, aliyun_connection, tmp_path
):
    simulator.templates({"SMS_1": "春季特惠。", "SMS_2": "春季上新。"})
    body = f"""
from airflow_provider_aliyunsms.audience.split import Split
campaign(
    template_code=None, split=Split({{"a": 0.4, "b": 0.4, "holdout": 0.2}}, salt="spring"),
    templates={{"a": "SMS_1", "b": "SMS_2"}}, canary=CANARY, report_path={str(tmp_path / "reports")!r})
"""
    outcome = run_group("split_group", body)
    assert outcome.state == "success", outcome
    sent = outcome.xcom("sms_campaign.send")
    assert sent["accepted"] == len(simulator.counts()) < 40
    assert set(simulator.counts().values()) == {1}
    report = json.loads(Path(outcome.xcom("sms_campaign.report")["json"]).read_text(encoding="utf-8"))
    assert sum(each.get("delivered", 0) for each in report["groups"].values()) == sent["accepted"]


def test_only_those_who_were_assigned_may_approve(run_group, simulator, aliyun_connection):
    body = "campaign(approval={'assigned_users': [{'id': 'boss', 'name': 'boss'}]}, delivery=False)"
    with answering("Approve", dag_id="assigned", user="boss"):
        outcome = run_group("assigned", body)
    assert outcome.state == "success", outcome
    assert outcome.xcom("sms_campaign.send")["guards"][0]["guard"] == "Approved"


def test_a_globe_campaign_goes_the_same_way(run_group, simulator, aliyun_connection):
    body = """
PEOPLE = [{"to": f"8525123{i:04d}", "template_param": {"name": "Ann"}} for i in range(30)]
sms_campaign(
    recipients=PEOPLE, message="Hello ${name}", max_qps=50, approval=False, delivery=QUICK,
    ledger_path=LEDGER, receipts_path=RECEIPTS, seed_numbers=["85251239999"], canary=CANARY, guards=[Says("go")])
"""
    outcome = run_group("globe_group", body)
    assert outcome.state == "success", outcome
    counts = simulator.counts()
    assert (len(counts), set(counts.values())) == (31, {1})
    (seed,) = simulator.messages(number="85251239999")
    assert seed["content"] == "Hello Ann"


def test_no_number_stands_in_a_log_or_in_a_rendered_template(
    run_group, simulator, aliyun_connection, capfd, tmp_path
):
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session
    from sqlalchemy import select

    rows = "".join(f"138000{number:05d}\n" for number in range(120))
    (tmp_path / "people.csv").write_text(f"phone_number\n{rows}", encoding="utf-8")
    body = f"""
campaign(
    approval=True, canary=CANARY, seed_numbers="{{{{{{{{ '1390000' ~ '0001, 13900000002' }}}}}}}}",
    recipients={str(tmp_path / "people.csv")!r}, report_path={str(tmp_path / "reports")!r})
"""
    with answering("Approve", dag_id="private") as shown:
        outcome = run_group("private", body.replace("{{{{", "{{").replace("}}}}", "}}"))
    assert outcome.state == "success", outcome
    assert outcome.xcom("sms_campaign.seeds")["accepted"] == 2
    with create_session() as session:
        fields = session.scalars(
            select(RenderedTaskInstanceFields).where(RenderedTaskInstanceFields.dag_id == "private")
        ).all()
        rendered = "".join(str(each.rendered_fields) for each in fields)
    for text in ("".join(capfd.readouterr()), rendered, *shown):
        assert "1390000000" not in text
        assert "138000000" not in text
    assert "1390000000" not in Path(outcome.xcom("sms_campaign.report")["json"]).read_text(encoding="utf-8")
