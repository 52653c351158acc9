# SPDX-License-Identifier: Apache-2.0
"""
One audience in several mapped tasks: everybody gets one message, whatever is edited and cleared.

A Clear here is Airflow's own: the task instances of the run are cleared in the database, and the run goes on with the
DAG file as it is then.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

PEOPLE = [f"1380007{number:04d}" for number in range(60)]
SPELLINGS = ["+86 138 0007 0000", "0086-13800070001", "１３８０００７０００２", "86 1380007 0003"]
RUBBISH = ["12345", "n/a", "021-555", ""]

HEAD = """
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator, AliyunSendBatchSmsOperator, AliyunSmsShards, AliyunSmsShardsSummary)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

def dies_once(context):
    if context["ti"].try_number == 1:
        raise RuntimeError("killed before it began")

SEND = dict(task_id="send", template_code="SMS_1", sign_name="测试", chunk_size=5, max_concurrency=2, retries=0)

with DAG("{dag_id}", schedule=None) as dag:
"""
BODY = """
plan = AliyunSmsShards(task_id="plan", campaign_id="spring", ledger_path={ledger!r}, shards={shards}, retries=0)
send = AliyunSendBatchSmsOperator.partial(
    recipients={recipients!r}, receipts_path={receipts!r}, **SEND).expand_kwargs(plan.output)
