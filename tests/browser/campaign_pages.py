# SPDX-License-Identifier: Apache-2.0
"""The pages of a campaign that was sent: what they show, and that they show nobody's number."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

import pytest
from launcher.processes import wait_for

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
    """Give a function that opens a tab of the task and waits until some text is there."""

    def visit(tab, *, text):
        page.goto(f"/dags/{DAG}/runs/{quote(run_id)}/tasks/send/{tab}")
        page.get_by_text(text).first.wait_for()

    return visit


@pytest.fixture(scope="module")
def shown(page):
    """Give a function that returns the text of the page, in which nobody's number or name may be."""

    def shown():
        # without the spaces, of which the editor has several kinds
        text = "".join(page.locator("body").text_content().split())
        assert [private for private in PRIVATE if "".join(private.split()) in text] == []
        return text

    return shown


def test_the_xcom_tells_what_became_of_everybody(airflow, run_id, visit, shown, page, screenshots):
    visit("xcom", text="return_value")
    page.get_by_role("button", name="Expand all").click()
    page.get_by_text("campaign_id").first.wait_for()
    text = shown()
    assert '"campaign_id":"spring-2026"' in text
    assert '"accepted":3' in text
    result = page.get_by_role("row").filter(has_text="return_value")
    result.evaluate("row => row.scrollIntoView({ block: 'start' })")
    result.get_by_text('"errors"').first.wait_for()
    screenshots.take("campaign-xcom")
    # the editor draws no line that is out of sight
    path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/send/xcomEntries/return_value"
    whole = json.dumps(airflow.get(path, params={"deserialize": "true"}), ensure_ascii=False)
    assert "receipts_path" in whole
    assert [private for private in PRIVATE if private in whole] == []


def test_the_rendered_templates_mask_the_recipients(visit, shown, screenshots):
    visit("rendered_templates", text="6 recipients, texts and variables not shown")
    text = shown()
    assert '"138****1234"' in text
    assert '"and3more"' in text
    assert "SMS_152550005" in text
    screenshots.take("campaign-rendered-templates")


def test_the_log_counts_and_names_nobody(visit, shown, screenshots):
    visit("", text="Result: 3 of 6 accepted, 2 rejected, 1 skipped, 0 unknown.")
    shown()
    screenshots.take("campaign-log")


def test_the_links_of_the_task_lead_to_console_and_receipts(airflow, run_id, visit, shown, page, screenshots):
    visit("details", text="SMS console")
    shown()
    console = "https://dysms.console.aliyun.com/record"
    assert page.get_by_role("link", name="SMS console").get_attribute("href") == console
    screenshots.take("campaign-links")
    # no browser opens a file on the worker's disk; the campaign page shows it
    links = airflow.get(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/send/links")["extra_links"]
    of_this_run = f"{airflow.url}/aliyun-sms/?dag_id={DAG}&run_id={quote(run_id)}&"
    assert links["Receipts"].startswith(of_this_run)
    assert links["Campaign"].startswith(of_this_run)
    assert links["SMS console"] == console


def test_no_number_and_no_secret_is_in_any_log(airflow, key, run_id):
    files = airflow.outputs() | airflow.all_logs()
    assert any("Result: 3 of 6 accepted" in text for text in files.values())
    found = [
        (name, text)
        for name, content in files.items()
        for text in (*PRIVATE, *key.private)
        if text in content
    ]
    assert found == []
