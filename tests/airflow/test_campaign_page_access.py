# SPDX-License-Identifier: Apache-2.0
"""Who may see the page of campaigns, with Airflow's simple auth manager and with FAB's; and what it never holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import requests
from launcher.page import ApiServer

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PEOPLE = [f"1390001{i:04d}" for i in range(30)]
SECRET_TEXT = "dear customer number one"
DAG = """
from airflow.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator, AliyunSendBatchSmsOperator)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

with DAG({dag_id!r}):
    china = AliyunSendBatchSmsOperator(
        task_id="china", recipients={people!r}, template_code="SMS_1", sign_name="阿里云",
        template_param={{"name": {text!r}}})
    big = AliyunSendBatchSmsOperator(
        task_id="big", recipients={big!r}, template_code="SMS_1", sign_name="阿里云")
    globe = AliyunBatchSendMessageToGlobeOperator(
        task_id="globe", recipients=["6581234567", "6581234568"], message={text!r})
    AliyunSmsDeliverySensor(task_id="wait", campaign=[china.output, globe.output], poke_interval=0.1)
"""
BIG = [f"1390002{i:04d}" for i in range(150)]
FAB = {
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS": "airflow.providers.fab.auth_manager.models.db.FABDBManager",
    "AIRFLOW__FAB__UPDATE_FAB_PERMS": "True",
}
USERS = """
import json, sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
with get_application_builder() as builder:
    manager = builder.sm
    manager.sync_roles()
    def role(name, resources):
        made = manager.add_role(name)
        for action, resource in resources:
            manager.add_permission_to_role(made, manager.create_permission(action, resource))
    tasks = [("can_read", "Website"), ("can_read", "DAG Runs"), ("can_read", "Task Instances")]
    reads = [*tasks, ("can_read", "XComs")]
    role("OneDag", [*reads, ("can_read", "DAG:seen")])
    role("NoXComs", [*tasks, ("can_read", "DAGs")])
    role("Nothing", [("can_read", "Website")])
    for name in ("Viewer", "OneDag", "NoXComs", "Nothing"):
        manager.add_user(name.lower(), name, name, f"{name}@example.com", manager.find_role(name), password="secret")
