# SPDX-License-Identifier: Apache-2.0
"""The pages of a campaign that was sent: what they show, and that they show nobody's number."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

import pytest
from crashkit.processes import wait_for

DAG = "spring_campaign"
CONNECTION = "aliyun_sms_campaign"
PRIVATE = ("13800001234", "13800001235", "13800001236", "13800000501", "138 0000 1234", "张伟", "刘洋")


@pytest.fixture(scope="module")
def run_id(airflow, gateway, key):
    """Send the campaign and return the id of its run."""
    address = urlsplit(gateway.url)
    extra = {"security_token": key.token}
    fields = {"connection_id": CONNECTION, "conn_type": "aliyun_sms", "host": f"http://{address.hostname}"}
    fields |= {"port": address.port, "login": key.key_id, "password": key.secret, "extra": json.dumps(extra)}
    airflow.call("POST", "/connections", json=fields)
    body = {"logical_date": "2026-03-20T09:00:00Z", "conf": {"season": "2026"}}
    run_id = airflow.call("POST", f"/dags/{DAG}/dagRuns", json=body)["dag_run_id"]
    path = f"/dags/{DAG}/dagRuns/{run_id}"

    def finished():
        state = airflow.get(path)["state"]
        return state if state in ("success", "failed") else None

    assert wait_for(finished, timeout=120, what="the campaign is sent") == "success"
    return run_id


@pytest.fixture(scope="module")
def visit(page, run_id):
    """Give a function that opens a tab of the task and waits for a text there; it returns what the page shows."""

    def visit(tab, *, text):
        page.goto(f"/dags/{DAG}/runs/{quote(run_id)}/tasks/send{tab}")
        page.get_by_text(text).first.wait_for()
        shown = page.locator("body").inner_text()
        assert [private for private in PRIVATE if private in shown or private in page.content()] == []
        return shown

    return visit


def test_the_xcom_tells_what_became_of_everybody(visit, screenshots):
    shown = visit("/xcom", text="receipts_path")
    assert "spring-2026" in shown
    assert '"accepted": 3' in shown
    screenshots.take("campaign-xcom")


def test_the_rendered_templates_hide_the_recipients(visit, screenshots):
    shown = visit("/rendered_templates", text="recipients, not shown")
    assert "6 recipients, not shown" in shown
    assert "SMS_152550005" in shown
    screenshots.take("campaign-rendered-templates")


def test_the_links_of_the_task_lead_to_console_and_receipts(visit, page, screenshots):
    visit("", text="SMS console")
    console = page.get_by_role("link", name="SMS console")
    receipts = page.get_by_role("link", name="Receipts")
    assert console.get_attribute("href") == "https://dysms.console.aliyun.com/record"
    assert receipts.get_attribute("href").endswith("/receipts.jsonl")
    screenshots.take("campaign-links")


def test_no_number_and_no_secret_is_in_any_log(airflow, key, run_id):
    files = airflow.outputs() | airflow.logs()
    assert any("Campaign spring-2026: 3 accepted" in text for text in files.values())
    found = [
        (name, text)
        for name, content in files.items()
        for text in (*PRIVATE, *key.private)
        if text in content
    ]
    assert found == []
