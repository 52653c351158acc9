# SPDX-License-Identifier: Apache-2.0
"""
The page of campaigns with canned answers: long lists, rare states, failures of the server, and what a person does.

What it shows of real campaigns in a real Airflow is in ``campaign_page.py``.
"""

from __future__ import annotations

import re

import pytest
from browserkit.accessibility import violations
from browserkit.canned_campaigns import (
    ADDRESS,
    CODE,
    ROOT,
    CannedCampaigns,
    detail,
    receipt,
    row,
    sending,
    stamp,
)
from playwright.sync_api import expect

ONE = f"{ADDRESS}?dag_id=spring_campaign&run_id=a&task_id=send&map_index=-1"
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"
"""As Airflow 3.3 frames the pages of plugins."""


@pytest.fixture
def opened(visit):
    """Give a function that opens an address with these campaigns; returns the page and its server."""

    def opened(address=ADDRESS, *, rows=(), one=None, receipts=(), failure=None, clock=False, **settings):
        page = visit(**settings)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        server = CannedCampaigns(page)
        server.rows, server.one, server.receipts = list(rows), one, list(receipts)
        server.failure = failure
        if clock:
            page.clock.install()
        page.goto(address)
        page.locator(".fresh:not(:empty), .notice:not(:empty)").first.wait_for()
        return page, server

    return opened


def many(count):
    return [row(run_id=f"manual__{number:03d}") for number in range(count)]


def names(page):
    return page.locator("tbody th .run").all_text_contents()


def test_a_long_list_is_shown_in_pages(opened):
    page, _ = opened(rows=many(120))
    assert names(page)[0] == "manual__000"
    assert len(names(page)) == 50
    older = page.get_by_role("button", name="Older")
    for _ in range(2):
        older.press("Enter")
    expect(page.get_by_text("101 to 120 of 120")).to_be_visible()
    assert names(page)[-1] == "manual__119"
    # the focus stays where it was, though there is nothing older
    expect(older).to_be_focused()
    expect(older).to_have_attribute("aria-disabled", "true")
    assert page.url.endswith("?offset=100")
    page.reload()
    expect(page.get_by_text("101 to 120 of 120")).to_be_visible()


def test_the_sums_are_those_of_the_server(opened):
    page, _ = opened(rows=many(120))
    sums = page.get_by_label("All campaigns listed, together")
    expect(sums).to_contain_text("120 campaigns")
    expect(sums).to_contain_text("112,800 accepted")
    expect(sums).to_contain_text("108,000 arrived")


def test_what_is_shown_follows_in_place(opened):
    page, server = opened(rows=[sending(), *many(30)], clock=True)
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("400 accepted")
    expect(first).to_contain_text("5.3 messages a second")
    expect(first).to_contain_text("about 1 min 50 s left")
    page.evaluate("document.querySelectorAll('tbody tr').forEach((row, place) => { row.mark = place; })")
    link = page.locator("tbody th a").nth(20)
    link.focus()
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0
    server.rows = [row(run_id="newest"), sending(accepted=700, pending=282), *many(30)]
    page.clock.run_for(3_500)
    expect(page.locator("tbody tr").nth(1)).to_contain_text("700 accepted")
    marks = page.evaluate("[...document.querySelectorAll('tbody tr')].map((row) => row.mark ?? null)")
    assert marks == [None, *range(31)]
    assert page.evaluate("document.activeElement.closest('tr').mark") == 20


def test_a_hidden_tab_asks_nothing(opened):
    page, server = opened(rows=[sending()], clock=True)
    expect(page.locator("tbody tr")).to_have_count(1)
    hide(page, hidden=True)
    before = server.calls["api/campaigns"]
    page.clock.run_for(120_000)
    assert server.calls["api/campaigns"] == before
    hide(page, hidden=False)
    expect(page.locator("tbody tr")).to_have_count(1)
    assert server.calls["api/campaigns"] == before + 1