total = AliyunSmsShardsSummary(task_id="total", campaign=send.output, retries=0)
"""


@pytest.fixture
def ledger(tmp_path):
    return str(tmp_path / "ledger")


@pytest.fixture
def receipts(tmp_path):
    return str(tmp_path / "receipts")


@pytest.fixture
def dag_file(tmp_path, ledger, receipts):
    """Write a DAG file; the same name again is the file after an edit."""

    def write(dag_id, body=BODY, *, shards=4, recipients=None, **more):
        text = body.format(ledger=ledger, receipts=receipts, shards=shards, recipients=recipients, **more)
        lines = "".join(f"    {line}\n" for line in text.strip().splitlines())
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id) + lines, encoding="utf-8")
        return path

    return write


@pytest.fixture
def audience(tmp_path):
    """Write the CSV file of an audience and give its path."""

    def write(numbers, name="people.csv"):
        path = tmp_path / name
        # A second column, so that a row without a number is a row.
        rows = "".join(f"{number},guest\n" for number in numbers)
        path.write_text(f"phone_number,name\n{rows}", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def clear(run_dag, monkeypatch):
    """Clear some tasks of a run, and let it go on with a DAG file that may have been edited."""
    from airflow.models import dagrun

    def again(path, first, *tasks, lose_state=False, state_now=None):
        def cleared_run(*, dag, session, **_):
            from airflow.models.dag_version import DagVersion
            from sqlalchemy import select, text

            if lose_state:
                session.execute(text("DELETE FROM task_state_store"))
            if state_now is None:
                dag.clear(
                    task_ids=list(tasks),
                    run_id=first.run_id,
                    dag_run_state="running",
                    run_on_latest_version=True,
                    session=session,
                )
            run = session.scalar(
                select(dagrun.DagRun).where(
                    dagrun.DagRun.dag_id == dag.dag_id, dagrun.DagRun.run_id == first.run_id
                )
            )
            run.dag = dag
            if state_now is not None:
                # No Clear: the run goes on, and only the DAG file is another.
                run.state = "running"
                for each in run.get_task_instances(session=session):
                    each.state = state_now
            # As the scheduler does when the file has changed: tasks that are new in it come into the run.
            version = DagVersion.get_latest_version(dag.dag_id, session=session)
            run.verify_integrity(session=session, dag_version_id=version.id)
            session.commit()
            return run

        with monkeypatch.context() as patch:
            patch.setattr(dagrun, "get_or_create_dagrun", cleared_run)
            outcome = run_dag(path)
        assert outcome.run_id == first.run_id
        return outcome

    return again


def sends(outcome):
    return {name: state for name, state in outcome.states.items() if name.startswith("send")}


def results(outcome, count=4):
    return [outcome.xcom(f"send[{index}]") for index in range(count)]


def nobody_twice(simulator, people=PEOPLE):
    assert simulator.counts(duplicates=True) == {}
    assert simulator.counts() == dict.fromkeys(people, 1)


def record_in(ledger):
    """Give the file of the record of the shards, the first claim of the whole campaign."""
    (found,) = (
        path
        for path in Path(ledger).glob("*/aliyun_sms.e000001.claim.json")
        if "shards" in json.loads(path.read_text())
    )
    return found


ALL = ("plan", "send", "total")


# ---- what a campaign in shards is


def test_everybody_gets_one_message_and_the_rows_add_up(
    run_dag, dag_file, audience, simulator, aliyun_connection
):
    rows = [*PEOPLE, *SPELLINGS, *PEOPLE[10:15], *RUBBISH]
    outcome = run_dag(dag_file("shards_plain", recipients=audience(rows)))
    assert outcome.state == "success"
    nobody_twice(simulator)
    parts = results(outcome)
    assert [part["campaign_id"] for part in parts] == [f"spring/shard-{index}" for index in range(4)]
    assert all(part["accepted"] > 0 for part in parts)
    assert {part["shard"]["rows"] for part in parts} == {len(rows)}
    (checksum,) = {part["shard"]["checksum"] for part in parts}
    assert {len(text) for text in (checksum, *(part["digest"] for part in parts))} == {16}
    total = outcome.xcom("total")
    assert total["campaign_id"] == "spring"
    assert (total["total"], total["rows"], total["shards"]) == (len(rows), len(rows), 4)
    assert (total["accepted"], total["rejected"], total["skipped"]) == (60, 4, 9)
    assert total["errors"] == {
        "local.DUPLICATE": 9,
        "local.INVALID_NUMBER": 3,
        "local.MISSING_NUMBER": 1,
    }


def test_the_sensor_takes_the_output_of_the_shards_and_nothing_but_receipts_holds_a_number(
    run_dag, dag_file, audience, simulator, aliyun_connection, ledger, capfd
):
    body = (
        BODY + 'AliyunSmsDeliverySensor(task_id="seen", campaign=send.output, poke_interval=0.5, timeout=5)\n'
    )
    outcome = run_dag(dag_file("shards_seen", body, recipients=audience(PEOPLE)))
    assert outcome.state == "success"
    assert outcome.xcom("seen")["delivered"] == 60
    files = outcome.xcom("total")["receipts_paths"]
    written = [json.loads(line) for path in files for line in Path(path).read_text().splitlines()]
    assert len(files) == 4
    assert sorted(each["phone_number"] for each in written) == PEOPLE
    kept = "".join(path.read_text() for path in Path(ledger).rglob("*") if path.is_file())
    told = json.dumps(outcome.xcoms) + "".join(capfd.readouterr())
    assert '"by":"number-1"' in kept
    (salt,) = re.findall('"salt":"([0-9a-f]{32})"', kept)
    assert salt not in told, "it hides people in the checksums and digests"
    assert not [number for number in PEOPLE if number in kept or number in told]


def test_shards_of_globe(run_dag, dag_file, audience, simulator, aliyun_connection):
    people = [f"+6591230{number:03d}" for number in range(40)]
    rows = [*people, people[0].replace("+65", "0065 "), people[1].replace("+", "")]
    path = Path(audience(rows))
    path.write_text(path.read_text().replace("phone_number", "to"))
    body = BODY.replace(
        "AliyunSendBatchSmsOperator.partial", "AliyunBatchSendMessageToGlobeOperator.partial"
    ).replace("**SEND", 'task_id="send", message="Hello", chunk_size=10, max_qps=None, retries=0')
    outcome = run_dag(dag_file("shards_globe", body, recipients=str(path)))
    assert outcome.state == "success"
    nobody_twice(simulator, [number.lstrip("+") for number in people])
    assert outcome.xcom("total")["errors"] == {"local.DUPLICATE": 2}


def test_shards_of_a_query(run_dag, dag_file, simulator, aliyun_connection, tmp_path, monkeypatch):
    database = tmp_path / "people.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE people (mobile TEXT)")
        connection.executemany("INSERT INTO people VALUES (?)", [(number,) for number in PEOPLE])
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    query = "SELECT mobile AS phone_number FROM people ORDER BY mobile"
    body = BODY.replace("recipients={recipients!r}", f'recipients_sql="{query}", recipients_conn_id="people"')
    outcome = run_dag(dag_file("shards_query", body))
    assert outcome.state == "success"
    nobody_twice(simulator)


def test_a_shard_without_anybody_is_green_and_an_empty_audience_is_skipped(
    run_dag, dag_file, audience, simulator, aliyun_connection
):
    outcome = run_dag(dag_file("shards_small", recipients=audience([*PEOPLE[:1], "12345"])))
    assert outcome.state == "success"
    assert sorted(part["total"] for part in results(outcome)) in ([0, 0, 0, 2], [0, 0, 1, 1])
    nobody_twice(simulator, PEOPLE[:1])
    path = dag_file("shards_empty", BODY.replace("spring", "autumn"), recipients=audience([]))
    empty = run_dag(path)
    assert set(sends(empty).values()) == {"skipped"}
    assert (empty.states["total"], empty.state) == ("skipped", "success")


# ---- what changes between two occasions


def test_a_file_in_another_order_and_with_more_people_reaches_nobody_twice_and_the_new_ones_once(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection
):
    path = dag_file("shards_grown", recipients=audience(PEOPLE))
    first = run_dag(path)
    more = [f"1380017{number:04d}" for number in range(20)]
    audience([*reversed(more), *SPELLINGS, *reversed(PEOPLE)])
    second = clear(path, first, *ALL)
    assert second.state == "success"
    nobody_twice(simulator, [*PEOPLE, *more])
    assert second.xcom("total")["accepted"] == 80


@pytest.mark.parametrize("count", [8, 2, 1, 5])
@pytest.mark.parametrize("lose_state", [False, True], ids=["", "and the task state is lost"])
def test_another_number_of_shards_is_refused_and_the_old_one_goes_on(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, capfd, count, lose_state
):
    people = audience(PEOPLE)
    first = run_dag(dag_file("shards_edited", recipients=people))
    calls = simulator.stats()["requests"]["SendBatchSms"]
    audience([*PEOPLE, "13800179999"])
    edited = clear(
        dag_file("shards_edited", shards=count, recipients=people), first, *ALL, lose_state=lose_state
    )
    assert edited.states["plan"] == "failed"
    assert simulator.stats()["requests"]["SendBatchSms"] == calls
    told = "".join(capfd.readouterr())
    assert f"was begun with shards=4, and now has shards={count}" in told
    assert "Go back to shards=4" in told
    back = clear(dag_file("shards_edited", recipients=people), first, *ALL)
    assert back.state == "success"
    nobody_twice(simulator, [*PEOPLE, "13800179999"])


def test_sends_that_are_cleared_alone_keep_the_number_of_their_plan(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection
):
    people = audience(PEOPLE)
    first = run_dag(dag_file("shards_sends_cleared", recipients=people))
    second = clear(dag_file("shards_sends_cleared", shards=8, recipients=people), first, "send", "total")
    assert second.state == "success"
    assert len(sends(second)) == 4
    nobody_twice(simulator)


def test_a_plan_of_another_name_finds_the_record(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection
):
    """To Airflow it is a new task, which never ran before."""
    people = audience(PEOPLE)
    first = run_dag(dag_file("shards_renamed", recipients=people))
    renamed = BODY.replace('task_id="plan"', 'task_id="plan_of_eight"')
    second = clear(dag_file("shards_renamed", renamed, shards=8, recipients=people), first, "send", "total")
    assert second.states["plan_of_eight"] == "failed"
    nobody_twice(simulator)


def test_another_run_of_the_campaign_with_another_number_is_refused(
    run_dag, dag_file, audience, simulator, aliyun_connection
):
    people = audience(PEOPLE)
    run_dag(dag_file("shards_two_runs", recipients=people))
    assert run_dag(dag_file("shards_two_runs", shards=3, recipients=people)).state == "failed"
    again = run_dag(dag_file("shards_two_runs", recipients=people))
    assert again.state == "success"
    nobody_twice(simulator)


def test_a_record_that_was_lost_is_not_made_anew(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, ledger, capfd
):
    people = audience(PEOPLE)
    first = run_dag(dag_file("shards_lost", recipients=people))
    record = record_in(ledger)
    kept = record.read_bytes()
    record.unlink()
    for count in (4, 8, 2):
        path = dag_file("shards_lost", shards=count, recipients=people)
        assert clear(path, first, *ALL).states["plan"] == "failed"
        assert run_dag(path).states["plan"] == "failed", "to another run, too"
    assert "though shards of this campaign have been sent" in "".join(capfd.readouterr())
    alone = clear(dag_file("shards_lost", recipients=people), first, "plan")
    assert alone.states["plan"] == "failed"
    record.write_bytes(kept)
    assert clear(dag_file("shards_lost", recipients=people), first, *ALL).state == "success"
    nobody_twice(simulator)


def test_a_record_that_was_lost_is_missed_by_a_task_without_shards(
    run_dag, dag_file, audience, simulator, aliyun_connection, ledger, capfd
):
    people = audience(PEOPLE)
    run_dag(dag_file("shards_lost_1", recipients=people))
    record = record_in(ledger)
    kept = record.read_bytes()
    record.unlink()
    for _ in range(2):
        whole = run_dag(dag_file("shards_lost_2", WHOLE, recipients=people))
        assert whole.states["send"] == "failed"
    assert "though shards of this campaign have been sent" in "".join(capfd.readouterr())
    assert not record.exists()
    record.write_bytes(kept)
    assert run_dag(dag_file("shards_lost_1", recipients=people)).state == "success"
    nobody_twice(simulator)


@pytest.mark.parametrize("given", ["", 'campaign_id="spring", '], ids=["default id", "own id"])
@pytest.mark.parametrize("place", ["", "ledger_path={ledger!r}, "], ids=["", "ledger_path"])
def test_a_campaign_that_has_begun_is_not_cut_in_the_run_that_is_cleared(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, capfd, given, place
):
    """To Airflow, send[1] and the others are new, and so is the plan: they have never run."""
    people = audience(PEOPLE)
    whole = f"AliyunSendBatchSmsOperator(recipients={{recipients!r}}, {given}{place}**SEND)"
    first = run_dag(dag_file("shards_edited_in", whole, recipients=people))
    assert first.state == "success"
    second = clear(dag_file("shards_edited_in", recipients=people), first, *ALL)
    assert second.states["plan"] == "failed"
    nobody_twice(simulator)
    told = "".join(capfd.readouterr())
    assert "trigger a new run" in told or "begun without shards" in told


@pytest.mark.parametrize("state", ["up_for_retry", "failed", "success"])
def test_a_campaign_that_has_begun_is_not_cut_in_the_run_that_goes_on(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, capfd, state
):
    """The DAG file is edited between two automatic retries."""
    people = audience(PEOPLE)
    whole = "AliyunSendBatchSmsOperator(recipients={recipients!r}, **SEND)"
    first = run_dag(dag_file("shards_edited_meanwhile", whole, recipients=people))
    path = dag_file("shards_edited_meanwhile", recipients=people)
    assert clear(path, first, state_now=state).states["plan"] == "failed"
    assert "this task or a send task has run in it before" in "".join(capfd.readouterr())
    nobody_twice(simulator)


def test_a_place_that_is_empty_after_a_clear_is_no_proof(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, ledger, capfd
):
    """So it is when the plan runs on another machine, whose disk has a folder of that name, too."""
    people = audience(PEOPLE)
    first = run_dag(dag_file("shards_moved", recipients=people))
    shutil.move(ledger, f"{ledger}.of.the.other.machine")
    second = clear(dag_file("shards_moved", shards=8, recipients=people), first, *ALL)
    assert second.states["plan"] == "failed"
    assert "there is no record of the number of shards" in "".join(capfd.readouterr())
    nobody_twice(simulator)


def test_a_send_that_does_not_find_the_record_of_its_plan_sends_nothing(
    run_dag, dag_file, audience, simulator, aliyun_connection, ledger, capfd
):
    body = BODY.replace(
        "send =",
        "import shutil\n@task\ndef gone(kwargs):\n    shutil.rmtree({ledger!r})\n    return kwargs\nsend =",
    ).replace("expand_kwargs(plan.output)", "expand_kwargs(gone(plan.output))")
    outcome = run_dag(dag_file("shards_gone", body, recipients=audience(PEOPLE)))
    assert set(sends(outcome).values()) == {"failed"}
    assert simulator.counts() == {}
    assert not Path(ledger).exists(), "nor has it opened a ledger"
    assert "ledger_path has no record of the number of shards" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "body", [BODY, BODY.replace("plan.output", "gone(plan.output)")], ids=["plan", "send"]
)
def test_what_no_retry_would_change_is_not_retried(
    run_dag, dag_file, audience, simulator, aliyun_connection, body
):
    people = audience(PEOPLE)
    run_dag(dag_file("shards_final", recipients=people))
    retried = body.replace("retries=0)\nsend", "retries=3, retry_delay=0)\nsend")
    gone = (
        '@task\ndef gone(kwargs):\n    return [each | {{"campaign_id": "autumn"}} for each in kwargs]\nsend ='
    )
    retried = retried.replace("send =", gone).replace("**SEND", "**SEND | dict(retries=3, retry_delay=0)")
    outcome = run_dag(
        dag_file("shards_final", retried, shards=4 if "gone(plan" in body else 8, recipients=people)
    )
    assert outcome.state == "failed"
    ran = {name: tries for name, tries in outcome.tries.items() if outcome.states[name] == "failed"}
    assert set(ran.values()) == {1}
    nobody_twice(simulator)


def test_a_plan_that_dies_in_its_first_try_is_made_by_the_second(
    run_dag, dag_file, audience, simulator, aliyun_connection
):
    body = BODY.replace("retries=0)\nsend", "retries=1, retry_delay=0, pre_execute=dies_once)\nsend")
    outcome = run_dag(dag_file("shards_dies", body, recipients=audience(PEOPLE)))
    assert (outcome.state, outcome.tries["plan"]) == ("success", 2)
    nobody_twice(simulator)


def test_a_plan_that_dies_after_its_record_goes_on_with_it(
    run_dag, dag_file, audience, simulator, aliyun_connection
):
    body = BODY.replace(
        "plan =",
        "class Dies(AliyunSmsShards):\n"
        "    def execute(self, context):\n"
        "        made = super().execute(context)\n"
        "        dies_once(context)\n"
        "        return made\n"
        "plan =",
    ).replace("AliyunSmsShards(task_id", "Dies(task_id")
    body = body.replace("retries=0)\nsend", "retries=1, retry_delay=0)\nsend")
    outcome = run_dag(dag_file("shards_dies_later", body, recipients=audience(PEOPLE)))
    assert (outcome.state, outcome.tries["plan"]) == ("success", 2)
    nobody_twice(simulator)


# ---- with and without shards

WHOLE = """
AliyunSendBatchSmsOperator(recipients={recipients!r}, campaign_id="spring", ledger_path={ledger!r}, **SEND)
"""


NATIVE = 'campaign_id="{{{{ params.week }}}}.50"'


@pytest.mark.parametrize("first_in_shards", [True, False])
@pytest.mark.parametrize(
    "written",
    ['campaign_id="spring"', 'campaign_id=" spring "', 'campaign_id="spring\\n"', NATIVE],
    ids=["", "blanks", "line end", "native"],
)
def test_a_campaign_does_not_change_between_whole_and_shards(
    run_dag, dag_file, audience, simulator, aliyun_connection, capfd, monkeypatch, first_in_shards, written
):
    if written == NATIVE:
        # Airflow makes a float of 7.50, whose text is another one.
        native = 'schedule=None, render_template_as_native_obj=True, params={{"week": "7"}})'
        monkeypatch.setattr(sys.modules[__name__], "HEAD", HEAD.replace("schedule=None)", native))
    people = audience(PEOPLE)
    bodies = [BODY, WHOLE] if first_in_shards else [WHOLE, BODY]
    bodies = [body.replace('campaign_id="spring"', written) for body in bodies]
    states = [
        run_dag(dag_file(f"shards_or_whole_{number}", body, recipients=people)).state
        for number, body in enumerate(bodies)
    ]
    assert states == ["success", "failed"]
    nobody_twice(simulator)
    told = (
        "this campaign was begun in 4 shards" if first_in_shards else "this campaign was begun without shards"
    )
    assert told in "".join(capfd.readouterr())
    audience([*PEOPLE, "13800179999"])
    back = run_dag(dag_file("shards_or_whole_0", bodies[0], recipients=people))
    assert back.state == "success", "the refused one has left nothing behind"
    nobody_twice(simulator, [*PEOPLE, "13800179999"])


@pytest.mark.parametrize("lost", [False, True], ids=["", "and the record is lost"])
def test_a_task_without_shards_is_not_given_the_id_of_a_shard(
    run_dag, dag_file, audience, simulator, aliyun_connection, ledger, capfd, lost
):
    """The result of a send in shards shows such an id."""
    people = audience(PEOPLE)
    first = run_dag(dag_file("shards_part_1", recipients=people))
    if lost:
        record_in(ledger).unlink()
    body = WHOLE.replace('"spring"', repr(first.xcom("send[0]")["campaign_id"]))
    assert run_dag(dag_file("shards_part_2", body, recipients=people)).state == "failed"
    nobody_twice(simulator)
    assert "of which this campaign_id names a shard" in "".join(capfd.readouterr())


def test_a_whole_campaign_that_begins_while_the_shards_are_planned_sends_nothing(
    run_dag, dag_file, audience, simulator, aliyun_connection, capfd
):
    """It found no record when it began; it looks once more before it sends."""
    body = """
