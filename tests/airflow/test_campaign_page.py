# SPDX-License-Identifier: Apache-2.0
"""The page of campaigns, from a real API server over the database of real runs."""

from __future__ import annotations

import threading
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import requests
from launcher.page import ApiServer
from launcher.processes import wait_for

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

HEAD = """
from airflow.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

SEND = dict(template_code="SMS_1", sign_name="阿里云")
with DAG({dag_id!r}):
"""


@pytest.fixture
def run_file(tmp_path, run_dag):
    def run(dag_id, body, **keywords):
        path = tmp_path / f"{dag_id}.py"
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path.write_text(HEAD.format(dag_id=dag_id) + lines, encoding="utf-8")
        return run_dag(path, **keywords)

    return run


@pytest.fixture(scope="session")
def server(airflow_db, tmp_path_factory):
    one = ApiServer(folder=tmp_path_factory.mktemp("page"))
    one.start()
    yield one
    one.end()


@pytest.fixture(scope="session")
def admin(server):
    return server.session("admin")


def get(server, session, path, **params):
    return session.get(f"{server.page}/{path}", params=params, timeout=30)


def rows(server, session, **params):
    answer = get(server, session, "api/campaigns", **params)
    assert answer.status_code == 200, answer.text + server.log()
    return answer.json()


def test_a_campaign_is_listed_with_its_figures(run_file, simulator, aliyun_connection, server, admin):
    people = [f"1380000{i:04d}" for i in range(40)] + ["12"]
    outcome = run_file(
        "page_plain", f"AliyunSendBatchSmsOperator(task_id='send', recipients={people!r}, **SEND)"
    )
    assert outcome.state == "success"
    found = rows(server, admin, dag_id="page_plain")
    assert found["total_entries"] == 1
    (row,) = found["campaigns"]
    assert (row["task_id"], row["map_index"], row["mapped_tasks"]) == ("send", -1, None)
    assert (row["state"], row["api"], row["dry_run"]) == ("success", "china", False)
    counts = {name: row[name] for name in ("total", "accepted", "rejected", "skipped", "unknown", "pending")}
    assert counts == {"total": 41, "accepted": 40, "rejected": 1, "skipped": 0, "unknown": 0, "pending": 0}
    assert found["sums"] | counts == found["sums"]
    assert row["codes"][0]["code"] == "local.INVALID_NUMBER"
    assert "号码" in row["codes"][0]["meaning_zh"]
    assert "page_plain" in found["dag_ids"]


def test_nobody_sees_data_without_a_login(server):
    assert requests.get(f"{server.page}/api/campaigns", timeout=30).status_code == 401
    assert requests.get(f"{server.page}/", timeout=30).status_code == 200


def campaign(server, session, dag_id, outcome, *, map_index=-1, task_id="send", path="api/campaign", **more):
    where = {"dag_id": dag_id, "run_id": outcome.run_id, "task_id": task_id, "map_index": map_index}
    return get(server, session, path, **where, **more)


def test_one_campaign_tells_its_course_tries_ledger_and_links(
    run_file, simulator, aliyun_connection, server, admin
):
    """A call without an answer, no evidence for two tries: each try tells what it did."""
    simulator.misbehave("drop_after", action="SendBatchSms", times=1, skip=2)
    simulator.misbehave("no_records", action="QuerySendDetails", times=1000)
    people = [f"1380001{i:04d}" for i in range(40)]
    options = "chunk_size=5, max_concurrency=1, settle_time=600, evidence_wait=0.1, retries=2"
    outcome = run_file(
        "page_tries", f"AliyunSendBatchSmsOperator(task_id='send', recipients={people!r}, {options}, **SEND)"
    )
    assert outcome.state == "failed"
    found = campaign(server, admin, "page_tries", outcome).json()
    assert (found["accepted"], found["unknown"], found["pending"]) == (35, 5, 0)
    assert [each["try_number"] for each in found["tries"]] == [1, 2, 3]
    first, second, third = found["tries"]
    assert (first["accepted"], first["unknown"]) == (35, 5)
    assert (second["accepted"], second["unknown"], third["unknown"]) == (0, 5, 5)
    assert third["state"] == "failed"
    assert "OutcomeUnknownError" in third["ending"]
    assert found["timeline"]["sent"][-1] | {"at": ""} == {
        "at": "",
        "accepted": 35,
        "rejected": 0,
        "unknown": 5,
    }
    assert found["ledger"]["where"] == "airflow"
    assert found["ledger"]["state"] == "open"
    assert "5" in found["ledger"]["words"]
    assert "look up the 5" in found["clear"]["words"]
    assert "5 位" in found["clear"]["words_zh"]
    assert found["links"]["task"].startswith("/dags/page_tries/runs/")
    assert found["links"]["console"].startswith("https://dysms.console.aliyun.com/")
    assert found["receipts_viewable"] is True