def hide(page, *, hidden):
    """Tell the page that somebody looks at another tab, or comes back."""
    flag = "true" if hidden else "false"
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {flag} }})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_server_that_does_not_answer_is_asked_ever_more_rarely(opened):
    page, server = opened(rows=many(3), clock=True)
    expect(page.locator("tbody tr")).to_have_count(3)
    server.failure = 0
    page.clock.run_for(10_500)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("The server does not answer. What you see is from")
    expect(notice).to_contain_text("Next try in 5 s.")
    for wait in (10, 20, 40):
        calls = server.calls["api/campaigns"]
        page.clock.run_for(wait * 500 + 100)
        expect(notice).to_contain_text(f"Next try in {wait} s.")
        assert server.calls["api/campaigns"] == calls + 1
    assert len(names(page)) == 3
    server.failure = None
    page.get_by_role("button", name="Try now").click()
    expect(notice).to_be_empty()
    expect(page.locator(".fresh")).to_contain_text("Live, updated")


@pytest.mark.parametrize("status", [500, 502])
def test_a_failing_server_is_said_with_its_status(opened, status):
    page, server = opened(rows=many(1), clock=True)
    expect(page.locator("tbody tr")).to_have_count(1)
    server.failure = status
    page.clock.run_for(10_500)
    expect(page.get_by_role("alert")).to_contain_text(f"(error {status})")


def test_who_is_logged_out_is_told_and_nothing_more_is_asked(opened):
    page, server = opened(rows=many(1), clock=True)
    expect(page.locator("tbody tr")).to_have_count(1)
    server.failure = 401
    page.clock.run_for(10_500)
    expect(page.get_by_role("alert")).to_contain_text("You are logged out of Airflow")
    expect(page.get_by_role("link", name="Log in")).to_have_attribute("target", "_top")
    calls = server.calls["api/campaigns"]
    page.clock.run_for(300_000)
    assert server.calls["api/campaigns"] == calls
    server.failure = None
    hide(page, hidden=True)
    hide(page, hidden=False)
    expect(page.get_by_role("alert")).to_be_empty()


def test_who_may_not_read_a_campaign_is_told(opened):
    page, _ = opened(ONE, failure=403)
    expect(page.get_by_role("alert")).to_contain_text("Ask an administrator")


def test_an_empty_list_says_how_to_begin(opened):
    page, _ = opened()
    expect(page.get_by_role("heading", name="No campaign yet")).to_be_visible()
    text = page.locator("main").inner_text()
    for word in ("AliyunSendBatchSmsOperator", "AliyunBatchSendMessageToGlobeOperator", "3.1", "3.3"):
        assert word in text


def test_an_answer_nobody_expected_is_said_and_asked_for_again(opened):
    page, server = opened(rows=many(2), clock=True)
    expect(page.locator("tbody tr")).to_have_count(2)
    server.rows = [row(codes=None)]
    page.clock.run_for(10_500)
    expect(page.get_by_role("alert")).to_contain_text("This page cannot show what the server said.")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert len(page.errors) == 1
    server.rows = many(3)
    page.clock.run_for(6_000)
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("alert")).to_be_empty()


def test_filters_go_to_the_server_and_into_the_address(opened):
    page, server = opened(rows=[row(), row(dag_id="other", state="failed")], timezone_id="Asia/Shanghai")
    page.get_by_label("State").select_option("Failed")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Day it started").fill("2026-03-20")
    page.get_by_label("Day it started").dispatch_event("change")
    expect(page).to_have_url(re.compile("state=failed&day=2026-03-20"))
    assert server.queries["api/campaigns"]["day"] == "2026-03-20"
    assert server.queries["api/campaigns"]["zone"] == "Asia/Shanghai"
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_label("DAG")).to_be_focused()
    assert page.url == ADDRESS


def test_filters_that_find_nothing_say_so(opened):
    page, _ = opened(f"{ADDRESS}?state=failed", rows=[row()])
    expect(page.get_by_text("No campaign matches what is chosen above.")).to_be_visible()


def test_everything_is_reached_by_keyboard(opened):
    mapped = row(run_id="parts", map_index=None, mapped_tasks=2)
    page, server = opened(rows=[row(), mapped, row(run_id="last")], one=detail(row()))
    server.parts = [row(run_id="parts", map_index=index) for index in range(2)]
    rows = page.locator("tbody tr")
    rows.nth(0).get_by_role("link").focus()
    page.keyboard.press("ArrowDown")
    opener = page.get_by_role("button", name="Show the parts of spring_campaign · send: 2 parts")
    expect(opener).to_be_focused()
    assert outline(page) != "none"
    page.keyboard.press("Enter")
    expect(rows).to_have_count(5)
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(opener).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Part 0")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What became of everybody")).to_be_visible()
    assert "map_index=0" in page.url
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="All campaigns")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(3)


