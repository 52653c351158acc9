# SPDX-License-Identifier: Apache-2.0
"""The report adds up, explains its codes, and holds neither a number nor anything that a browser would load."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.delivery.report import campaign_report, report_page
from airflow_provider_aliyunsms.delivery.report.plot import delivery_plot, ticks
from airflow_provider_aliyunsms.exceptions import ConfigurationError

NUMBER = "13800000001"
SEND = {
    "campaign_id": "shop/spring/run",
    "api": "SendBatchSms",
    "total": 110,
    "accepted": 100,
    "rejected": 4,
    "skipped": 5,
    "unknown": 1,
    "requests": 3,
    "errors": {"isv.CUSTOMER_REFUSED": 4, "local.HOLDOUT": 5, "local.NO_ANSWER": 1},
    "groups": {
        "a": {
            "template_code": "SMS_1",
            "total": 55,
            "accepted": 50,
            "rejected": 4,
            "skipped": 0,
            "unknown": 1,
        },
        "b": {
            "template_code": "SMS_2",
            "total": 50,
            "accepted": 50,
            "rejected": 0,
            "skipped": 0,
            "unknown": 0,
        },
        "holdout": {"total": 5, "accepted": 0, "rejected": 0, "skipped": 5, "unknown": 0},
    },
    "guards": [
        {"guard": "Suppress", "decision": "go", "reason": "5 are left out", "figures": {"suppressed": 5}},
        {
            "guard": "<b>Mine</b>",
            "decision": "go",
            "reason": f"called +86{NUMBER}",
            "figures": {"who": NUMBER},
        },
    ],
    "receipts": [{"phone_number": NUMBER, "outcome": "accepted"}],
    "started_at": "2026-11-29T08:00:00Z",
    "finished_at": "2026-11-29T08:05:00Z",
}
WAIT = {
    "campaign_id": "shop/spring/run",
    "delivered": 90,
    "failed": 8,
    "pending": 2,
    "errors": {"MOBILE_IN_BLACK": 8},
    "calls": 220,
    "series": [[0, 0, 0, 100], [60, 50, 2, 48], [600, 90, 8, 2]],
    "groups": {
        "a": {"delivered": 49, "failed": 1, "pending": 0},
        "b": {"delivered": 41, "failed": 7, "pending": 2},
    },
}
SAMPLE = {
    "campaign_id": "shop/spring/run",
    "estimated": True,
    "accepted": 100,
    "sample_size": 20,
    "sample": {"delivered": 18, "failed": 1, "pending": 1, "errors": {"USER_REJECT": 1}},
}


class Page(HTMLParser):
    """Read a page as a browser would, and note what it would load or run."""

    VOID = frozenset({"meta", "br", "line", "polygon"})

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def test_the_report_adds_up_and_explains_its_codes():
    shard = SEND | {"campaign_id": f"{SEND['campaign_id']}/1"}
    report = campaign_report([SEND, None, shard], deliveries=WAIT, parts=300, price="0.045 CNY")
    assert report["outcomes"] == {"total": 220, "accepted": 200, "rejected": 8, "skipped": 10, "unknown": 2}
    assert [(each["code"], each["count"]) for each in report["codes"]] == [
        ("local.HOLDOUT", 10),
        ("isv.CUSTOMER_REFUSED", 8),
        ("local.NO_ANSWER", 2),
    ]
    assert all(each["meaning"].endswith(".") and each["advice"] for each in report["codes"])
    assert report["cost"] == {"parts": 300, "price": "0.045", "amount": "13.50", "currency": "CNY"}
    assert (report["deliveries"][0]["ratio"], report["deliveries"][0]["interval"]) == (0.9, None)
    assert json.loads(json.dumps(report)) == report


def test_groups_are_compared_where_their_delivery_is_known():
    report = campaign_report(SEND, deliveries=[WAIT])
    assert report["groups"]["a"]["ratio"] == 0.98
    assert report["groups"]["a"]["interval"] == pytest.approx([0.895, 0.9965], abs=1e-3)
    (compared,) = report["comparisons"]
    assert (compared["groups"], compared["difference"], compared["is_clear"]) == (["a", "b"], 0.16, True)
    assert "ratio" not in report["groups"]["holdout"]
    assert campaign_report(SEND)["comparisons"] == []


def test_a_canary_and_the_rest_are_one_campaign_and_counted_once():
    """The rest counts whom the canary has sent to, and the last sensor whose delivery the first one saw."""
    canary = SEND | {"accepted": 3, "skipped": SEND["skipped"] + SEND["accepted"] - 3, "errors": {}}
    first = WAIT | {"groups": {"a": {"delivered": 2, "failed": 0, "pending": 1}}}
    both, alone = (
        campaign_report([canary, SEND], deliveries=[first, WAIT]),
        campaign_report(SEND, deliveries=WAIT),
    )
    for name in ("outcomes", "requests", "codes", "groups", "comparisons", "guards"):
        assert both[name] == alone[name]
    assert [len(each["deliveries"]) for each in (both, alone)] == [2, 1]


def test_of_one_campaign_the_result_that_was_finished_last_counts_in_any_order():
    """A canary that is cleared after the rest is finished last, and knows of both."""
    early = {**SEND, "accepted": 10, "skipped": SEND["skipped"] + SEND["accepted"] - 10}
    early |= {"finished_at": "2020-01-01T00:00:00Z"}
    for sends in ([early, SEND], [SEND, early]):
        assert campaign_report(sends)["outcomes"]["accepted"] == SEND["accepted"]


@pytest.mark.parametrize(("parts", "price", "amount"), [(1, "0.045 CNY", "0.05"), (3, "0.041 CNY", "0.13")])
def test_the_cost_is_rounded_up_as_the_guard_rounds_it(parts, price, amount):
    assert campaign_report(SEND, parts=parts, price=price)["cost"]["amount"] == amount


def test_two_apis_may_name_their_campaign_alike():
    other = SEND | {"api": "BatchSendMessageToGlobe"}
    assert campaign_report([SEND, other])["outcomes"]["total"] == 2 * SEND["total"]


def test_an_estimate_is_shown_as_one():
    report = campaign_report(SEND, deliveries=SAMPLE)
    (delivery,) = report["deliveries"]
    assert (delivery["accepted"], delivery["sample_size"], delivery["ratio"]) == (100, 20, 0.9)
    assert delivery["interval"] == pytest.approx([0.699, 0.972], abs=1e-3)
    assert "A random sample of 20 of 100" in "".join(Page(report_page(report)).texts)


@pytest.mark.parametrize("deliveries", [(), [WAIT], [WAIT, SAMPLE]])
def test_the_page_is_whole_loads_nothing_and_runs_nothing(deliveries):
    text = report_page(campaign_report(SEND, deliveries=deliveries, parts=7))
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "a", "base"} & {*page.tags}
    assert not re.search(r"https?:|//|url\(|@import", text)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    assert page.tags.count("svg") == sum("series" in each for each in deliveries)
    assert page.tags.count("h1") == 1


def test_neither_page_nor_object_holds_a_number():
    report = campaign_report(SEND, deliveries=WAIT)
    for text in (json.dumps(report), report_page(report)):
        assert "1380000" not in text
    assert report["guards"][1]["reason"] == "called +****"


def test_a_guard_of_a_user_may_put_a_number_anywhere():
    figures = {"8613800000001": 1, "last": 8613800000001, "as_float": 13800000001.0, "parts": 12_345_678}
    verdict = {"guard": "Own", "decision": "go", "reason": "", "figures": figures}
    report = campaign_report(SEND, guards=[verdict])
    for text in (json.dumps(report), report_page(report)):
        assert "1380000" not in text
    assert report["guards"][0]["figures"] == {
        "****": 1,
        "last": "****",
        "as_float": "****.0",
        "parts": 12_345_678,
    }


@given(st.text(max_size=30))
def test_every_text_is_escaped(text):
    strange = "<img src=x onerror=alert(1)>&\"'" + text
    send = SEND | {
        "campaign_id": strange,
        "errors": {strange: 1},
        "started_at": strange,
        "guards": [{"guard": strange, "decision": strange, "reason": strange, "figures": {strange: strange}}],
        "groups": {strange: SEND["groups"]["a"] | {"template_code": strange}},
    }
    wait = WAIT | {"campaign_id": strange, "errors": {strange: 8}, "groups": {strange: WAIT["groups"]["a"]}}
    page = Page(report_page(campaign_report(send, deliveries=wait)))
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "sends", [None, [], [None], "text", 5, [5], {}, [SEND | {"accepted": -1}], [SEND | {"api": "x"}]]
)
def test_what_is_no_result_of_a_send_task_is_refused(sends):
    with pytest.raises(ConfigurationError) as caught:
        campaign_report(sends)
    assert caught.value.advice


@pytest.mark.parametrize(
    "deliveries", ["text", {}, [SEND], [WAIT | {"errors": {"X": "many"}}], [SAMPLE | {"sample": 5}]]
)
def test_what_is_no_result_of_a_sensor_is_refused(deliveries):
    with pytest.raises(ConfigurationError):
        campaign_report(SEND, deliveries=deliveries)


@pytest.mark.parametrize("price", ["", "0.045", "CNY", "0.045 yuan", "-1 CNY", "1e9 CNY"])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(ConfigurationError):
        campaign_report(SEND, parts=1, price=price)


POINTS = st.lists(
    st.tuples(*[st.integers(0, 10**7)] * 4).map(list), max_size=200, unique_by=lambda point: point[0]
)


@given(POINTS)
def test_any_series_is_drawn_within_its_frame(points):
    (delivery,) = campaign_report(SEND, deliveries=WAIT | {"series": points})["deliveries"]
    series = delivery["series"]
    assert len(series) <= 61
    assert series == sorted(series)
    if points:
        assert (series[0], series[-1]) == (min(points), max(points))
    plot = delivery_plot(series)
    assert bool(plot) == (len(series) > 1)
    for x, y in re.findall(r"(-?[0-9.]+),(-?[0-9.]+)", " ".join(re.findall(r'points="([^"]*)"', plot))):
        assert 0 <= float(x) <= 640
        assert 0 <= float(y) <= 240


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_ticks_are_few_and_inside(low, size):
    found = ticks(low, low + size)
    assert len(found) <= 6
    assert all(low <= each <= low + size for each in found)


@pytest.mark.parametrize(
    "series", [None, "text", [[1, 2]], [["a", 1, 2, 3]], [[0, 0, 0, 1]], [[5, 0, 0, 1], [5, 1, 0, 0]]]
)
def test_a_series_that_cannot_be_drawn_is_left_out(series):
    report = campaign_report(SEND, deliveries=WAIT | {"series": series})
    assert "<svg" not in report_page(report)
