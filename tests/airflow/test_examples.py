# SPDX-License-Identifier: Apache-2.0
"""The examples are promises: each runs through a real Airflow against the simulator, and the numbers must add up."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from approvals import answering

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dags_examples"
FILES = sorted(EXAMPLES.glob("*.py"))

pytestmark = pytest.mark.airflow


def write_csv(path, *, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def outcomes(sent):
    return {name: sent[name] for name in ("total", "accepted", "rejected", "skipped", "unknown")}


def assert_nobody_twice(simulator, *, accepted):
    stats = simulator.stats()
    assert stats["accepted"] == stats["distinct_numbers"] == accepted
    assert stats["duplicates"] == 0


def quickened(guard):
    """Return a guard that does not wait for the morning, nor refuse some days, and waits seconds for carriers."""
    kind = type(guard).__name__
    changes = {
        "QuietHours": {"begin": "00:00", "end": "24:00"},
        "NotOn": {"days": ()},
        "Canary": {"size": 5, "wait": timedelta(seconds=1)},
        "Sample": {"size": 5},
        "ExpectedCount": {"expected": 40},
    }
    return replace(guard, **changes[kind]) if kind in changes else guard


@pytest.fixture
def run_example(run_dag, aliyun_connection):
    """Run a DAG of an example file; only its waits are cut to seconds, nothing else is touched."""

    def run(name, *, dag_id=None, **params):
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(EXAMPLES / f"{name}.py"), bundle_name="dags-folder")
        assert not bag.import_errors
        dag = bag.dags[dag_id or name]
        for task in dag.tasks:
            if task.task_id.startswith("delivered") or task.task_id.endswith("delivery"):
                task.poke_interval, task.delivery_timeout = 0.5, 3.0
            task.guards = tuple(quickened(guard) for guard in getattr(task, "guards", ()))
            if hasattr(task, "refusal_wait"):
                # The simulator's records are never late.
                task.refusal_wait = 0.5
        return run_dag(dag, run_conf=params)

    return run


def test_every_example_parses_without_a_warning_and_no_file_is_without_a_dag():
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(EXAMPLES), bundle_name="dags-folder")
    assert not bag.import_errors
    assert not bag.captured_warnings
    assert {Path(dag.fileloc) for dag in bag.dags.values()} == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_example_can_be_quoted_by_the_docs(path):
    text = path.read_text(encoding="utf-8")
    starts, ends = re.findall(r"# \[START (\w+)\]", text), re.findall(r"# \[END (\w+)\]", text)
    assert starts == ends
    assert path.stem in starts
    assert text.splitlines()[1] == '"""'


def test_china_campaign(run_example, simulator, tmp_path):
    rows = [
        "13800001001,张伟,320",
        "+86 138-0000-1002,李娜,15",
        "13800001003,,8",
        "13800001001,张伟,320",
        "1380000,王芳,5",
        "13800010401,刘洋,70",
        "13800010404,陈静,60",
        *(f"1380000{number},赵敏,1" for number in range(2000, 2020)),
    ]
    outcome = run_example(
        "china_campaign",
        recipients=write_csv(tmp_path / "china.csv", header="phone_number,name,points", rows=rows),
        receipts=str(tmp_path / "receipts"),
    )
    assert outcome.state == "success"
    sent, seen = outcome.xcom("send"), outcome.xcom("delivered")
    assert outcomes(sent) == {"total": 27, "accepted": 25, "rejected": 1, "skipped": 1, "unknown": 0}
    assert sent["errors"] == {"local.INVALID_NUMBER": 1, "local.DUPLICATE": 1}
    assert (seen["delivered"], seen["failed"], seen["pending"]) == (23, 1, 1)
    assert seen["errors"] == {"MOBILE_NOT_ON_SERVICE": 1}
    assert_nobody_twice(simulator, accepted=25)
    (default,) = simulator.messages(number="13800001003")
    assert "会员" in default["content"]
    receipts = Path(sent["receipts_path"]).read_text(encoding="utf-8").splitlines()
    assert len([json.loads(line) for line in receipts]) == 27