def outline(page):
    return page.evaluate("getComputedStyle(document.activeElement).outlineStyle")


def test_the_parts_of_a_mapped_task_are_shown_and_followed(opened):
    mapped = sending(map_index=None, mapped_tasks=2)
    page, server = opened(rows=[mapped], clock=True)
    server.parts = [sending(map_index=0, accepted=1), sending(map_index=1, accepted=2)]
    page.get_by_role("button", name="Show the parts").click()
    expect(page.get_by_role("row", name="Part 1")).to_contain_text("2 accepted")
    server.parts = [sending(map_index=0, accepted=1), row(map_index=1, accepted=77)]
    page.clock.run_for(3_500)
    expect(page.get_by_role("row", name="Part 1")).to_contain_text("77 accepted")
    page.get_by_role("button", name="Show the parts").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_very_many_parts_are_not_all_drawn(opened):
    page, server = opened(rows=[row(map_index=None, mapped_tasks=1000)])
    server.parts = [row(map_index=index) for index in range(1000)]
    page.get_by_role("button", name="Show the parts").click()
    expect(page.get_by_text("The first 200 of 1,000 parts are shown.")).to_be_visible()
    expect(page.locator("tr.piece")).to_have_count(201)


def test_a_click_anywhere_in_a_row_opens_its_campaign(opened):
    page, _ = opened(rows=[row()], one=detail(row()))
    page.locator("td.sent").click()
    expect(page.get_by_role("heading", name="What became of everybody")).to_be_visible()


@pytest.mark.parametrize("way", ["focus", "hover"])
def test_a_code_says_what_to_do(opened, way):
    page, _ = opened(rows=[row()])
    code = page.get_by_role("button", name="20 The phone number is not valid.")
    getattr(code, way)()
    tip = page.get_by_role("tooltip")
    expect(tip).to_contain_text(CODE["advice"])
    expect(code).to_have_attribute("aria-describedby", "tip")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_what_guards_decided_is_shown(opened):
    verdicts = [
        {"guard": "MaxCost", "decision": "go", "reason": "45.00 CNY of at most 100"},
        {"guard": "QuietHours", "decision": "wait", "reason": "nobody is woken before 9"},
    ]
    page, _ = opened(rows=[row(guards=verdicts)])
    expect(page.locator("td.codes")).to_contain_text("QuietHours: wait")
    page.get_by_role("button", name="1 check passed").focus()
    expect(page.get_by_role("tooltip")).to_have_text("MaxCost: 45.00 CNY of at most 100")


def test_data_never_becomes_markup(opened):
    evil = "<img src=x onerror='window.evil=1'><script>window.evil=1</script>"
    code = CODE | dict.fromkeys(("code", "meaning", "advice"), evil)
    guards = [{"guard": evil, "decision": evil, "reason": evil}]
    hostile = row(
        dag_id=evil, task_id=evil, run_id=evil, campaign_id=evil, codes=[code], guards=guards, state=evil
    )
    one = detail(hostile, ledger={"where": evil, "state": evil, "words": evil, "words_zh": evil})
    one["links"] = {
        "log": "javascript:window.evil=1",
        "task": "javascript:window.evil=1",
        "receipts": "javascript:1",
        "console": None,
    }
    one["tries"] = [one["tries"][0] | {"ending": evil}]
    page, _ = opened(rows=[hostile], one=one, receipts=[receipt(evil, code=evil, meaning=evil)])
    expect(page.locator("tbody")).to_contain_text(evil)
    page.goto(ONE)
    page.get_by_role("button", name="Show recipients").click()
    expect(page.locator(".receipts tbody th")).to_have_text(evil)
    assert page.locator("img, main script, [href^=javascript]").count() == 0
    assert page.evaluate("window.evil") is None
    assert page.errors == []


