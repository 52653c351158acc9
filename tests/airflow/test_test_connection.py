# SPDX-License-Identifier: Apache-2.0
"""The "Test" button of a connection: each cause gets its own text, and none shows a secret."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from airflow.sdk import Connection

from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

KEY_ID = "LTAItestid99"
SECRET = "testsecret"
TOKEN = "testtoken"


@contextlib.contextmanager
def gateway_that_answers(status, body, *, date=None):
    """Serve one fixed answer, for what the simulator has no reason to say."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response_only(status)
            if date:
                self.send_header("Date", date)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def press(set_connection):
    """Give a function that presses the button: login, secret, host and token as given."""

    def press(*, host, login=KEY_ID, password=SECRET, **extra):
        set_connection(login=login, password=password, host=host, extra=extra)
        ok, message = AliyunSmsHook().test_connection()
        assert isinstance(ok, bool)
        for private in filter(None, (password, extra.get("security_token"), login)):
            assert private not in message
        return ok, message

    return press


def refusal(code, message="text of the gateway with 13800001234 in it"):
    return {"Code": code, "Message": message, "RequestId": "9F1C7B1A-0000-4000-8000-000000000000"}


def test_good_credentials_are_praised_and_nothing_is_sent(press, simulator):
    ok, message = press(host=simulator.url, login="testid")
    assert ok
    assert "accepts the AccessKey" in message
    assert "Nothing was sent" in message
    assert simulator.stats()["requests"] == {"QuerySmsSignList": 1}
    assert simulator.counts() == {}


def test_a_wrong_secret(press, simulator):
    ok, message = press(host=simulator.url, login="testid", password="wrongsecret")
    assert not ok
    assert "secret does not belong to the AccessKey ID" in message
    assert "SignatureDoesNotMatch" in message


def test_a_wrong_key_id_is_shown_masked(press, simulator):
    ok, message = press(host=simulator.url)
    assert not ok
    assert "There is no AccessKey ID LTAI****" in message


def test_a_token_the_gateway_does_not_want(press, simulator):
    ok, message = press(host=simulator.url, login="testid", security_token=TOKEN)
    assert not ok
    assert "security token" in message


@pytest.mark.parametrize(
    ("status", "code", "ok", "said"),
    [
        (400, "InvalidAccessKeyId.Inactive", False, "LTAI**** is disabled"),
        (400, "InvalidSecurityToken.Expired", False, "token has expired"),
        (400, "InvalidSecurityToken.Malformed", False, "token is malformed"),
        (403, "Forbidden.RAM", True, "Sending may still be allowed"),
        (403, "NoPermission", True, "Sending may still be allowed"),
        (200, "isp.RAM_PERMISSION_DENY", True, "Sending may still be allowed"),
        (400, "Throttling.User", False, "busy"),
        (200, "isv.ACCOUNT_NOT_EXISTS", False, "isv.ACCOUNT_NOT_EXISTS"),
        (200, "isv.SOMETHING_NEW", False, "isv.SOMETHING_NEW"),
        (503, "ServiceUnavailable", False, "HTTP 503"),
    ],
)
def test_each_refusal_has_its_own_text_and_never_the_gateways(press, status, code, ok, said):
    with gateway_that_answers(status, refusal(code)) as url:
        found, message = press(host=url)
    assert found is ok
    assert said in message
    assert "13800001234" not in message
    assert "Nothing was sent" in message or not ok


def test_a_host_that_is_not_the_api(press):
    with gateway_that_answers(502, b"<html>secret page</html>") as url:
        ok, message = press(host=url)
    assert not ok
    assert "gave no usable answer" in message
    assert "secret page" not in message


@pytest.mark.parametrize(("hours", "said"), [(-2, "120 minutes ahead of"), (3, "180 minutes behind")])
def test_a_wrong_clock_says_how_far_off_it_is(press, hours, said):
    date = format_datetime(datetime.now(tz=UTC) + timedelta(hours=hours), usegmt=True)
    with gateway_that_answers(400, refusal("InvalidTimeStamp.Expired"), date=date) as url:
        ok, message = press(host=url)
    assert not ok
    assert "clock is wrong" in message
    assert said in message


def test_a_date_refused_although_the_clocks_agree(press, simulator):
    simulator.misbehave("skewed_clock")
    ok, message = press(host=simulator.url, login="testid")
    assert not ok
    assert "the two clocks agree" in message


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_wrong_clock_without_a_usable_date_is_still_explained(press, date):
    with gateway_that_answers(400, refusal("InvalidTimeStamp.Expired"), date=date) as url:
        ok, message = press(host=url)
    assert not ok
    assert message.endswith("Set it by NTP.")


def test_a_refused_connection(press):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take the port
        ok, message = press(host=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert not ok
    assert "refused the connection" in message


def test_a_name_that_does_not_resolve(press):
    ok, message = press(host="https://sms.invalid")
    assert not ok
    assert "sms.invalid cannot be reached" in message


def test_a_server_that_speaks_no_tls(press):
    with gateway_that_answers(200, {}) as url:
        ok, message = press(host=url.replace("http:", "https:"))
    assert not ok
    assert "TLS handshake failed" in message


def test_a_server_that_never_answers(press):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ok, message = press(host=f"http://127.0.0.1:{silent.getsockname()[1]}", read_timeout=0.2)
    assert not ok
    assert "no usable answer" in message


@pytest.mark.parametrize("login", [None, ""])
def test_missing_fields_are_named(press, login):
    ok, message = press(host=None, login=login)
    assert not ok
    assert "AccessKey ID (login)" in message
    assert "Next step:" in message


def test_a_missing_connection_is_said_to_be_missing():
    ok, message = AliyunSmsHook("no_such_connection").test_connection()
    assert not ok
    assert "There is no connection 'no_such_connection'" in message


@pytest.mark.parametrize(("password", "expected"), [(SECRET, True), ("wrongsecret", False)])
def test_the_button_of_airflow_gets_there_with_a_connection_not_saved_yet(simulator, password, expected):
    connection = Connection(
        conn_id="not_saved_yet",
        conn_type="aliyun_sms",
        login="testid",
        password=password,
        host=simulator.url,
    )
    ok, message = connection.test_connection()
    assert ok is expected
    assert "AccessKey" in message