class Meanwhile(AliyunSendBatchSmsOperator):
    def make_rules(self):
        # after it has looked for a record, and before it claims its ledger
        AliyunSmsShards(
            task_id="plan", campaign_id="spring", ledger_path={ledger!r}, shards=4
        ).execute(dict(CONTEXT))
        return super().make_rules()

    def execute(self, context):
        CONTEXT.update(context)
        return super().execute(context)

CONTEXT = dict()

Meanwhile(recipients={recipients!r}, campaign_id="spring", ledger_path={ledger!r}, **SEND)
"""
    outcome = run_dag(dag_file("shards_meanwhile", body, recipients=audience(PEOPLE)))
    assert outcome.state == "failed"
    assert simulator.counts() == {}
    assert "this campaign was begun in 4 shards" in "".join(capfd.readouterr())


# ---- parameters


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ("recipients={recipients!r}", f"recipients={PEOPLE!r}", "shards are for files and queries"),
        ("**SEND", "durable=False, **SEND", "Remove durable=False"),
        (
            "receipts_path={receipts!r}",
            'receipts_path="/x/all.jsonl"',
            "receipts_path is one file for all shards",
        ),
        ("receipts_path={receipts!r}, ", "", "a shard has no receipts_path"),
        ("receipts_path={receipts!r}", 'receipts_path="{{{{ none }}}}"', "a shard has no receipts_path"),
        (
            "expand_kwargs(plan.output)",
            'expand(shard=[{{"index": 0, "of": 1}}])',
            "shard must be one of those that AliyunSmsShards returns",
        ),
        (
            "expand_kwargs(plan.output)",
            'expand(shard=[{{"index": 4, "of": 4, "record": "x"}}])',
            "shard: index must be a whole number from 0 to 3",
        ),
        (
            "expand_kwargs(plan.output)",
            'expand(shard=[{{"index": 0, "of": 4, "record": "x"}}])',
            "a shard has no ledger_path",
        ),
        (
            "expand_kwargs(plan.output)",
            'partial(campaign_id="spring", ledger_path={ledger!r})'
            '.expand(shard=[{{"index": 0, "of": 4, "record": "x"}}])\nplan >> send',
            "planned with another record",
        ),
    ],
)
def test_what_makes_no_sense_with_shards_sends_nothing_and_says_why(
    run_dag, dag_file, audience, simulator, aliyun_connection, capfd, find, put, told
):
    body = BODY.replace(find, put)
    if ").partial(" in body:
        body = body.replace(", **SEND).partial(", ", **SEND, ")
    outcome = run_dag(dag_file("shards_wrong", body, recipients=audience(PEOPLE)))
    assert outcome.state == "failed"
    assert simulator.counts() == {}
    assert told in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shards": 0}, "shards must be a whole number from 1 to 1000"),
        ({"shards": 1001}, "from 1 to 1000"),
        ({"shards": 2.0}, "from 1 to 1000"),
        ({"shards": True}, "from 1 to 1000"),
        ({"shards": "four"}, "from 1 to 1000"),
        ({"campaign_id": 7}, "campaign_id must be text"),
    ],
)
def test_a_plan_that_cannot_be_is_an_error_of_the_dag_file(changes, told):
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSmsShards

    with pytest.raises(ConfigurationError, match=told):
        AliyunSmsShards(
            **{"task_id": "plan", "campaign_id": "spring", "ledger_path": "/x", "shards": 4} | changes
        )


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ('campaign_id="spring"', 'campaign_id="{{{{ none }}}}"', "campaign_id of the shards is missing"),
        ('campaign_id="spring"', 'campaign_id="{{{{ none }}}}"', "it names the campaign"),
        ("ledger_path={ledger!r}", 'ledger_path="{{{{ none }}}}"', "ledger_path of the shards is missing"),
        ("shards={shards}", 'shards="{{{{ none }}}}"', "shards must be a whole number"),
    ],
)
def test_templates_of_a_plan_that_are_rendered_to_nothing_are_refused(
    run_dag, dag_file, audience, simulator, aliyun_connection, capfd, find, put, told
):
    outcome = run_dag(dag_file("shards_nothing", BODY.replace(find, put), recipients=audience(PEOPLE)))
    assert outcome.states["plan"] == "failed"
    assert simulator.counts() == {}
    assert told in "".join(capfd.readouterr())


def test_a_rehearsal_leaves_no_record(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, ledger
):
    body = BODY.replace('task_id="plan"', 'task_id="plan", dry_run=True').replace(
        "**SEND", "dry_run=True, **SEND"
    )
    outcome = run_dag(dag_file("shards_dry", body, shards=2, recipients=audience(PEOPLE)))
    assert outcome.state == "success"
    assert (outcome.xcom("total")["skipped"], outcome.xcom("total")["dry_run"]) == (60, True)
    assert not list(Path(ledger).rglob("*.json"))
    assert simulator.counts() == {}
    shown = {text for part in results(outcome, 2) for text in (part["digest"], part["shard"]["checksum"])}
    assert shown == {""}, "there is no salt for it"
    real = dag_file("shards_dry", recipients=audience(PEOPLE))
    assert clear(real, outcome, *ALL).states["plan"] == "failed", "a rehearsal is followed by a new run"
    assert simulator.counts() == {}
    real = run_dag(dag_file("shards_dry", shards="'{{{{ 2 + 2 }}}}'".format(), recipients=audience(PEOPLE)))
    assert real.state == "success"
    nobody_twice(simulator)
    assert run_dag(dag_file("shards_dry", body, shards=2, recipients=audience(PEOPLE))).state == "failed"


def test_a_plan_that_was_rehearsed_does_not_let_anything_be_sent(
    run_dag, dag_file, audience, simulator, aliyun_connection, capfd
):
    body = BODY.replace('task_id="plan"', 'task_id="plan", dry_run=True')
    assert run_dag(dag_file("shards_half_dry", body, recipients=audience(PEOPLE))).state == "failed"
    assert simulator.counts() == {}
    assert "AliyunSmsShards had dry_run=True" in "".join(capfd.readouterr())


# ---- the sum


def test_the_sum_is_red_while_the_shards_have_read_different_files(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, capfd
):
    people = audience(PEOPLE)
    simulator.misbehave("refuse", action="SendBatchSms", times=1, code="isv.AMOUNT_NOT_ENOUGH")
    first = run_dag(dag_file("shards_sum", recipients=people))
    assert sorted(sends(first).values()) == ["failed", "success", "success", "success"]
    assert first.states["total"] == "upstream_failed"
    simulator.behave()
    (red,) = (int(name[5:-1]) for name, state in sends(first).items() if state == "failed")
    audience([*PEOPLE, "13800179999"])
    second = clear(dag_file("shards_sum", recipients=people), first, ("send", red), "total")
    assert set(sends(second).values()) == {"success"}
    assert second.states["total"] == "failed"
    assert "the shards have read different audiences, of 60 to 61 rows" in "".join(capfd.readouterr())
    third = clear(dag_file("shards_sum", recipients=people), first, "send", "total")
    assert third.state == "success"
    nobody_twice(simulator, [*PEOPLE, "13800179999"])


def test_the_sum_is_red_when_the_audience_is_emptied_between_two_shards(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, capfd
):
    """Those who are left out are skipped, which Airflow takes for success."""
    people = audience(PEOPLE)
    emptied = BODY.replace(
        "send = AliyunSendBatchSmsOperator",
        "class Emptied(AliyunSendBatchSmsOperator):\n"
        "    def execute(self, context):\n"
        "        from pathlib import Path\n"
        "        if len([*Path({receipts!r}).glob('*.jsonl')]) == 2:\n"
        "            open({recipients!r}, 'w').write('phone_number,name\\\\n')\n"
        "        return super().execute(context)\n"
        "send = Emptied",
    )
    first = run_dag(dag_file("shards_emptied", emptied, recipients=people))
    assert sorted(sends(first).values()) == ["skipped", "skipped", "success", "success"]
    assert (first.states["total"], first.state) == ("failed", "failed")
    assert "2 of 4 shards have no result" in "".join(capfd.readouterr())
    audience(PEOPLE)
    second = clear(dag_file("shards_emptied", recipients=people), first, "send", "total")
    assert second.state == "success"
    nobody_twice(simulator)


@pytest.mark.parametrize("rule", ["none_failed", "all_success"])
def test_the_sum_of_an_earlier_occasion_is_none_of_this_one(
    run_dag, dag_file, audience, clear, simulator, aliyun_connection, rule
):
    """A task that is skipped without running keeps its result of the occasion before."""
    body = BODY.replace("send.output, retries=0", f"send.output, trigger_rule={rule!r}, retries=0")
    people = audience(PEOPLE)
    gate = (
        "from airflow.providers.common.compat.sdk import AirflowSkipException\n@task\ndef gate():\n    {}\n"
    )
    first = run_dag(dag_file("shards_gate", gate.format("pass") + body + "gate() >> plan", recipients=people))
    assert first.state == "success"
    audience([*PEOPLE, "13800179999"])
    closed = gate.format("raise AirflowSkipException") + body + "gate() >> plan"
    second = clear(dag_file("shards_gate", closed, recipients=people), first, "gate", *ALL)
    assert set(sends(second).values()) == {"skipped"}
    assert second.states["total"] == "skipped"
    nobody_twice(simulator)


@pytest.mark.parametrize(
    "rule", ["all_done", "always", "one_success", "none_failed_min_one_success", "none_skipped"]
)
def test_a_sum_that_would_run_beside_tasks_that_did_not_is_an_error_of_the_dag_file(rule):
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSmsShardsSummary

    for given in ({"trigger_rule": rule}, {"default_args": {"trigger_rule": rule}}):
        with pytest.raises(ConfigurationError, match=f"cannot have the trigger rule {rule}"):
            AliyunSmsShardsSummary(task_id="total", campaign=[], **given)


def test_rendered_templates_of_the_sum_show_no_receipts(
    run_dag, dag_file, simulator, aliyun_connection, capfd
):
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session

    body = (
        "given = [dict(campaign_id='spring/shard-0', receipts=[dict(phone_number='13800070000')])]\n"
        "AliyunSmsShardsSummary(task_id='total', campaign=given, retries=0)\n"
    )
    outcome = run_dag(dag_file("shards_given", body))
    assert outcome.state == "failed"
    with create_session() as session:
        shown = [str(row.rendered_fields) for row in session.query(RenderedTaskInstanceFields)]
    assert any("1 campaigns" in each for each in shown)
    assert "13800070000" not in "".join(shown) + "".join(capfd.readouterr())


@pytest.mark.parametrize("place", ["", "ledger_path={ledger!r}, "])
def test_a_mapped_task_that_is_new_after_a_clear_sends_to_nobody(
    run_dag, dag_file, clear, simulator, aliyun_connection, capfd, place
):
    """Another list comes to the front: whoever stood in the last one moves to a task that never ran."""
    lists = [PEOPLE[:20], PEOPLE[20:]]
    mapped = f"AliyunSendBatchSmsOperator.partial({place}**SEND).expand(recipients={{lists!r}})"
    first = run_dag(dag_file("lists_shifted", mapped, lists=lists))
    assert first.state == "success"
    second = clear(dag_file("lists_shifted", mapped, lists=[["13800079999"], *lists]), first, "send")
    assert second.states["send[2]"] == "failed"
    assert "this mapped task is new in a run that was cleared" in "".join(capfd.readouterr())
    nobody_twice(simulator)
    # Nor does a second Clear find a ledger that says that nothing was sent.
    third = clear(dag_file("lists_shifted", mapped, lists=[["13800079999"], *lists]), first, "send")
    assert set(sends(third).values()) == {"failed"}
    nobody_twice(simulator)