def test_mapped_tasks_stand_together_and_can_be_unfolded(
    run_file, simulator, aliyun_connection, server, admin
):
    lists = [[f"138000{n}{i:04d}" for i in range(10 + n)] for n in range(3)]
    outcome = run_file(
        "page_mapped",
        f"AliyunSendBatchSmsOperator.partial(task_id='send', **SEND).expand(recipients={lists!r})",
    )
    assert outcome.state == "success"
    found = rows(server, admin, dag_id="page_mapped")
    (row,) = found["campaigns"]
    assert (row["map_index"], row["mapped_tasks"], row["state"], row["accepted"]) == (None, 3, "success", 33)
    assert found["sums"]["accepted"] == 33
    assert found["sums"]["campaigns"] == found["total_entries"] == 1
    where = {"dag_id": "page_mapped", "run_id": outcome.run_id, "task_id": "send"}
    each = get(server, admin, "api/campaigns/mapped", **where).json()["campaigns"]
    assert [(one["map_index"], one["accepted"]) for one in each] == [(0, 10), (1, 11), (2, 12)]
    one = campaign(server, admin, "page_mapped", outcome, map_index=1).json()
    assert one["accepted"] == 11
    assert one["links"]["task"].endswith("/tasks/send/mapped/1/details")


@pytest.mark.parametrize("mode", ["mode='poke'", "mode='reschedule'", "deferrable=True"])
def test_deliveries_stand_beside_the_campaign(run_file, simulator, aliyun_connection, server, admin, mode):
    people = [f"1380003{i:04d}" for i in range(12)] + ["13800030401"]
    dag_id = f"page_{''.join(filter(str.isalpha, mode))}"
    outcome = run_file(
        dag_id,
        f"send = AliyunSendBatchSmsOperator(task_id='send', recipients={people!r}, **SEND)\n"
        f"AliyunSmsDeliverySensor(task_id='wait', campaign=send.output, poke_interval=0.1, {mode})",
    )
    assert outcome.state == "success"
    found = rows(server, admin, dag_id=dag_id)
    (row,) = found["campaigns"]
    counts = {name: row["delivery"][name] for name in ("delivered", "failed", "pending")}
    assert counts == {name: outcome.xcom("wait")[name] for name in counts}
    assert counts["delivered"] + counts["failed"] == 13
    assert (found["sums"]["delivered"], found["sums"]["failed"]) == (counts["delivered"], counts["failed"])
    detail = campaign(server, admin, dag_id, outcome).json()
    assert detail["timeline"]["delivery"][-1] | {"at": ""} == {"at": ""} | counts


def test_a_sensor_of_two_campaigns_tells_of_each(run_file, simulator, aliyun_connection, server, admin):
    outcome = run_file(
        "page_two",
        "one = AliyunSendBatchSmsOperator(task_id='one', recipients=['13800040001'], **SEND)\n"
        "two = AliyunSendBatchSmsOperator(task_id='two', recipients=['13800040002', '13800040003'], **SEND)\n"
        "AliyunSmsDeliverySensor(task_id='wait', campaign=[one.output, two.output], deferrable=True,"
        " poke_interval=0.1)",
    )
    assert outcome.state == "success"
    found = {row["task_id"]: row for row in rows(server, admin, dag_id="page_two")["campaigns"]}
    assert found["one"]["delivery"]["delivered"] == 1
    assert found["two"]["delivery"]["delivered"] == 2