def test_globe_campaign(run_example, simulator, tmp_path):
    rows = [
        "+447700900123,Amelia,WELCOME10",
        "+33639980001,Léa,WELCOME10",
        "+12125550123,Noah,WELCOME10",
        "+447700900501,Oliver,WELCOME10",
        "+447700900402,Isla,WELCOME10",
        *(f"+4477009006{number},Grace,WELCOME10" for number in range(10, 20)),
    ]
    outcome = run_example(
        "globe_campaign",
        recipients=write_csv(tmp_path / "globe.csv", header="to,name,code", rows=rows),
        receipts=str(tmp_path / "receipts"),
    )
    assert outcome.state == "success"
    sent, seen = outcome.xcom("send"), outcome.xcom("delivered")
    assert outcomes(sent) == {"total": 15, "accepted": 13, "rejected": 2, "skipped": 0, "unknown": 0}
    assert sent["errors"]["local.REFUSED_REGION"] == 1
    assert (seen["delivered"], seen["failed"], seen["pending"]) == (12, 1, 0)
    assert_nobody_twice(simulator, accepted=13)
    (message,) = simulator.messages(number="33639980001")
    assert message["content"] == "Hello Léa, your voucher WELCOME10 is valid until Sunday."
    assert message["sender_id"] == "Example"


def test_campaign_after_data_prep_picks_sends_and_writes_no_number_into_a_log(
    run_example, simulator, tmp_path, capfd
):
    rows = [
        "13800001001,张伟,YT0001,shipped",
        "13800001001,张伟,YT0002,shipped",
        "13800001002,李娜,YT0003,paid",
        "13800001003,王芳,YT0004,shipped",
    ]
    outcome = run_example(
        "campaign_after_data_prep",
        orders=write_csv(tmp_path / "orders.csv", header="phone_number,name,parcel,status", rows=rows),
    )
    assert outcome.state == "success"
    assert outcomes(outcome.xcom("send"))["accepted"] == 3
    assert simulator.counts() == {"13800001001": 2, "13800001003": 1}
    written = "".join(capfd.readouterr())
    assert "shipped_orders" in written
    assert "1380000100" not in written
    assert "YT0001" not in written


def test_mapped_campaigns_are_named_after_their_files(run_example, simulator, tmp_path):
    for city, numbers in {"beijing": range(1001, 1011), "shanghai": range(2001, 2006)}.items():
        write_csv(
            tmp_path / "cities" / f"{city}.csv",
            header="phone_number,name",
            rows=[f"1380000{number},张伟" for number in numbers],
        )
    outcome = run_example(
        "mapped_campaigns",
        folder=str(tmp_path / "cities"),
        receipts=str(tmp_path / "receipts"),
        ledger=str(tmp_path / "ledger"),
    )
    assert outcome.state == "success"
    sent = [outcome.xcom(f"send[{index}]") for index in (0, 1)]
    assert [each["accepted"] for each in sent] == [10, 5]
    assert [each["campaign_id"].rpartition("/")[2] for each in sent] == ["beijing", "shanghai"]
    assert outcome.xcom("delivered")["delivered"] == 15
    assert_nobody_twice(simulator, accepted=15)


def test_mapped_lists(run_example, simulator):
    outcome = run_example("mapped_campaigns", dag_id="mapped_lists")
    assert outcome.state == "success"
    assert [outcome.xcom(f"send[{index}]")["accepted"] for index in (0, 1)] == [2, 1]
    assert_nobody_twice(simulator, accepted=3)


def test_sharded_campaign_adds_four_shards_up(run_example, simulator, tmp_path):
    rows = [f"1380000{number},张伟" for number in range(1001, 1041)]
    path = write_csv(
        tmp_path / "members.csv",
        header="phone_number,name",
        rows=[*rows, "+86 138 0000 1001,张伟", "1380000,王芳"],
    )
    outcome = run_example(
        "sharded_campaign",
        recipients=path,
        receipts=str(tmp_path / "receipts"),
        ledger=str(tmp_path / "ledger"),
    )
    assert outcome.state == "success"
    total = outcome.xcom("total")
    assert outcomes(total) == {"total": 42, "accepted": 40, "rejected": 1, "skipped": 1, "unknown": 0}
    assert (total["shards"], len(total["receipts_paths"])) == (4, 4)
    assert outcome.xcom("delivered")["delivered"] == 40
    assert_nobody_twice(simulator, accepted=40)


