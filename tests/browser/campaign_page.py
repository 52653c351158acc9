# SPDX-License-Identifier: Apache-2.0
"""
The page *SMS campaigns* in a real Airflow, while real campaigns are sent to the simulator.

The tests are steps of one visit, in the order of the file: the slow campaign still runs when the first one looks.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlsplit

import pytest
from browserkit.accessibility import violations
from launcher.page import ApiServer
from launcher.processes import stays, wait_for
from launcher.simulator import SimulatorProcess
from playwright.sync_api import expect

NAVIGATION = "/plugin/sms-campaigns"
SLOW = "member_day"
OTHERS = ("autumn_sale", "city_news", "world_news", "winter_news")
TEMPLATES = {"SMS_152550077": "春季上新，欢迎光临。", "SMS_152550078": "亲爱的${name}，冬季新品已到店。"}
SETTINGS = {"timezone_id": "Asia/Shanghai"}
FULL_NUMBER = re.compile(r"1380000\d{4}|1380004\d{4}|6591230\d{3}")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, key):
    """Give a simulator of its own, whose messages nobody else counts."""
    gateway = SimulatorProcess(folder=tmp_path_factory.mktemp("shown"), options=key.options)
    try:
        gateway.start()
        gateway.client.templates(TEMPLATES)
        yield gateway
    finally:
        gateway.end()


@pytest.fixture(scope="module")
def runs(airflow, gateway, key):
    """Start all campaigns, the slow one when the others have ended; return the ids of their runs by DAG."""
    address = urlsplit(gateway.url)
    fields = {"connection_id": "aliyun_sms_shown", "conn_type": "aliyun_sms"}
    fields |= {"host": f"http://{address.hostname}", "port": address.port, "login": key.key_id}
    fields |= {"password": key.secret, "extra": json.dumps({"security_token": key.token})}
    airflow.call("POST", "/connections", json=fields)
    others = {dag_id: airflow.trigger(dag_id) for dag_id in OTHERS}
    wait_until_ended(airflow, others)
    return others | {SLOW: airflow.trigger(SLOW)}


@pytest.fixture(scope="module")
def ended(airflow, runs):
    """Give the runs once all of them have ended."""
    wait_until_ended(airflow, runs)
    return runs


def wait_until_ended(airflow, runs):
    def all_ended():
        return all(airflow.run_state(*run) in ("success", "failed") for run in runs.items())

    wait_for(all_ended, timeout=400, what="all campaigns have ended")


@pytest.fixture(scope="module")
def guarded(airflow, ended, tmp_path_factory):
    """Give an API server over the same database that asks everybody who they are."""
    own = ("PYTHONPATH", "AIRFLOW__API__BASE_URL", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS")
    environment = {name: value for name, value in airflow.environment.items() if name not in own}
    environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] = "False"
    server = ApiServer(folder=tmp_path_factory.mktemp("guarded"), environment=environment)
    try:
        server.start()
        yield server
    finally:
        server.end()


@pytest.fixture
def look(airflow, visit):
    """Give a function that opens a page of Airflow and returns it with the frame of ours in it."""

    def look(path, **settings):
        page = visit(url=airflow.url, **(SETTINGS | settings))
        page.goto(path)
        frame = page.frame_locator("iframe")
        frame.locator("h1").wait_for()
        return page, frame

    return look


@pytest.fixture
def alone(airflow, visit):
    """Give a function that opens our page without Airflow's around it, as somebody who is logged in."""

    def alone(query="", **settings):
        page = visit(url=airflow.url, **(SETTINGS | settings))
        page.goto("/")
        page.get_by_role("link", name="Home").or_(page.get_by_role("link", name="首页")).first.wait_for()
        page.goto(f"/aliyun-sms/{query}")
        page.locator("table").first.wait_for()
        return page

    return alone


def query_of(runs, dag_id, task_id="send", map_index=-1):
    return f"?dag_id={dag_id}&run_id={quote(runs[dag_id])}&task_id={task_id}&map_index={map_index}"


def row(frame, dag_id):
    return frame.locator("tbody tr").filter(has=frame.locator("th .name", has_text=dag_id))


def accepted(text):
    found = re.search(r"([\d,]+) accepted", text)
    return int(found[1].replace(",", "")) if found else 0


def test_a_running_campaign_moves_before_ones_eyes(look, runs, screenshots):
    page, frame = look(NAVIGATION)
    slow = row(frame, SLOW)
    expect(slow).to_contain_text("Sending", timeout=90_000)
    expect(slow).to_contain_text("messages a second", timeout=60_000)
    expect(slow).to_contain_text("left")
    slow.evaluate("row => { row.mark = 'the same'; }")
    link = slow.get_by_role("link")
    link.focus()
    first = accepted(slow.inner_text())
    assert first < 400
    wait_for(lambda: accepted(slow.inner_text()) > first, timeout=30, what="more is accepted")
    assert slow.evaluate("row => row.mark") == "the same"
    expect(link).to_be_focused()
    page.mouse.move(0, 0)
    screenshots.take("campaign-page-list", of=page)