def test_one_campaign_tells_all_there_is(opened):
    page, _ = opened(ONE, one=detail(row(ended_at=stamp(seconds_ago=480), try_number=2, max_tries=3)))
    text = page.locator("main").inner_text()
    for words in ("1,000 recipients", "94%", "95.7% arrived", "Try 2 of 3", "mainland China"):
        assert words in text
    for words in (CODE["code"], CODE["advice"], "MaxCost", "A Clear sends to nobody who was served."):
        assert words in text
    chart = page.get_by_role("img", name="Chart of messages over time")
    expect(chart).to_be_visible()
    page.get_by_text("The figures of the chart").click()
    figures = page.locator("details table")
    expect(figures.locator("tbody tr").last).to_contain_text("940")


def test_a_campaign_that_ended_badly_says_why_at_the_top(opened):
    words = "CampaignDoomedError: isv.OUT_OF_SERVICE: the account has no balance left"
    page, _ = opened(ONE, one=detail(row(state="failed"), ending=words))
    expect(page.locator(".campaign-head")).to_contain_text(words)


def test_an_estimate_is_called_one(opened):
    page, _ = opened(ONE, one=detail(row(), sample_of=940_000))
    expect(page.locator("main")).to_contain_text("Estimated from a sample")


def test_a_task_that_sends_nothing_has_a_kind_word_and_its_campaign_as_soon_as_it_does(opened):
    page, server = opened(ONE, clock=True)
    expect(page.get_by_role("heading", name="No SMS campaign here")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()
    server.one = detail(sending())
    page.clock.run_for(16_000)
    expect(page.get_by_role("heading", name="What became of everybody")).to_be_visible()


def test_what_is_shown_stays_while_a_retry_begins_and_follows_it(opened):
    # Airflow clears what the last try left before the next one has left anything.
    page, server = opened(ONE, one=detail(sending(accepted=400)), clock=True)
    expect(page.locator("main")).to_contain_text("400")
    server.one = None
    page.clock.run_for(4_000)
    expect(page.get_by_role("heading", name="What became of everybody")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()
    server.one = detail(sending(accepted=777, pending=205))
    page.clock.run_for(4_000)
    expect(page.locator("main")).to_contain_text("777")


def test_airflows_placeholder_is_no_map_index(opened):
    address = f"{ADDRESS}?dag_id=d&run_id=a&task_id=send&map_index={{MAP_INDEX}}"
    page, server = opened(address, one=detail(row()))
    expect(page.get_by_role("heading", name="What became of everybody")).to_be_visible()
    assert server.queries["api/campaign"]["map_index"] == "-1"


def test_receipts_are_shown_when_asked_for_a_page_at_a_time(opened):
    receipts = [receipt(f"138****{number:04d}") for number in range(150)]
    receipts.append(receipt("139****0501", outcome="rejected", code=CODE["code"]))
    page, server = opened(ONE, one=detail(row()), receipts=receipts)
    button = page.get_by_role("button", name="Show recipients")
    button.wait_for()
    assert server.calls["api/receipts"] == 0
    button.click()
    shown = page.locator(".receipts tbody tr")
    expect(shown).to_have_count(100)
    page.locator(".receipts").get_by_role("button", name="›").click()
    expect(shown).to_have_count(51)
    page.locator(".receipts").get_by_label("Outcome").select_option("Refused")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("139****0501")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("address", [ADDRESS, ONE])
def test_axe_has_nothing_against_it(opened, scheme, locale, address):
    rows = [
        sending(),
        row(),
        row(state="failed", run_id="x"),
        row(map_index=None, mapped_tasks=3, dry_run=True, run_id="m"),
    ]
    page, _ = opened(address, rows=rows, one=detail(row()), color_scheme=scheme, locale=locale)
    page.locator("table").first.wait_for()
    assert page.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")
    assert violations(page) == []
    assert page.errors == []


@pytest.mark.parametrize("width", [360, 700, 1000])
@pytest.mark.parametrize("address", [ADDRESS, ONE])
def test_nothing_is_wider_than_the_screen(opened, width, address):
    long = row(dag_id="a_dag_with_a_long_name_" * 4, run_id="manual__" + "2" * 80, campaign_id="c" * 120)
    size = {"width": width, "height": 800}
    page, _ = opened(address, rows=[long, sending()], one=detail(long), viewport=size)
    page.locator("table").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_nothing_moves_for_those_who_do_not_want_it(opened):
    page, _ = opened(rows=[sending()], reduced_motion="reduce")
    moving = "getComputedStyle(document.querySelector('.badge .dot')).animationName"
    page.locator(".badge").wait_for()
    assert page.evaluate(moving) == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) == "breathe"


def test_times_are_those_of_the_readers_zone(opened):
    one = row(started_at="2026-03-20T23:30:00+00:00", ended_at="2026-03-20T23:31:00+00:00")
    page, _ = opened(rows=[one], timezone_id="Asia/Shanghai")
    expect(page.locator("tbody time")).to_have_text("21 Mar 2026 07:30")
    expect(page.locator(".fresh")).to_contain_text("Asia/Shanghai (GMT+8)")


def test_airflows_choice_of_language_and_zone_counts(visit):
    page = visit()
    CannedCampaigns(page).rows = [row(started_at="2026-03-20T23:30:00+00:00")]
    page.goto(f"{ROOT}/airflow")
    page.evaluate(
        "localStorage.setItem('i18nextLng', 'zh-CN'); localStorage.setItem('timezone', '\"Asia/Tokyo\"')"
    )
    page.goto(ADDRESS)
    expect(page.get_by_role("heading", name="短信批次")).to_be_visible()
    expect(page.locator("tbody time")).to_have_text("2026年3月21日 08:30")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_a_share_stands_on_one_line(opened):
    most = row(total=8003, accepted=8000, rejected=2, skipped=1, unknown=0)
    page, _ = opened(ONE, rows=[most], one=detail(most))
    for share in ("> 99.9%", "< 0.1%"):
        cell = page.get_by_role("cell", name=share, exact=True).first
        lines = """cell => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return new Set([...range.getClientRects()].map(box => box.top)).size;
        }"""
        assert cell.evaluate(lines) == 1, share


def test_english_on_a_chinese_page_is_marked_so(opened):
    ending = "stopped: the account has no money left"
    failed = row(state="failed", ending=ending)
    page, _ = opened(ONE, rows=[failed], one=detail(failed), locale="zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    for text, count in ((ending, 1), ("45.00 CNY of at most 100", 1)):
        found = page.get_by_text(text).and_(page.locator("[lang=en]"))
        expect(found).to_have_count(count)
    # a try of which it is not known how it ended has a dash there
    expect(page.locator("[data-key=tries] tbody td").last).not_to_have_attribute("lang", "en")


@pytest.fixture
def framed(visit):
    """Give the page of a stand-in for Airflow that frames the list, and the frame."""
    page = visit()
    server = CannedCampaigns(page)
    server.rows = [row()]
    server.one = detail(row())
    server.around = (
        f"<!doctype html><html class=dark><title>Airflow</title>"
        f"<iframe title=SMS width=1000 height=600 sandbox='{SANDBOX}' src='{ADDRESS}'></iframe>"
    )
    page.goto(f"{ROOT}/plugin/sms-campaigns")
    return page, page.frame_locator("iframe")


def test_light_and_dark_follow_airflow_at_once(framed):
    page, frame = framed
    expect(frame.locator("html")).to_have_class("dark")
    page.evaluate("document.documentElement.className = 'light'")
    expect(frame.locator("html")).to_have_class("")


def test_links_to_airflow_leave_the_frame_though_it_is_locked(framed):
    page, frame = framed
    frame.locator("tbody a").click()
    frame.get_by_role("link", name="spring_campaign", exact=True).click()
    expect(page).to_have_url(f"{ROOT}/dags/spring_campaign")


def test_a_new_tab_opens_with_the_usual_keys(framed):
    page, frame = framed
    frame.locator("tbody a").click()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="spring_campaign", exact=True).click(modifiers=["ControlOrMeta"])
    expect(opened.value).to_have_url(f"{ROOT}/dags/spring_campaign")
    assert page.url.endswith("/plugin/sms-campaigns")


def test_in_a_tab_of_a_dag_only_the_dag_is_offered(visit):
    page = visit()
    server = CannedCampaigns(page)
    server.rows = [row(), row(dag_id="other")]
    source = f"{ADDRESS}?dag_id=spring_campaign"
    server.around = f"<!doctype html><title>Airflow</title><iframe title=SMS src='{source}'></iframe>"
    page.goto(f"{ROOT}/dags/spring_campaign/plugin/sms")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="SMS campaigns of this DAG")).to_be_visible()
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.get_by_label("State")).to_be_visible()
    expect(frame.get_by_label("DAG")).to_have_count(0)
