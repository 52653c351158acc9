# SPDX-License-Identifier: Apache-2.0
"""The page of campaigns, from a real API server over the database of real runs."""

from __future__ import annotations

import pytest
import requests
from launcher.page import ApiServer

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