def test_guarded_campaign_leaves_out_and_sends_a_sample_first(run_example, simulator, tmp_path):
    simulator.templates({"SMS_152550005": {"text": "尊敬的${name}，拒收请回复R", "kind": "promotion"}})
    simulator.signatures({"阿里云": {}})
    people = [f"1380000{number},张伟" for number in range(1001, 1041)]
    recipients = write_csv(tmp_path / "members.csv", header="phone_number,name", rows=people)
    opted_out = write_csv(tmp_path / "opted_out.csv", header="phone_number", rows=["+86 138 0000 1003"])
    (tmp_path / "claims").mkdir()
    places = {name: str(tmp_path / name) for name in ("claims", "receipts", "ledger")}
    outcome = run_example("guarded_campaign", recipients=recipients, opted_out=opted_out, **places)
    assert outcome.state == "success", outcome
    sent = outcome.xcom("send")
    assert outcomes(sent) == {"total": 40, "accepted": 39, "rejected": 0, "skipped": 1, "unknown": 0}
    assert sent["errors"] == {"local.SUPPRESSED": 1}
    found = {each["guard"]: each for each in sent["guards"]}
    assert [*found] == [
        "QuietHours",
        "Fresh",
        "NotOn",
        "Suppress",
        "Preflight",
        "LikeLastRun",
        "MaxCost",
        "FrequencyCap",
        "Canary",
    ]
    assert {each["decision"] for each in found.values()} == {"go"}
    assert found["MaxCost"]["figures"]["parts"] == 39
    assert found["Canary"]["figures"]["delivered"] == 5
    assert_nobody_twice(simulator, accepted=39)


def test_careful_campaign_goes_step_by_step_and_a_person_lets_it_go(run_example, simulator, tmp_path):
    simulator.templates({"SMS_152550005": "尊敬的${name}，您好。"})
    simulator.signatures({"阿里云": {}})
    people = [f"1380000{number},张伟" for number in range(1001, 1041)]
    recipients = write_csv(tmp_path / "members.csv", header="phone_number,name", rows=people)
    opted_out = write_csv(tmp_path / "opted_out.csv", header="phone_number", rows=["13800001003"])
    places = {name: str(tmp_path / name) for name in ("claims", "ledger", "receipts", "reports")}
    (tmp_path / "claims").mkdir()
    with answering("Approve", dag_id="careful_campaign") as shown:
        outcome = run_example("careful_campaign", recipients=recipients, opted_out=opted_out, **places)
    assert outcome.state == "success", outcome
    assert "张伟" not in shown[1]
    assert "Cost: 1.76 CNY" in shown[1]
    canary, sent = outcome.xcom("sms_campaign.canary"), outcome.xcom("sms_campaign.send")
    assert canary["accepted"] in (4, 5)
    assert outcomes(sent) == {"total": 40, "accepted": 39, "rejected": 0, "skipped": 1, "unknown": 0}
    report = json.loads(Path(outcome.xcom("sms_campaign.report")["json"]).read_text(encoding="utf-8"))
    assert report["outcomes"]["accepted"] == 39
    assert report["seeds"]["accepted"] == 2
    assert report["cost"]["amount"] == "1.76"
    assert_nobody_twice(simulator, accepted=41)


def test_deferrable_delivery_waits_in_its_trigger_and_reports_both_results(run_example, simulator, tmp_path):
    simulator.options(delivery_delay=1.0)
    rows = [f"1380000{number},张伟" for number in range(1001, 1151)]
    rows.append("13800010403,李娜")
    outcome = run_example(
        "deferrable_delivery",
        recipients=write_csv(tmp_path / "china.csv", header="phone_number,name", rows=rows),
        receipts=str(tmp_path / "receipts"),
    )
    assert outcome.state == "success"
    assert outcome.xcom("report") == {
        "total": 151,
        "accepted": 151,
        "rejected": 0,
        "skipped": 0,
        "delivered": 150,
        "failed": 1,
        "pending": 0,
    }
    assert_nobody_twice(simulator, accepted=151)


