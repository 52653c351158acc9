# SPDX-License-Identifier: Apache-2.0
"""A whole campaign with the approval clicked in Airflow's own page: what it shows, and what a click sends."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from launcher.processes import wait_for

from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient

DAG = "approved_campaign"
CONNECTION = "aliyun_sms_approved"
PRIVATE = ("1380003", "1390000", "欧阳", "司马", "修远", "文姬")


@pytest.fixture(scope="module")
def simulator(airflow, gateway, key):
    """Connect the campaign with a simulator that knows its template and signature."""
    address = urlsplit(gateway.url)
    fields = {"connection_id": CONNECTION, "conn_type": "aliyun_sms", "host": f"http://{address.hostname}"}
    fields |= {"port": address.port, "login": key.key_id, "password": key.secret}
    fields |= {"extra": json.dumps({"security_token": key.token})}
    airflow.call("POST", "/connections", json=fields)
    simulator = SimulatorClient(gateway.url)
    simulator.templates({"SMS_152550077": "亲爱的${name}，春季上新，欢迎光临。"})
    simulator.signatures({"SpringShop": {}})
    yield simulator
    simulator.close()


@pytest.fixture
def asked(airflow, simulator, page):
    """Start a run and open the page on which a person is asked; gives the run's path in the API."""
    run_id = airflow.trigger(DAG)
    path = f"/dags/{DAG}/dagRuns/{run_id}"

    def waiting():
        return airflow.get(f"{path}/taskInstances/spring.approval")["state"] == "awaiting_input"

    wait_for(waiting, timeout=120, what="the campaign asks for its approval")
    page.goto(f"/dags/{DAG}/runs/{quote(run_id)}/tasks/spring.approval/required_actions")
    page.get_by_text("120 recipients in 2 calls").first.wait_for()
    return path


def sent(simulator):
    """The numbers of this campaign that got a message, with how many."""
    return {
        number: count
        for number, count in simulator.counts().items()
        if number.startswith(("1380003", "13900003"))
    }


def finished(airflow, path):
    def state():
        found = airflow.get(path)["state"]
        return found if found in ("success", "failed") else None

    return wait_for(state, timeout=180, what="the campaign ends")


def states(airflow, path):
    found = airflow.get(f"{path}/taskInstances")["task_instances"]
    return {each["task_id"].removeprefix("spring."): each["state"] for each in found}


def test_a_click_on_reject_sends_nothing(airflow, simulator, asked, page):
    page.get_by_role("button", name="Reject").click()
    assert finished(airflow, asked) == "success"
    found = states(airflow, asked)
    assert {name for name, state in found.items() if state == "success"} == {
        "rehearsal",
        "approval",
        "report",
    }
    assert sent(simulator) == {}


def test_whoever_approves_sees_figures_and_masked_messages_and_then_everybody_gets_it(
    airflow, simulator, asked, page, screenshots
):
    text = "".join(page.locator("body").text_content().split())
    assert "Cost:5.40CNY" in text
    assert "GuardExpectedCount:go" in text
    assert "138****0000" in text
    assert [private for private in PRIVATE if private in text] == []
    screenshots.take("campaign-approval")
    assert sent(simulator) == {}
    page.get_by_role("button", name="Approve").click()
    assert finished(airflow, asked) == "success"
    assert set(states(airflow, asked).values()) == {"success"}
    counts = sent(simulator)
    assert (len(counts), set(counts.values())) == (121, {1})
    entry = airflow.get(
        f"{asked}/taskInstances/spring.report/xcomEntries/return_value", params={"deserialize": "true"}
    )
    written = entry["value"]
    report = json.loads(Path(written["json"]).read_text(encoding="utf-8"))
    assert report["outcomes"]["accepted"] == 120
    assert [each["delivered"] for each in report["deliveries"]] == [10, 120]


def test_the_run_shows_its_steps(airflow, asked, page, screenshots):
    run_id = asked.rpartition("/")[2]
    page.get_by_role("button", name="Approve").click()
    assert finished(airflow, asked) == "success"
    page.goto(f"/dags/{DAG}/runs/{quote(run_id)}")
    page.get_by_text("spring.rehearsal").first.wait_for()
    screenshots.take("campaign-group")


def test_no_number_and_no_name_is_in_any_log(airflow, asked):
    files = airflow.outputs() | airflow.all_logs()
    assert [
        (name, private)
        for name, content in files.items()
        for private in PRIVATE
        if private in content and "approved_campaign" in name
    ] == []
