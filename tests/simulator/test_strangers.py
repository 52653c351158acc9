# SPDX-License-Identifier: Apache-2.0
"""A browser that shows a page from elsewhere, and clients that send too much."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_aliyunsms.simulator.server import running
from airflow_provider_aliyunsms.simulator.visitors import LARGEST_BODY

NUMBER = "13800001234"
GLOBE_NUMBER = "85251001234"
FORM = "application/x-www-form-urlencoded"


def ask(simulator, method, path, *, headers=None, body=None, host=None):
    """Make a request as a browser would, with the Host header that it would send."""
    target = urlsplit(simulator.url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": host or target.netloc, **(headers or {})}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


# --- who is addressed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/_simulator/", "/_simulator/messages", "/_simulator/stats", "/"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8025", "127.0.0.1.evil.example", "localhost.evil"]
)
def test_a_name_that_is_not_ours_is_refused(simulator, path, host):
    """DNS rebinding: a page on evil.example, whose name now leads to loopback, is same-origin to the browser."""
    status, text, _ = ask(simulator, "GET", path, host=host)
    assert status == 421
    assert "--allow-host" in text


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:8025", "10.1.2.3:8025", "sms.localhost"]
)
def test_addresses_and_localhost_are_ours(simulator, host):
    assert ask(simulator, "GET", "/_simulator/health", host=host)[0] == 200


@pytest.mark.parametrize("host", ["", "[::1", "a b", "1.2.3.4.5"])
def test_a_host_that_is_none_is_refused(simulator, host):
    assert ask(simulator, "GET", "/_simulator/health", host=host or " ")[0] in (400, 421)


def test_further_names_can_be_allowed():
    with running(allowed_hosts=("sms.test",)) as simulator:
        assert ask(simulator, "GET", "/_simulator/health", host="SMS.test:80")[0] == 200
        assert ask(simulator, "GET", "/_simulator/health", host="other.test")[0] == 421


# --- pages from elsewhere ---------------------------------------------------------------------------------


@pytest.fixture
def filled(simulator, raw):
    raw.call("SendBatchSms", raw.batch(NUMBER))
    simulator.misbehave("delay", action="SendSms", times=None)
    return simulator


def untouched(simulator):
    stats = simulator.stats()
    return stats["accepted"] == 1 and len(stats["open_faults"]) == 1


@pytest.mark.parametrize("kind", [FORM, "text/plain", "multipart/form-data; boundary=x", None, "text/json"])
@pytest.mark.parametrize("path", ["reset", "misbehave", "options", "templates"])
def test_a_plain_form_changes_nothing(filled, path, kind):
    """The three content types that a form of any page can send without asking first."""
    body = json.dumps({"fault": "doomed"} if path == "misbehave" else {}).encode()
    headers = {} if kind is None else {"Content-Type": kind}
    status, text, _ = ask(filled, "POST", f"/_simulator/{path}", headers=headers, body=body)
    assert status == 415
    assert "application/json" in text
    assert untouched(filled)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil"]
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_another_origin_changes_nothing(filled, method, origin):
    path = "/_simulator/misbehave" if method == "DELETE" else "/_simulator/reset"
    headers = {"Content-Type": "application/json", "Origin": origin}
    assert ask(filled, method, path, headers=headers, body=b"{}")[0] == 403
    assert untouched(filled)


def test_a_send_from_another_origin_is_refused_however_well_it_is_signed(filled, raw):
    """The secret of the simulator is known to everybody, and its API takes plain forms."""
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    for name, value in (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")):
        assert signed.with_header(name, value).send().status_code == 403
    query = raw.sign("SendBatchSms", query=raw.batch(NUMBER), method="GET")
    assert query.with_header("Sec-Fetch-Site", "same-site").send().status_code == 403
    assert untouched(filled)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_from_elsewhere_takes_no_place_of_a_listener(filled, site):
    assert ask(filled, "GET", "/_simulator/events", headers={"Sec-Fetch-Site": site})[0] == 403
    headers = {"Origin": "https://evil.example"}
    assert ask(filled, "GET", "/_simulator/events", headers=headers)[0] == 403


def test_our_own_page_and_a_link_to_it_work(filled):
    target = urlsplit(filled.url).netloc
    own = {"Origin": f"http://{target}", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    assert ask(filled, "GET", "/_simulator/", headers={"Sec-Fetch-Site": "cross-site"})[0] == 200
    assert ask(filled, "POST", "/_simulator/reset", headers=own, body=b"{}")[0] == 200
    assert filled.messages() == []


def test_nothing_tells_a_browser_that_others_may_read(filled):
    headers = {"Origin": "https://evil.example"}
    for path in ("/_simulator/", "/_simulator/messages", "/"):
        assert not [
            name for name in ask(filled, "GET", path, headers=headers)[2] if "access-control" in name.lower()
        ]


def test_the_page_runs_its_own_scripts_only_and_is_shown_in_no_frame(filled):
    _, _, headers = ask(filled, "GET", "/_simulator/")
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
        assert rule in policy
    for rule in (
        "script-src 'self';",
        "style-src 'self';",
        "connect-src 'self';",
        "require-trusted-types-for 'script'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    paths = ("/_simulator/", "/_simulator/messages", "/_simulator/stats", "/_simulator/static/app.js")
    for path in paths:
        headers = ask(filled, "GET", path)[2]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


# --- too much ---------------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused_unread(simulator):
    headers = {"Content-Type": "application/json"}
    for path in ("/", "/_simulator/templates"):
        target = urlsplit(simulator.url)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
        connection.request("POST", path, headers=headers | {"Content-Length": str(LARGEST_BODY + 1)})
        assert connection.getresponse().status == 413
        connection.close()


def test_a_body_without_an_end_is_refused(simulator):
    def endless():
        for _ in range(LARGEST_BODY // 65536 + 2):
            yield b"a" * 65536

    answer = requests.post(f"{simulator.url}/", data=endless(), timeout=30)
    assert answer.status_code == 413


def test_too_many_parameters_are_refused(simulator):
    answer = requests.post(
        f"{simulator.url}/", data="a&" * 100_000, headers={"Content-Type": FORM}, timeout=30
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '["\\ud800"]', '[{"name":"\\udfff"}]'])
def test_json_that_wants_to_do_harm_is_a_refusal(simulator, raw, text):
    for field in ("PhoneNumberJson", "SignNameJson", "TemplateParamJson", "SmsUpExtendCodeJson"):
        answer = raw.call("SendBatchSms", raw.batch(NUMBER, **{field: text}))
        assert (answer.status_code, answer.json()["Code"] == "OK") == (200, False)
    for field in ("To", "Message"):
        answer = raw.call("BatchSendMessageToGlobe", raw.globe(GLOBE_NUMBER) | {field: text})
        assert (answer.status_code, answer.json()["ResponseCode"] == "OK") == (200, False)
    assert requests.get(f"{simulator.url}/_simulator/", timeout=5).status_code == 200


def test_a_full_simulator_says_so_and_keeps_what_it_has(raw_client, capfd):
    with running(memory_limit=1, china_qps=0, globe_qps=0) as simulator:
        raw = raw_client(simulator.url)
        codes = set()
        while len(codes) < 2:
            answer = raw.call("SendBatchSms", raw.batch(*[f"139{n:08d}" for n in range(100)])).json()
            codes.add(answer["Code"])
        assert codes == {"OK", "isv.OUT_OF_SERVICE"}
        assert "reset" in answer["Message"]
        assert "--memory-limit" in answer["Message"]
        globe = raw.call("BatchSendMessageToGlobe", raw.globe(GLOBE_NUMBER)).json()
        assert globe["ResponseCode"] == "OUT_OF_SERVICE"
        held = simulator.stats()["accepted"]
        assert 500 < held < 5000
        assert raw.details("13900000001")["Code"] == "OK"
        assert capfd.readouterr().err.count("is full") == 1
        simulator.reset()
        assert raw.call("SendBatchSms", raw.batch(NUMBER)).json()["Code"] == "OK"


def test_a_message_has_a_largest_size(simulator, raw):
    variables = json.dumps([{f"v{n}": "x" * 35 for n in range(100)}])
    answer = raw.call("SendBatchSms", raw.batch(NUMBER, TemplateParamJson=variables)).json()
    assert answer["Code"] == "isv.PARAM_LENGTH_LIMIT"
    assert simulator.messages() == []


def post(simulator, path, body):
    return requests.post(f"{simulator.url}/_simulator/{path}", json=body, timeout=10)


def test_faults_and_templates_are_counted_too(simulator):
    for _ in range(1000):
        simulator.misbehave("delay", action="SendSms")
    answer = post(simulator, "misbehave", {"fault": "delay"})
    assert (answer.status_code, "open faults" in answer.text) == (409, True)
    simulator.behave()
    assert post(simulator, "templates", {"SMS_1": "x" * 3000}).status_code == 422
    assert post(simulator, "templates", {f"SMS_{n}": "x" for n in range(2000)}).status_code == 422
    assert post(simulator, "templates", {"SMS_1": "x"}).status_code == 200


def test_a_list_of_messages_has_an_end(simulator):
    assert requests.get(f"{simulator.url}/_simulator/messages?limit=1000000", timeout=5).status_code == 422


def test_the_journal_is_never_written_through_a_link(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("")
    (tmp_path / "journal").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"), running(journal=tmp_path / "journal"):
        pass
    assert target.read_text() == ""