def test_campaign_from_sql(run_example, simulator, tmp_path, monkeypatch):
    path = tmp_path / "members.sqlite"
    rows = [
        ("13800001001", "张伟", 320),
        ("+86 13800001001", "张伟", 320),
        ("13800001002", "李娜", 15),
        ("1380000", "王芳", 500),
        *((f"1380000{number}", "赵敏", 100) for number in range(2000, 2020)),
    ]
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE members (mobile TEXT, name TEXT, points INTEGER)")
        database.executemany("INSERT INTO members VALUES (?, ?, ?)", rows)
    monkeypatch.setenv("AIRFLOW_CONN_MEMBERS", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    outcome = run_example("campaign_from_sql", receipts=str(tmp_path / "receipts"))
    assert outcome.state == "success"
    sent = outcome.xcom("send")
    assert outcomes(sent) == {"total": 23, "accepted": 21, "rejected": 1, "skipped": 1, "unknown": 0}
    assert outcome.xcom("delivered")["delivered"] == 21
    assert_nobody_twice(simulator, accepted=21)
    assert simulator.counts().get("13800001002") is None


def test_ab_test_gives_each_person_one_text_and_compares_them(run_example, simulator, tmp_path):
    rows = [f"1380000{number},张伟" for number in range(1001, 1041)]
    path = write_csv(
        tmp_path / "china.csv", header="phone_number,name", rows=[*rows, "+86 138 0000 1001,张伟"]
    )
    outcome = run_example("ab_test", recipients=path, receipts=str(tmp_path / "receipts"))
    assert outcome.state == "success"
    sent = [outcome.xcom(f"send_{group}") for group in "ab"]
    assert all(each["accepted"] > 5 for each in sent)
    assert sum(each["accepted"] for each in sent) == 40
    assert sum(each["skipped"] for each in sent) == 1
    assert_nobody_twice(simulator, accepted=40)
    assert {each["template_code"] for each in simulator.messages()} == {"SMS_152550005", "SMS_152550006"}
    assert outcome.xcom("compare") == {"a": 1.0, "b": 1.0}


@pytest.fixture
def a_campaign_with_losses(run_example, tmp_path):
    """Run the weekly example; gives the parameters of those that send again."""
    rows = [
        "13800001001,张伟,320",
        "13800000502,李娜,15",
        "13800000501,王芳,15",
        "13800010401,刘洋,70",
        "13800010402,陈静,60",
        "1380000,赵敏,8",
        *(f"1380000{number},赵敏,1" for number in range(2000, 2020)),
    ]
    path = write_csv(tmp_path / "china.csv", header="phone_number,name,points", rows=rows)
    receipts = str(tmp_path / "first.jsonl")
    sent = run_example("china_campaign", recipients=path, receipts=receipts).xcom("send")
    assert outcomes(sent) == {"total": 26, "accepted": 23, "rejected": 3, "skipped": 0, "unknown": 0}
    return {"recipients": path, "receipts": receipts}


def test_retry_rejected_picks_those_who_were_refused_for_now_and_no_others(
    run_example, simulator, a_campaign_with_losses
):
    outcome = run_example("retry_rejected", **a_campaign_with_losses)
    # the simulator refuses this number each time, and a campaign that reached nobody is red
    again = outcome.xcom("send_to_rejected", "campaign")
    assert again["errors"] == {"isv.BUSINESS_LIMIT_CONTROL": 1}
    assert again["total"] == 1
    assert_nobody_twice(simulator, accepted=23)


def test_retry_rejected_sends_with_the_variables_of_the_first_time(
    run_example, simulator, a_campaign_with_losses
):
    path = Path(a_campaign_with_losses["receipts"])
    first, *others = path.read_text(encoding="utf-8").splitlines()
    refused = json.loads(first) | {"outcome": "rejected", "code": "isv.BUSINESS_LIMIT_CONTROL"}
    path.write_text("\n".join([json.dumps(refused), *others]) + "\n", encoding="utf-8")
    simulator.reset()
    outcome = run_example("retry_rejected", **a_campaign_with_losses)
    assert outcome.xcom("send_to_rejected")["accepted"] == 1
    (message,) = simulator.messages()
    assert message["number"] == "13800001001"
    assert "张伟" in message["content"]
    assert "320" in message["content"]


def test_retry_failed_leaves_alone_who_does_not_want_to_be_written_to(
    run_example, simulator, a_campaign_with_losses
):
    outcome = run_example("retry_rejected", dag_id="retry_failed", **a_campaign_with_losses)
    assert outcome.xcom("send_to_failed")["total"] == 1
    # 0401 was out of service; 0402 is on a blacklist
    assert simulator.counts(duplicates=True) == {"13800010401": 2}