def test_refusals_and_what_was_never_begun(run_file, simulator, aliyun_connection, server, admin):
    simulator.misbehave("refuse", action="SendBatchSms", times=1, skip=1, code="isv.AMOUNT_NOT_ENOUGH")
    people = [f"1380005{i:04d}" for i in range(20)]
    options = "chunk_size=5, max_concurrency=1"
    outcome = run_file(
        "page_doomed",
        f"AliyunSendBatchSmsOperator(task_id='send', recipients={people!r}, {options}, **SEND)",
    )
    assert outcome.state == "failed"
    (row,) = rows(server, admin, dag_id="page_doomed")["campaigns"]
    assert row["state"] == "failed"
    assert (row["accepted"], row["pending"], row["skipped"]) == (5, 15, 0)
    detail = campaign(server, admin, "page_doomed", outcome).json()
    assert "CampaignDoomedError" in detail["ending"]
    assert detail["ledger"]["state"] == "partial"
    assert "send to the 15" in detail["clear"]["words"]


def test_a_guard_that_waits_or_refuses_is_told_with_its_reason(
    run_file, simulator, aliyun_connection, server, admin
):
    outcome = run_file(
        "page_guard",
        "from airflow_provider_aliyunsms.campaign.guards import MaxMessages\n"
        "AliyunSendBatchSmsOperator(task_id='send', recipients=['13800060001', '13800060002'],"
        " guards=[MaxMessages(1)], **SEND)",
    )
    assert outcome.state == "failed"
    (row,) = rows(server, admin, dag_id="page_guard")["campaigns"]
    assert [guard["decision"] for guard in row["guards"]] == ["fail"]
    assert row["guards"][0]["reason"]
    assert (row["pending"], row["accepted"]) == (2, 0)
    assert simulator.counts() == {}


def test_a_rehearsal_and_a_ledger_elsewhere(run_file, simulator, aliyun_connection, server, admin, tmp_path):
    outcome = run_file(
        "page_kinds",
        "AliyunSendBatchSmsOperator(task_id='dry', recipients=['13800070001'], dry_run=True, **SEND)\n"
        "AliyunSendBatchSmsOperator(task_id='path', recipients=['13800070002'],"
        f" ledger_path={str(tmp_path / 'ledger')!r}, **SEND)\n"
        "AliyunSendBatchSmsOperator(task_id='none', recipients=['13800070003'], durable=False, **SEND)",
    )
    assert outcome.state == "success"
    found = {row["task_id"]: row for row in rows(server, admin, dag_id="page_kinds")["campaigns"]}
    assert (found["dry"]["dry_run"], found["dry"]["accepted"], found["path"]["dry_run"]) == (True, 0, False)
    where = {
        name: campaign(server, admin, "page_kinds", outcome, task_id=name).json()
        for name in ("dry", "path", "none")
    }
    assert [where[name]["ledger"]["state"] for name in where] == ["rehearsal", "complete", "none"]
    assert "nothing is sent" in where["dry"]["clear"]["words"]
    assert "send nothing to anybody" in where["path"]["clear"]["words"]
    assert "refuse" in where["none"]["clear"]["words"]
    # What the ledger elsewhere cannot show to the page stands in Airflow's store as well.
    assert where["path"]["timeline"]["sent"]