"""


@pytest.fixture(scope="module")
def runs(airflow_db, tmp_path_factory):
    """Run one DAG that holds everything that must not be seen, and the same as another DAG."""
    return {}


@pytest.fixture
def sent(runs, run_dag, simulator, aliyun_connection, tmp_path):
    for dag_id in ("seen", "hidden"):
        if dag_id not in runs:
            path = tmp_path / f"{dag_id}.py"
            path.write_text(
                DAG.format(dag_id=dag_id, people=PEOPLE, big=BIG, text=SECRET_TEXT), encoding="utf-8"
            )
            outcome = run_dag(path)
            assert outcome.state == "success"
            runs[dag_id] = outcome
    return runs


@pytest.fixture(scope="module")
def simple(airflow_db, tmp_path_factory):
    server = ApiServer(folder=tmp_path_factory.mktemp("simple"))
    server.start()
    yield server
    server.end()


@pytest.fixture(scope="module")
def fab(airflow_db, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fab")
    environment = os.environ | FAB
    for command in ([sys.executable, "-m", "airflow", "db", "migrate"], [sys.executable, "-c", USERS]):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    server = ApiServer(folder=folder, environment=FAB)
    server.start()
    yield server
    server.end()


def login(server, name):
    session = requests.Session()
    session.trust_env = False
    answer = session.post(
        f"{server.url}/auth/token", json={"username": name, "password": "secret"}, timeout=60
    )
    assert answer.ok, answer.text + server.log()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def ask(server, session, path, **params):
    return session.get(f"{server.page}/{path}", params=params, timeout=60)


def of(runs, dag_id, task_id="china"):
    return {"dag_id": dag_id, "run_id": runs[dag_id].run_id, "task_id": task_id, "map_index": -1}


PATHS = ("api/campaign", "api/campaigns/mapped", "api/receipts")


def test_every_address_with_data_needs_a_login(sent, simple):
    nobody, wrong = requests.Session(), requests.Session()
    wrong.headers["Authorization"] = "Bearer no-token"
    for path in ("api/campaigns", *PATHS):
        assert ask(simple, nobody, path, **of(sent, "seen")).status_code == 401
        assert ask(simple, wrong, path, **of(sent, "seen")).status_code in (401, 403)
        # Also for what does not exist, and for what is asked for wrongly.
        assert ask(
            simple, nobody, path, dag_id="none", run_id="x", task_id="y", map_index="z"
        ).status_code in (401, 422)
    assert ask(simple, nobody, "").status_code == 200


def test_with_the_simple_auth_manager_every_role_reads(sent, simple):
    for name in ("admin", "op", "user", "viewer"):
        session = simple.session(name)
        assert ask(simple, session, "api/campaigns", dag_id="seen").json()["total_entries"] == 3
        for path in PATHS:
            assert ask(simple, session, path, **of(sent, "seen")).status_code == 200


def test_the_cookie_of_the_ui_is_a_login(sent, simple):
    token = simple.session("viewer").headers["Authorization"].removeprefix("Bearer ")
    assert (
        requests.get(f"{simple.page}/api/campaigns", cookies={"_token": token}, timeout=30).status_code == 200
    )


def test_with_fab_a_person_sees_the_campaigns_of_his_dags_only(sent, fab):
    everything = ask(fab, login(fab, "viewer"), "api/campaigns").json()
    assert {"seen", "hidden"} <= {row["dag_id"] for row in everything["campaigns"]}
    one = login(fab, "onedag")
    answer = ask(fab, one, "api/campaigns")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert {row["dag_id"] for row in found["campaigns"]} == {"seen"}
    assert found["dag_ids"] == ["seen"]
    # Sums as well: they would tell of campaigns that he may not see.
    assert found["total_entries"] == found["sums"]["campaigns"] == 3
    assert found["sums"]["accepted"] == 30 + 150 + 2
    assert ask(fab, one, "api/campaigns", dag_id="hidden").json()["campaigns"] == []
    for path in PATHS:
        assert ask(fab, one, path, **of(sent, "seen")).status_code == 200
        assert ask(fab, one, path, **of(sent, "hidden")).status_code == 403
        # The same answer for a DAG that does not exist: nobody learns which ones do.
        assert ask(fab, one, path, dag_id="none", run_id="x", task_id="y").status_code == 403


@pytest.mark.parametrize("name", ["noxcoms", "nothing"])
def test_with_fab_who_may_not_read_tasks_and_their_xcoms_sees_nothing(sent, fab, name):
    session = login(fab, name)
    assert ask(fab, session, "api/campaigns").status_code == 403
    for path in PATHS:
        assert ask(fab, session, path, **of(sent, "seen")).status_code == 403


def test_no_answer_holds_a_number_or_a_text(sent, simple):
    session = simple.session("admin")
    answers = [ask(simple, session, "api/campaigns").text]
    for task in ("china", "big", "globe"):
        where = of(sent, "seen", task)
        answers += [ask(simple, session, path, **where).text for path in PATHS]
        found = ask(simple, session, "api/receipts", **where).json()
        assert found["receipts"], task
        assert found["where"] == ("file" if task == "big" else "xcom")
    told = "\n".join(answers)
    for number in [*PEOPLE, *BIG, "6581234567", "6581234568"]:
        assert number not in told
    assert SECRET_TEXT not in told
    assert "139****0000" in told
    assert "testsecret" not in told


def test_a_page_that_cannot_be_loaded_is_one_message_and_airflow_works(airflow_db, tmp_path):
    """A module that the page needs is broken."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'airflow_provider_aliyunsms.ui.query':\n"
        "            raise ImportError('broken on purpose')\n"
        "sys.meta_path.insert(0, Broken())\n",
        encoding="utf-8",
    )
    server = ApiServer(folder=tmp_path)
    server.add_path(tmp_path)
    server.start()
    try:
        session = server.session("admin")
        for _ in range(2):
            page, data = session.get(f"{server.page}/", timeout=30), ask(server, session, "api/campaigns")
            assert (page.status_code, data.status_code) == (500, 500)
            assert "SMS campaigns cannot be shown" in page.text
            assert "ImportError" in data.json()["detail"]
            assert "broken on purpose" not in page.text + data.text
        assert "broken on purpose" in server.log()
        assert session.get(f"{server.url}/api/v2/dags", timeout=30).ok
        assert session.get(f"{server.url}/", timeout=30).ok
        plugins = session.get(f"{server.url}/api/v2/plugins", timeout=30).json()["plugins"]
        assert any(plugin["name"] == "aliyun_sms" for plugin in plugins)
    finally:
        server.end()


def test_airflow_knows_the_navigation_entry_and_the_tabs(simple):
    session = simple.session("viewer")
    # What Airflow's own UI asks for.
    plugins = simple.session("admin").get(f"{simple.url}/api/v2/plugins", timeout=30).json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "aliyun_sms"]
    views = {view["destination"]: view["href"] for view in ours["external_views"]}
    assert set(views) == {"nav", "dag", "dag_run", "task_instance"}
    assert all(href.startswith("/aliyun-sms/") for href in views.values())
    assert session.get(simple.url + views["nav"], timeout=30).ok


def test_the_page_comes_with_headers_that_keep_strangers_out(simple):
    answer = requests.get(f"{simple.page}/", timeout=30)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    for path in ("../../etc/passwd", "..%2f..%2fapp.py", "%2e%2e/app.py"):
        assert (
            requests.get(f"{simple.page}/{path}", timeout=30).status_code in (404, 405)
            or "import" not in (requests.get(f"{simple.page}/{path}", timeout=30).text[:2000])
        )
    assert json.loads(ask(simple, simple.session("viewer"), "api/none").text)["detail"]
