# SPDX-License-Identifier: Apache-2.0
"""What the page of the inbox asks for: phones, conversations, campaigns, what is surplus, files, clearing."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import time
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.report.parts import china_parts, globe_parts
from airflow_provider_aliyunsms.simulator.parts import count_parts
from airflow_provider_aliyunsms.simulator.server import running

NUMBER, OTHER, THIRD = "13800001234", "13000005678", "13300009012"
GLOBE_NUMBER = "85251007777"
FAILS, NEVER, SLOW = "13800000401", "13800000404", "13800000405"


@pytest.fixture(autouse=True)
def _many_globe_calls(simulator):
    simulator.options(globe_qps=0)


def get(simulator, path, **query):
    answer = requests.get(f"{simulator.url}/_simulator{path}", params=query, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(raw, *numbers, **changes):
    answer = raw.call("SendBatchSms", raw.batch(*numbers, **changes)).json()
    assert answer["Code"] == "OK", answer
    return answer


def send_globe(raw, *numbers, **changes):
    answer = raw.call("BatchSendMessageToGlobe", raw.globe(*numbers, **changes)).json()
    assert answer["ResponseCode"] == "OK", answer
    return answer


def texts(*values):
    return json.dumps([{"name": value} for value in values])


def numbers(simulator, **query):
    return [phone["number"] for phone in get(simulator, "/phones", **query)["phones"]]


# --- phones and their search ------------------------------------------------------------------------------


def test_phones_come_by_their_newest_message(raw, simulator):
    send(raw, NUMBER, OTHER)
    send(raw, THIRD)
    assert numbers(simulator) == [THIRD, OTHER, NUMBER]
    send(raw, NUMBER, TemplateParamJson=texts("again"))
    page = get(simulator, "/phones")
    assert [(one["number"], one["messages"]) for one in page["phones"]] == [
        (NUMBER, 2),
        (THIRD, 1),
        (OTHER, 1),
    ]
    assert (page["total_phones"], page["total_messages"]) == (3, 4)
    assert page["phones"][0]["newest"]["content"].endswith("again")


def test_pages_share_the_phones_out(raw, simulator):
    everybody = [f"1380000{index:04d}" for index in range(1000, 1025)]
    send(raw, *everybody)
    pages = [numbers(simulator, offset=offset, limit=10) for offset in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [number for page in pages for number in page] == everybody[::-1]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("1234", [NUMBER]),
        (NUMBER, [NUMBER]),
        ("+86 138 0000 1234", [NUMBER]),
        ("138-0000-1234", [NUMBER]),
        ("zhao", [NUMBER]),
        ("ZHAO", [NUMBER]),
        ("女士", [OTHER]),
        ("out-2", [OTHER]),
        ("sms_77", [OTHER]),
        ("SHOP", [GLOBE_NUMBER]),
        ("task-9", [GLOBE_NUMBER]),
        ("hello", [GLOBE_NUMBER]),
        ("nobody", []),
        ("阿里云", [OTHER, NUMBER]),
        (" ", [GLOBE_NUMBER, OTHER, NUMBER]),
    ],
)
def test_a_search_finds_by_whatever_stands_in_a_message(raw, simulator, q, found):
    send(raw, NUMBER, TemplateParamJson=texts("Zhao"), OutId="out-1")
    send(raw, OTHER, TemplateParamJson=texts("李女士"), OutId="out-2", TemplateCode="SMS_77")
    send_globe(raw, GLOBE_NUMBER, TaskId="task-9", From="Shop")
    assert numbers(simulator, q=q) == found
    assert numbers(simulator, q=q) == found  # the search is kept, and goes on from where it was


def test_a_search_by_the_ids_that_the_gateway_gave(raw, simulator):
    biz_id = send(raw, NUMBER)["BizId"]
    message_id = json.loads(send_globe(raw, GLOBE_NUMBER)["MessageIdList"])[0]
    assert numbers(simulator, q=biz_id) == [NUMBER]
    assert numbers(simulator, q=message_id) == [GLOBE_NUMBER]


def test_a_search_goes_on_with_what_comes_later(raw, simulator):
    send(raw, NUMBER, TemplateParamJson=texts("first"))
    assert numbers(simulator, q="member") == []
    send(raw, OTHER, THIRD)
    assert numbers(simulator, q="member") == [THIRD, OTHER]
    send(raw, OTHER)
    found = get(simulator, "/phones", q="member")
    assert ([one["number"] for one in found["phones"]], found["total_messages"]) == ([OTHER, THIRD], 3)


def test_a_search_shows_the_message_that_it_found(raw, simulator):
    send(raw, NUMBER, TemplateParamJson=texts("wanted"))
    send(raw, NUMBER, TemplateParamJson=texts("other"))
    (phone,) = get(simulator, "/phones", q="wanted")["phones"]
    assert (phone["newest"]["nth"], phone["messages"]) == (1, 2)


def test_a_search_by_delivery_follows_the_time(raw, simulator):
    simulator.options(delivery_delay=3600)
    send(raw, NUMBER, FAILS, NEVER)
    assert numbers(simulator, status="pending") == [NEVER, FAILS, NUMBER]
    assert numbers(simulator, status="delivered") == []
    simulator.options(delivery_delay=0)
    assert numbers(simulator, status="pending") == [NEVER]
    assert numbers(simulator, status="failed") == [FAILS]
    assert numbers(simulator, status="delivered") == [NUMBER]


def test_a_search_knows_only_its_own_words(simulator):
    for query in ({"status": "lost"}, {"limit": 0}, {"limit": 501}, {"offset": -1}, {"q": "x" * 201}):
        answer = requests.get(f"{simulator.url}/_simulator/phones", params=query, timeout=5)
        assert answer.status_code == 422


# --- one phone --------------------------------------------------------------------------------------------


def test_a_conversation_tells_everything_about_a_message(raw, simulator):
    simulator.options(delivery_delay=0.5)
    send(raw, FAILS, OutId="out-1")
    (message,) = get(simulator, f"/phones/{FAILS}")["messages"]
    assert (message["status"], message["receipt_at"]) == ("pending", None)
    assert 0 < message["receipt_in"] <= 0.5
    deadline = time.monotonic() + 5
    while message["status"] == "pending" and time.monotonic() < deadline:
        (message,) = get(simulator, f"/phones/{FAILS}")["messages"]
    assert (message["status"], message["err_code"]) == ("failed", "MOBILE_NOT_ON_SERVICE")
    assert message["receipt_in"] is None
    assert message["receipt_at"] > message["accepted_at"]
    assert (message["out_id"], message["sign_name"], message["parts"], message["cost"]) == (
        "out-1",
        "阿里云",
        1,
        0.045,
    )


def test_a_message_without_a_receipt_says_that_none_will_come(raw, simulator):
    send(raw, NEVER)
    (message,) = get(simulator, f"/phones/{NEVER}")["messages"]
    assert (message["status"], message["receipt_in"]) == ("pending", None)


def test_a_long_conversation_comes_in_pages(raw, simulator):
    for index in range(7):
        send(raw, NUMBER, TemplateParamJson=texts(str(index)))
    seen, before = [], None
    while True:
        page = get(
            simulator, f"/phones/+86{NUMBER}", limit=3, **({} if before is None else {"before": before})
        )
        seen.append([message["nth"] for message in page["messages"]])
        before = page["earlier"]
        if before is None:
            break
    assert seen == [[7, 6, 5], [4, 3, 2], [1]]
    assert (page["total"], page["carrier"]) == (7, "mobile")


def test_a_phone_without_messages_has_an_empty_conversation(simulator):
    page = get(simulator, "/phones/13900000000")
    assert (page["messages"], page["total"], page["earlier"]) == ([], 0, None)


# --- what is surplus --------------------------------------------------------------------------------------


def test_the_same_text_to_the_same_phone_is_surplus(raw, simulator):
    send(raw, NUMBER, OTHER, OutId="one")
    assert get(simulator, "/summary")["surplus"] == 0
    send(raw, NUMBER, OutId="one")
    send(raw, NUMBER, OutId="two")
    send(raw, OTHER, TemplateParamJson=texts("another text"))
    summary = get(simulator, "/summary")
    assert (summary["surplus"], summary["repeated"], summary["messages"]) == (2, 3, 5)
    assert numbers(simulator, surplus="true") == [NUMBER]
    messages = get(simulator, f"/phones/{NUMBER}")["messages"]
    about = [
        message["surplus_of"] and (message["surplus_of"]["nth"], message["surplus_of"]["same_out_id"])
        for message in messages
    ]
    assert about == [(1, False), (1, True), None]
    assert messages[0]["surplus_of"]["accepted_at"] == messages[2]["accepted_at"]


def test_the_same_number_twice_in_one_request_is_surplus_if_the_texts_are_the_same(raw, simulator):
    send(raw, NUMBER, f"+86{NUMBER}", TemplateParamJson=texts("a", "b"))
    assert get(simulator, "/summary")["surplus"] == 0
    send(raw, OTHER, OTHER, TemplateParamJson=texts("a", "a"))
    assert get(simulator, "/summary")["surplus"] == 1


def test_the_same_text_under_another_signature_is_another_text(raw, simulator):
    send(raw, NUMBER)
    send(raw, NUMBER, SignNameJson=json.dumps(["测试"]))
    assert get(simulator, "/summary")["surplus"] == 0


def test_a_kept_search_for_surplus_finds_what_comes_later(raw, simulator):
    send(raw, NUMBER, OTHER)
    assert numbers(simulator, surplus="true") == []
    send(raw, OTHER, TemplateParamJson=texts("member 1"))
    assert numbers(simulator, surplus="true") == [OTHER]
    # counted anew, because the times of all receipts are others now
    simulator.options(delivery_delay=7)
    assert numbers(simulator, surplus="true") == [OTHER]


# --- campaigns --------------------------------------------------------------------------------------------


def test_a_campaign_is_a_template_under_a_signature_or_a_sender(raw, simulator):
    send(raw, NUMBER, OTHER, FAILS, NEVER)
    send(raw, NUMBER)
    send(raw, NUMBER, TemplateCode="SMS_77")
    send(raw, NUMBER, SignNameJson=json.dumps(["测试"]))
    send_globe(raw, GLOBE_NUMBER, From="Shop")
    send_globe(raw, GLOBE_NUMBER)
    campaigns = get(simulator, "/campaigns")
    names = [(one["api"], one["template_code"], one["sign_name"], one["sender_id"]) for one in campaigns]
    assert names == [
        ("globe", None, None, None),
        ("globe", None, None, "Shop"),
        ("china", "SMS_152550005", "测试", None),
        ("china", "SMS_77", "阿里云", None),
        ("china", "SMS_152550005", "阿里云", None),
    ]
    first = campaigns[-1]
    counts = ("messages", "phones", "surplus", "delivered", "failed", "pending", "parts", "cost")
    assert [first[name] for name in counts] == [5, 4, 1, 3, 1, 1, 5, 0.225]
    assert numbers(simulator, campaign=first["id"]) == [NUMBER, NEVER, FAILS, OTHER]
    assert numbers(simulator, campaign=first["id"], surplus="true") == [NUMBER]
    assert numbers(simulator, campaign=campaigns[0]["id"], q="Hello") == [GLOBE_NUMBER]


def test_the_deliveries_of_a_campaign_follow_the_time_and_the_delay(raw, simulator):
    simulator.options(delivery_delay=3600)
    send(raw, NUMBER, FAILS, SLOW)

    def deliveries():
        (campaign,) = get(simulator, "/campaigns")
        return campaign["delivered"], campaign["failed"], campaign["pending"]

    assert deliveries() == (0, 0, 3)
    simulator.options(delivery_delay=0)
    assert deliveries() == (2, 1, 0)
    simulator.options(delivery_delay=3600)
    assert deliveries() == (0, 0, 3)
    # the gateway's clock passes the receipts, but not the tenfold delay of the slow one
    simulator.options(clock_offset=3601)
    assert deliveries() == (1, 1, 1)


def test_prices_are_settings(raw, simulator):
    send(raw, NUMBER)
    send_globe(raw, GLOBE_NUMBER)
    assert (get(simulator, "/summary")["cost"], get(simulator, "/summary")["currency"]) == (0.345, "CNY")
    simulator.options(china_price=0.05, globe_price=0)
    assert get(simulator, "/summary")["cost"] == 0.05
    answer = requests.post(f"{simulator.url}/_simulator/options", json={"china_price": -1}, timeout=5)
    assert answer.status_code == 422


ALPHABET = "ab €{[~\n中😀é\u00a0"


@given(st.text(ALPHABET, max_size=700) | st.text(max_size=200))
def test_parts_are_those_that_the_provider_counts(text):
    """Written twice from the documentation, so that a mistake in one of them shows."""
    assert count_parts(text, api="globe") == globe_parts(text)
    assert count_parts(text, api="china") == china_parts(len(text))


@pytest.mark.parametrize(
    ("text", "china", "globe"),
    [
        ("", 1, 1),
        ("a" * 70, 1, 1),
        ("a" * 71, 2, 1),
        ("a" * 134, 2, 1),
        ("a" * 135, 3, 1),
        ("a" * 160, 3, 1),
        ("a" * 161, 3, 2),
        ("a" * 307, 5, 3),
        ("€" * 80, 2, 1),
        ("€" * 81, 2, 2),
        ("中" * 70, 1, 1),
        ("中" * 71, 2, 2),
        ("😀" * 35, 1, 1),
        ("😀" * 36, 1, 2),
    ],
)
def test_parts_by_the_rules_of_the_apis(text, china, globe):
    assert (count_parts(text, api="china"), count_parts(text, api="globe")) == (china, globe)


# --- files ------------------------------------------------------------------------------------------------


def export(simulator, **query):
    answer = requests.get(f"{simulator.url}/_simulator/export", params=query, timeout=30)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    return answer


def test_csv_and_json_hold_the_messages_of_the_search(raw, simulator):
    send(raw, NUMBER, OTHER, OutId="out-1", TemplateParamJson=texts('a "quoted", one', "two"))
    send(raw, NUMBER, OutId="out-1", TemplateParamJson=texts('a "quoted", one'))
    answer = export(simulator, format="csv", q="1234")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["number"], row["out_id"], row["status"], row["surplus"]) for row in rows] == [
        (NUMBER, "out-1", "delivered", "false"),
        (NUMBER, "out-1", "delivered", "true"),
    ]
    assert rows[0]["content"].endswith('a "quoted", one')
    assert (rows[0]["parts"], rows[0]["cost"]) == ("1", "0.045")
    found = export(simulator, format="json").json()
    assert [row["number"] for row in found] == [NUMBER, OTHER, NUMBER]
    assert list(found[0]) == list(rows[0])
    assert export(simulator, format="json", q="nobody").json() == []


def test_no_spreadsheet_runs_a_text_of_the_csv(raw, simulator):
    evil = ["=cmd()", "+1", "-1", "@x", "\tx"]
    send_globe(raw, *[f"8525100{index:04d}" for index in range(1000, 1005)], Message=json.dumps(evil))
    rows = csv.DictReader(io.StringIO(export(simulator, format="csv").content.decode("utf-8-sig")))
    assert [row["content"] for row in rows] == [f"'{text}" for text in evil]
    assert [row["content"] for row in export(simulator, format="json").json()] == evil


# --- clearing ---------------------------------------------------------------------------------------------


def test_clearing_removes_the_messages_and_nothing_else(raw, simulator):
    simulator.templates({"SMS_1": "x"})
    simulator.options(globe_qps=7)
    simulator.misbehave("error_500", action="SendSms")
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    assert signed.send().json()["Code"] == "OK"
    assert numbers(simulator, q="member") == [NUMBER]
    simulator.clear()
    assert (simulator.messages(), numbers(simulator), numbers(simulator, q="member")) == ([], [], [])
    assert get(simulator, "/campaigns") == []
    assert get(simulator, f"/phones/{NUMBER}")["total"] == 0
    assert simulator.stats()["requests"] == {"SendBatchSms": 1}
    assert len(get(simulator, "/misbehave")["open"]) == 1
    assert get(simulator, "/options")["globe_qps"] == 7
    assert set(get(simulator, "/templates")) == {"SMS_1"}
    assert signed.send().json()["Code"] == "SignatureNonceUsed"
    send(raw, NUMBER)
    assert get(simulator, "/summary")["surplus"] == 0


def test_what_was_cleared_does_not_come_back_and_its_nonces_stay_used(tmp_path, raw_client):
    journal = tmp_path / "journal.jsonl"
    with running(journal=journal) as simulator:
        signed = raw_client(simulator.url).sign("SendBatchSms", raw_client(simulator.url).batch(NUMBER))
        assert signed.send().json()["Code"] == "OK"
        simulator.clear()
        send(raw_client(simulator.url), OTHER)
        port = int(simulator.url.rpartition(":")[2])
    with running(journal=journal, port=port) as simulator:
        assert numbers(simulator) == [OTHER]
        assert signed.send().json()["Code"] == "SignatureNonceUsed"


# --- faults -----------------------------------------------------------------------------------------------


def test_faults_that_happened_are_told_newest_first(raw, simulator):
    simulator.misbehave("error_503", action="QuerySendDetails")
    simulator.misbehave("garbage", action="SendBatchSms", times=None)
    raw.call("SendBatchSms", raw.batch(NUMBER))
    raw.call(
        "QuerySendDetails",
        {"PhoneNumber": NUMBER, "SendDate": "20260101", "PageSize": "1", "CurrentPage": "1"},
    )
    faults = get(simulator, "/misbehave")
    assert [(one["nth"], one["kind"], one["action"]) for one in faults["recent"]] == [
        (2, "error_503", "QuerySendDetails"),
        (1, "garbage", "SendBatchSms"),
    ]
    assert [one["kind"] for one in faults["open"]] == ["garbage"]
    assert faults["played"] == {"garbage": 1, "error_503": 1}
    simulator.reset()
    assert get(simulator, "/misbehave") == {"open": [], "played": {}, "recent": []}


def test_the_last_faults_are_remembered_and_all_are_counted(raw, simulator):
    simulator.misbehave("error_500", times=None)
    for _ in range(205):
        raw.call("SendSms", {})
    faults = get(simulator, "/misbehave")
    assert [one["nth"] for one in faults["recent"]] == list(range(205, 5, -1))
    assert faults["played"] == {"error_500": 205}


# --- the page itself --------------------------------------------------------------------------------------

STATIC = Path(__file__).parents[2] / "airflow_provider_aliyunsms" / "simulator" / "control" / "static"


def test_the_page_and_all_its_files_are_served(simulator):
    page = requests.get(f"{simulator.url}/_simulator/?number={NUMBER}", timeout=5)
    assert page.headers["content-type"].startswith("text/html")
    names = re.findall(r'(?:href|src)="static/([^"]+)"', page.text)
    assert sorted(names) == ["app.js", "icon.svg", "inbox.css"]
    for one in STATIC.iterdir():
        answer = requests.get(f"{simulator.url}/_simulator/static/{one.name}", timeout=5)
        assert answer.content == one.read_bytes()
    for name in ("../routes.py", "%2e%2e/routes.py", "nothing.js"):
        assert requests.get(f"{simulator.url}/_simulator/static/{name}", timeout=5).status_code == 404


def test_the_page_loads_nothing_from_elsewhere_and_makes_no_html_of_texts():
    for one in STATIC.iterdir():
        text = one.read_text()
        # the name of a format is no address
        assert not re.search(r"https?://", text.replace('xmlns="http://www.w3.org/2000/svg"', "")), one.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text
        ), one.name


def test_both_languages_have_the_same_words():
    text = (STATIC / "words.js").read_text()
    english, chinese = (set(re.findall(r'^  "([\w.]+)":', part, re.M)) for part in text.split("const ZH"))
    # Chinese has no plural
    assert {name.removesuffix(".1") for name in english} == chinese


def test_every_fault_is_explained():
    from airflow_provider_aliyunsms.simulator.memory import Kind

    explained = re.findall(r"^  (\w+): \{ en:", (STATIC / "fault_words.js").read_text(), re.M)
    assert sorted(explained) == sorted(Kind)


# --- many messages ----------------------------------------------------------------------------------------


def test_sends_go_on_while_the_inbox_is_searched(raw_client):
    with running(delivery_delay=0) as simulator:
        raw = raw_client(simulator.url)
        everybody = [f"1380{index:07d}" for index in range(10_000, 10_100)]
        for _ in range(50):
            send(raw, *everybody)
        stop, slowest = threading.Event(), [0.0]

        def search():
            while not stop.is_set():
                get(simulator, "/phones", status="delivered")

        searching = threading.Thread(target=search)
        searching.start()
        try:
            for _ in range(20):
                started = time.monotonic()
                send(raw, *everybody)
                slowest[0] = max(slowest[0], time.monotonic() - started)
        finally:
            stop.set()
            searching.join()
        summary = get(simulator, "/summary")
        assert (summary["messages"], summary["phones"], summary["surplus"]) == (7000, 100, 6900)
        assert slowest[0] < 2