def test_a_campaign_that_runs_tells_its_pace(run_file, simulator, aliyun_connection, server, admin):
    people = [f"1380008{i:04d}" for i in range(60)]
    options = "chunk_size=1, max_concurrency=1, max_qps=4"
    body = f"AliyunSendBatchSmsOperator(task_id='send', recipients={people!r}, {options}, **SEND)"
    seen = []

    def look():
        found = rows(server, admin, dag_id="page_runs", state="running")
        seen.extend([found] if any(row["pace"] and row["accepted"] for row in found["campaigns"]) else [])
        return seen

    def wait():
        wait_for(look, timeout=60, what="the figures of a running campaign", poll=0.3)

    watcher = threading.Thread(target=wait)
    watcher.start()
    try:
        outcome = run_file("page_runs", body)
    finally:
        watcher.join(61)
    found = seen[0]
    (row,) = found["campaigns"]
    assert 0 < row["accepted"] < 60
    assert row["accepted"] + row["pending"] == row["total"] == 60
    assert 0 < row["pace"] < 8
    assert row["seconds_left"] > 0
    assert 0 < found["sums"]["accepted"] <= row["accepted"]
    assert outcome.state == "success"
    assert rows(server, admin, dag_id="page_runs")["campaigns"][0]["pace"] is None


def test_the_list_is_filtered_and_paged(run_file, simulator, aliyun_connection, server, admin):
    body = "AliyunSendBatchSmsOperator(task_id='send', recipients=['13800090001'], **SEND)"
    runs = [run_file("page_filter", body).run_id for _ in range(3)]
    first = rows(server, admin, dag_id="page_filter", limit=2)
    rest = rows(server, admin, dag_id="page_filter", limit=2, offset=2)
    assert [row["run_id"] for row in first["campaigns"] + rest["campaigns"]] == runs[::-1]
    assert first["total_entries"] == rest["total_entries"] == first["sums"]["campaigns"] == 3
    assert first["sums"]["accepted"] == 3
    assert rows(server, admin, dag_id="page_filter", state="failed")["campaigns"] == []
    today = first["campaigns"][0]["started_at"][:10]
    assert rows(server, admin, dag_id="page_filter", day=today)["total_entries"] == 3
    assert rows(server, admin, dag_id="page_filter", day="2001-01-01")["total_entries"] == 0
    # The whole day of whoever is west, and of whoever is east of here.
    moment = datetime.fromisoformat(first["campaigns"][0]["started_at"])
    for zone in ("Asia/Shanghai", "America/Los_Angeles"):
        there = moment.astimezone(ZoneInfo(zone)).date().isoformat()
        assert rows(server, admin, dag_id="page_filter", day=there, zone=zone)["total_entries"] == 3
    for zone in ("No/Where", "../../etc/passwd", "/etc/passwd", "\0"):
        assert get(server, admin, "api/campaigns", day=today, zone=zone).status_code == 422
    assert get(server, admin, "api/campaigns", day="9999-12-31").status_code == 422
    (one,) = rows(server, admin, dag_id="page_filter", run_id=runs[1])["campaigns"]
    assert one["run_id"] == runs[1]
    # Some versions of Airflow put the run id into the address of a tab as it is, with its plus sign.
    bare = f"{server.page}/api/campaigns?dag_id=page_filter&run_id={runs[1]}"
    assert admin.get(bare, timeout=30).json()["total_entries"] == 1
    tab = (
        f"{server.page}/api/campaign?dag_id=page_filter&run_id={runs[1]}&task_id=send&map_index={{MAP_INDEX}}"
    )
    assert admin.get(tab, timeout=30).json()["run_id"] == runs[1]


def test_what_is_no_campaign_is_said_kindly(run_file, simulator, aliyun_connection, server, admin):
    outcome = run_file(
        "page_none",
        "from airflow.providers.standard.operators.empty import EmptyOperator\nEmptyOperator(task_id='other')",
    )
    answer = campaign(server, admin, "page_none", outcome, task_id="other")
    assert answer.status_code == 404
    assert "sends no SMS" in answer.json()["detail"]
    assert campaign(server, admin, "page_none", outcome, map_index="x").status_code == 422
    assert campaign(server, admin, "page_none", outcome, path="api/receipts").status_code == 404
    assert get(server, admin, "api/campaigns", limit=1000).status_code == 422


def test_a_state_that_nests_without_end_is_no_state():
    from airflow_provider_aliyunsms.ui import query

    assert query._parsed("[" * 100_000) is None
    assert query._parsed('{"total": 1}') == {"total": 1}