def test_a_hidden_tab_asks_for_nothing(look, runs):
    page, frame = look(NAVIGATION)
    row(frame, SLOW).wait_for()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    frame.locator("html").evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away });
            window.away = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    before = len(asked)

    def quiet():
        # the browser's news arrive while playwright waits
        page.wait_for_timeout(200)
        return not any("/aliyun-sms/api/" in url for url in asked[before:])

    stays(quiet, seconds=8, what="a hidden tab asks for nothing")
    frame.locator("html").evaluate(
        "() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    wait_for(lambda: not quiet(), timeout=10, what="it asks again")


def test_every_campaign_tells_how_it_ended(look, ended):
    _, frame = look(NAVIGATION)
    expect(row(frame, SLOW)).to_contain_text("400 accepted", timeout=60_000)
    autumn = row(frame, "autumn_sale")
    for words in (
        "614 recipients",
        "597 accepted",
        "5 refused",
        "12 left out",
        "2 checks passed",
        "593 arrived",
    ):
        expect(autumn).to_contain_text(words)
    expect(row(frame, "world_news")).to_contain_text("Dry run")
    expect(row(frame, "world_news")).to_contain_text("20 left out")
    expect(row(frame, "winter_news")).to_contain_text("Failed")
    expect(frame.get_by_label("All campaigns listed, together")).to_contain_text("campaigns")


def test_filters_find_and_are_in_the_address(look, ended):
    page, frame = look(NAVIGATION)
    rows = frame.locator("tbody tr")
    frame.get_by_label("DAG").select_option("city_news")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/plugin/sms-campaigns/aliyun-sms/\?dag_id=city_news$"))
    page.reload()
    expect(rows).to_have_count(1)
    frame.get_by_role("button", name="Clear filters").click()
    frame.get_by_label("State").select_option("Failed")
    expect(row(frame, "winter_news")).to_be_visible()
    expect(row(frame, SLOW)).to_have_count(0)
    frame.get_by_label("Day it started").fill("2001-01-01")
    frame.get_by_label("Day it started").dispatch_event("change")
    expect(frame.get_by_text("No campaign matches")).to_be_visible()


def test_the_parts_of_a_mapped_task_open_in_place(look, ended):
    _, frame = look(NAVIGATION)
    mapped = row(frame, "city_news").first
    expect(mapped).to_contain_text("129 accepted")
    mapped.get_by_role("button", name="Show the parts").press("Enter")
    parts = frame.locator("tr.piece")
    expect(parts).to_have_count(3)
    expect(parts.nth(1)).to_contain_text("40 accepted")
    parts.nth(1).get_by_role("link", name="Part 1").press("Enter")
    expect(frame.get_by_role("heading", name="city_news · send_by_city · Part 1")).to_be_visible()
    expect(frame.get_by_text("40 recipients")).to_be_visible()


def test_one_campaign_tells_all_there_is_and_nobodys_number(look, ended, screenshots):
    page, frame = look(NAVIGATION, viewport={"width": 1280, "height": 1500})
    row(frame, "autumn_sale").get_by_role("link").press("Enter")
    expect(frame.get_by_role("heading", name="What became of everybody")).to_be_visible()
    for words in (
        "614 recipients",
        "97.2%",
        "isv.MOBILE_NUMBER_ILLEGAL",
        "ExpectedCount",
        "27.00 CNY",
        "99.3% arrived",
    ):
        expect(frame.locator("main")).to_contain_text(words)
    expect(frame.get_by_role("img", name="Chart of messages over time")).to_be_visible()
    expect(frame.get_by_role("heading", name="If the task runs again")).to_be_visible()
    screenshots.take("campaign-page-detail", of=page)
    frame.get_by_role("button", name="Show recipients").click()
    receipts = frame.locator(".receipts tbody tr")
    expect(receipts).to_have_count(100)
    frame.locator(".receipts").get_by_label("Outcome").select_option("Refused")
    expect(receipts).to_have_count(5)
    expect(frame.locator(".receipts")).to_contain_text("138****0501")
    assert FULL_NUMBER.findall(frame.locator("body").inner_text()) == []
    frame.get_by_role("link", name="All campaigns").click()
    row(frame, "autumn_sale").wait_for()


def test_a_failed_campaign_says_why_and_what_to_do(look, ended):
    _, frame = look(NAVIGATION)
    row(frame, "winter_news").get_by_role("link").press("Enter")
    expect(frame.locator(".campaign-head .ending")).to_be_visible()
    expect(frame.locator("main")).to_contain_text("isv.TEMPLATE_MISSING_PARAMETERS")


def test_links_lead_into_airflow(look, ended):
    page, frame = look(f"{NAVIGATION}/aliyun-sms/{query_of(ended, 'autumn_sale')}")
    frame.get_by_role("link", name="Log of the task").click()
    expect(page).to_have_url(re.compile(r"/dags/autumn_sale/runs/[^/]+/tasks/send\?try_number=1"))
    page.get_by_text("597 accepted").first.wait_for()


def test_the_tabs_of_dag_run_and_task_show_what_belongs_to_them(look, ended):
    run = f"/dags/autumn_sale/runs/{quote(ended['autumn_sale'])}"
    _, frame = look("/dags/autumn_sale/plugin/sms-dag")
    expect(frame.get_by_role("heading", name="SMS campaigns of this DAG")).to_be_visible()
    expect(frame.locator("tbody tr")).to_have_count(1)
    _, frame = look(f"{run}/plugin/sms-dag-run")
    expect(frame.get_by_role("heading", name="SMS campaigns of this run")).to_be_visible()
    expect(frame.locator("tbody tr")).to_have_count(1)
    _, frame = look(f"{run}/tasks/send/plugin/sms-task-instance")
    expect(frame.get_by_text("614 recipients")).to_be_visible()
    _, frame = look(f"{run}/tasks/prepare/plugin/sms-task-instance")
    expect(frame.get_by_role("heading", name="No SMS campaign here")).to_be_visible()


def test_a_mapped_task_has_its_tab(look, ended):
    run = f"/dags/city_news/runs/{quote(ended['city_news'])}"
    _, frame = look(f"{run}/tasks/send_by_city/mapped/2/plugin/sms-task-instance")
    expect(frame.get_by_text("9 recipients")).to_be_visible()


def test_it_is_dark_when_airflow_is(look, ended, screenshots):
    page, frame = look(NAVIGATION, color_scheme="dark")
    expect(frame.locator("html")).to_have_class("dark")
    expect(row(frame, "autumn_sale")).to_contain_text("597 accepted")
    screenshots.take("campaign-page-dark", of=page)
    page.evaluate("document.documentElement.classList.replace('dark', 'light')")
    expect(frame.locator("html")).to_have_class("")


def test_it_is_chinese_for_who_reads_chinese(look, ended, screenshots):
    page, frame = look(f"{NAVIGATION}/aliyun-sms/{query_of(ended, 'autumn_sale')}", locale="zh-CN")
    expect(frame.get_by_role("heading", name="每位收信人的结果")).to_be_visible()
    expect(frame.locator("main")).to_contain_text("已受理")
    page.get_by_text("首页").first.wait_for()
    screenshots.take("campaign-page-chinese", of=page)
    frame.get_by_role("link", name="全部批次").click()
    expect(row(frame, "autumn_sale")).to_contain_text("已送达")
    screenshots.take("campaign-page-list-chinese", of=page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["list", "detail"])
def test_axe_has_nothing_against_it(alone, ended, scheme, which):
    page = alone(query_of(ended, "autumn_sale") if which == "detail" else "", color_scheme=scheme)
    assert page.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")
    assert violations(page) == []


def log_in(page, name):
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(name)
    page.get_by_role("button", name="Sign in").click()


def test_who_logs_out_is_told_and_finds_the_way_back(guarded, visit):
    page = visit(url=guarded.url, **SETTINGS)
    page.goto("/")
    log_in(page, "viewer")
    page.get_by_role("link", name="Home").first.wait_for()
    page.goto(NAVIGATION)
    frame = page.frame_locator("iframe")
    row(frame, SLOW).wait_for()
    page.context.clear_cookies()
    notice = frame.get_by_role("alert")
    expect(notice).to_contain_text("You are logged out of Airflow", timeout=30_000)
    expect(row(frame, SLOW)).to_be_visible()
    frame.get_by_role("link", name="Log in").click()
    log_in(page, "viewer")
    row(page.frame_locator("iframe"), SLOW).wait_for()


def test_no_number_is_in_what_the_server_sends(airflow, ended):
    for dag_id, task_id in (("autumn_sale", "send"), ("world_news", "rehearse"), ("winter_news", "send")):
        place = {"dag_id": dag_id, "run_id": ended[dag_id], "task_id": task_id, "map_index": -1}
        for path in ("campaigns", "campaign", "receipts"):
            text = airflow.page(f"/aliyun-sms/api/{path}", params=place)
            assert FULL_NUMBER.findall(text) == []
