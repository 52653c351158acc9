# SPDX-License-Identifier: Apache-2.0
"""What left this machine and what did not, against real sockets that misbehave."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from airflow_provider_aliyunsms.api import connection as connections
from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.api.endpoints import Endpoint
from airflow_provider_aliyunsms.api.signature import Envelope, SignedRequest, sign_acs3
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ConfigurationError,
    ConnectionNotMadeError,
)

OK = b'{"Code":"OK"}'
PRIVATE = ("13800001234", "testsecret", "testid", "9f8e7d", "Signature=", "ACS3", "秘密")


@pytest.fixture
def transport():
    with closing(Transport(connect_timeout=2.0, read_timeout=5.0)) as one:
        yield one


@pytest.fixture
def hasty():
    with closing(Transport(connect_timeout=0.3, read_timeout=0.3)) as one:
        yield one


@pytest.fixture
def request_to(credentials):
    def make(endpoint):
        return sign_acs3(
            endpoint=endpoint,
            action="SendBatchSms",
            version="2017-05-25",
            query={},
            form={"PhoneNumberJson": '["13800001234"]', "TemplateParamJson": '[{"name":"秘密"}]'},
            credentials=credentials,
            envelope=Envelope(date="2026-01-02T03:04:05Z", nonce="9f8e7d"),
        )

    return make


def everything_in(error):
    """All texts a log, a traceback or an error tracker would show."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        error = error.__cause__ or error.__context__
    return " ".join(texts)


def fails(transport, request, kind, code):
    with pytest.raises(kind) as caught:
        transport.send(request)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert not [word for word in PRIVATE if word in everything_in(caught.value)]
    return caught.value


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# --- certainly not left -----------------------------------------------------------------------------------


def test_refused_connection(transport, request_to):
    endpoint = Endpoint(scheme="http", host=f"127.0.0.1:{unused_port()}")
    fails(transport, request_to(endpoint), ConnectionNotMadeError, "ConnectionRefused")


def test_refused_tls_connection(transport, request_to):
    endpoint = Endpoint(scheme="https", host=f"127.0.0.1:{unused_port()}")
    fails(transport, request_to(endpoint), ConnectionNotMadeError, "ConnectionRefused")


def test_name_that_does_not_resolve(transport, request_to):
    endpoint = Endpoint(scheme="https", host="nothing.invalid")
    fails(transport, request_to(endpoint), ConnectionNotMadeError, "NameNotResolved")


def test_full_backlog_times_out_connecting(hasty, request_to):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        try:
            for _ in range(8):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
                waiting.append(one)
            endpoint = Endpoint(scheme="http", host=f"127.0.0.1:{listener.getsockname()[1]}")
            fails(hasty, request_to(endpoint), ConnectionNotMadeError, "ConnectTimeout")
        finally:
            for one in waiting:
                one.close()


def test_tls_to_a_server_that_speaks_plain_text(transport, request_to, serve):
    server = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    endpoint = Endpoint(scheme="https", host=f"127.0.0.1:{server.port}")
    fails(transport, request_to(endpoint), ConnectionNotMadeError, "TlsFailed")


def test_tls_to_a_server_that_says_nothing(hasty, request_to, serve):
    server = serve(lambda _, server: server.stopping.wait())
    endpoint = Endpoint(scheme="https", host=f"127.0.0.1:{server.port}")
    fails(hasty, request_to(endpoint), ConnectionNotMadeError, "ConnectTimeout")


def test_tls_to_a_server_that_hangs_up(transport, request_to, serve):
    server = serve(lambda connection, _: connection.recv(1024))
    endpoint = Endpoint(scheme="https", host=f"127.0.0.1:{server.port}")
    error = fails(transport, request_to(endpoint), ConnectionNotMadeError, "TlsFailed")
    assert error.advice
    assert server.connections == 1


# --- may have left ----------------------------------------------------------------------------------------


def never_answer(connection, server):
    server.take(connection)
    server.stopping.wait()


def close_without_answer(connection, server):
    server.take(connection)


def reset(connection, server):
    server.take(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close_after_half_the_request(connection, server):
    connection.recv(40)
    server.requests.append("half")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def truncate(connection, server):
    server.take(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"Code":"OK"')


def truncate_chunks(connection, server):
    server.take(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"Code":\r\n40\r\n"O')


def answer_nonsense(connection, server):
    server.take(connection)
    connection.sendall(b"\x00\x01\x02 no http at all\r\n\r\n")


def answer_false_gzip(connection, server):
    server.take(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")


def drip_body(connection, server):
    server.take(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        server.stopping.wait(0.02)
        connection.sendall(b" ")


def drip_headers(connection, server):
    server.take(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(200):
        server.stopping.wait(0.02)
        connection.sendall(b"x")


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (never_answer, "ReadTimeout"),
        (close_without_answer, "ConnectionLost"),
        (reset, "ConnectionLost"),
        (close_after_half_the_request, "ConnectionLost"),
        (truncate, "TruncatedAnswer"),
        (truncate_chunks, "TruncatedAnswer"),
        (answer_nonsense, "ConnectionLost"),
        (answer_false_gzip, "TruncatedAnswer"),
        (drip_body, "ReadTimeout"),
        (drip_headers, "ReadTimeout"),
    ],
)
def test_lost_answers_are_ambiguous_and_tried_once(hasty, request_to, serve, behaviour, code):
    server = serve(behaviour)
    started = time.monotonic()
    fails(hasty, request_to(server.endpoint), AmbiguousOutcomeError, code)
    assert time.monotonic() - started < 2.0
    assert (server.connections, len(server.requests)) == (1, 1)


def test_an_endless_answer_is_given_up(transport, request_to, serve):
    def flood(connection, server):
        server.take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.stopping.is_set():
            connection.sendall(b" " * 1_000_000)

    server = serve(flood)
    fails(transport, request_to(server.endpoint), AmbiguousOutcomeError, "AnswerTooLarge")


def test_a_kept_alive_connection_that_dies_is_ambiguous_and_not_tried_again(
    transport, request_to, serve, http
):
    def die_on_the_second(connection, server):
        server.take(connection)
        connection.sendall(http(OK))
        server.take(connection)

    server = serve(die_on_the_second)
    transport.send(request_to(server.endpoint))
    fails(transport, request_to(server.endpoint), AmbiguousOutcomeError, "ConnectionLost")
    assert (server.connections, len(server.requests)) == (1, 2)


def test_threads_do_not_mix_up_their_verdicts(transport, request_to, serve):
    server = serve(close_without_answer)
    gone = Endpoint(scheme="http", host=f"127.0.0.1:{unused_port()}")
    endpoints = [server.endpoint, gone] * 20

    def verdict(endpoint):
        with pytest.raises((AmbiguousOutcomeError, ConnectionNotMadeError)) as caught:
            transport.send(request_to(endpoint))
        return caught.type

    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(verdict, endpoints))
    assert verdicts == [AmbiguousOutcomeError, ConnectionNotMadeError] * 20


# --- answers ----------------------------------------------------------------------------------------------


def test_the_request_arrives_as_it_was_signed(transport, request_to, answering, http):
    server = answering(http(OK))
    request = request_to(server.endpoint)
    answer = transport.send(request)
    line, headers, body = server.requests[0]
    assert line == "POST / HTTP/1.1"
    assert body == request.body
    assert {name: headers[name] for name in request.headers} == dict(request.headers)
    assert (answer.status, answer.body) == (200, OK)
    assert "OK" not in repr(answer)


def test_calls_share_a_kept_alive_connection(transport, request_to, answering, http):
    server = answering(http(OK))
    for _ in range(20):
        transport.send(request_to(server.endpoint))
    assert (server.connections, len(server.requests)) == (1, 20)


def test_a_connection_that_idled_too_long_is_not_used_again(
    transport, request_to, answering, http, monkeypatch
):
    server = answering(http(OK))
    transport.send(request_to(server.endpoint))
    monkeypatch.setattr(connections, "_IDLE_LIMIT_SECONDS", 0.0)
    transport.send(request_to(server.endpoint))
    assert server.connections == 2


def test_each_thread_knows_for_which_requests_it_opened_a_connection(
    transport, request_to, answering, http, monkeypatch
):
    server, opened = answering(http(OK)), []

    def send():
        before = departures.opened
        transport.send(request_to(server.endpoint))
        opened.append(departures.opened - before)

    send()
    send()
    with ThreadPoolExecutor(1) as other:
        other.submit(send).result()
    monkeypatch.setattr(connections, "_IDLE_LIMIT_SECONDS", 0.0)
    send()
    assert opened == [1, 0, 0, 1]
    assert server.connections == 2


def test_a_connection_the_server_closed_meanwhile_is_replaced(transport, request_to, serve, http):
    closed = threading.Event()

    def answer_once(connection, server):
        server.take(connection)
        connection.sendall(http(OK))
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = serve(answer_once)
    transport.send(request_to(server.endpoint))
    assert closed.wait(5)
    assert transport.send(request_to(server.endpoint)).body == OK
    assert server.connections == 2


def test_no_redirect_is_followed(transport, request_to, answering, http):
    elsewhere = answering(http(OK))
    server = answering(
        http(b"", status="307 Temporary Redirect", headers=[f"Location: {elsewhere.endpoint.url}"])
    )
    assert transport.send(request_to(server.endpoint)).status == 307
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", ["429 Too Many", "500 Oops", "502 Bad Gateway", "503 Busy"])
def test_error_answers_are_returned_after_one_attempt(transport, request_to, answering, http, status):
    server = answering(http(b"<html></html>", status=status, headers=["Retry-After: 0"]))
    assert transport.send(request_to(server.endpoint)).status == int(status[:3])
    assert len(server.requests) == 1


def test_no_cookie_and_no_netrc(transport, request_to, answering, http, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = answering(http(OK, headers=["Set-Cookie: a=b; Path=/"]))
    request = request_to(server.endpoint)
    for _ in range(2):
        transport.send(request)
    for _, headers, _ in server.requests:
        assert headers["authorization"] == request.headers["authorization"]
        assert "cookie" not in headers


def test_chunked_and_compressed_answers_are_read(transport, request_to, answering):
    packed = gzip.compress(OK)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    server = answering(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    )
    assert [transport.send(request_to(server.endpoint)).body for _ in range(2)] == [OK, OK]
    assert server.connections == 1


def test_an_answer_that_ends_with_the_connection_is_read(transport, request_to, serve):
    def answer_and_close(connection, server):
        server.take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + OK)

    server = serve(answer_and_close)
    assert transport.send(request_to(server.endpoint)).body == OK


def test_parallel_calls(transport, request_to, answering, http):
    server = answering(http(OK))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(transport.send, [request_to(server.endpoint)] * 80))
    assert {answer.body for answer in answers} == {OK}
    assert server.connections <= 8


def test_a_closed_transport_connects_anew(transport, request_to, answering, http):
    server = answering(http(OK))
    transport.send(request_to(server.endpoint))
    transport.close()
    assert transport.send(request_to(server.endpoint)).body == OK
    assert server.connections == 2


def test_https_is_never_answered_by_a_plain_connection(transport, request_to, answering, http):
    server = answering(http(OK))
    transport.send(request_to(server.endpoint))
    encrypted = Endpoint(scheme="https", host=server.endpoint.host)
    with pytest.raises(ConnectionNotMadeError):
        transport.send(request_to(encrypted))
    assert len(server.requests) == 1


def test_a_query_travels_as_it_was_signed(transport, credentials, answering, http):
    server = answering(http(OK))
    request = sign_acs3(
        endpoint=server.endpoint,
        action="SendBatchSms",
        version="2017-05-25",
        query={"OutId": "camp 1:*~/é"},
        form={},
        credentials=credentials,
        envelope=Envelope.new(),
    )
    transport.send(request)
    line, headers, body = server.requests[0]
    assert (line, body) == ("POST /?OutId=camp%201%3A%2A~%2F%C3%A9 HTTP/1.1", b"")
    assert headers["content-length"] == "0"
    assert "content-type" not in headers


def test_loopback_needs_no_proxy(transport, request_to, answering, http, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    server = answering(http(OK))
    assert transport.send(request_to(server.endpoint)).status == 200


# --- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "timeouts", [{"connect_timeout": 0}, {"read_timeout": -1}, {"read_timeout": float("nan")}]
)
def test_timeouts_must_be_positive(timeouts):
    with pytest.raises(ConfigurationError):
        Transport(**timeouts)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_missing_certificates_are_noticed_at_once(monkeypatch, name):
    monkeypatch.setenv(name, "/nowhere/bundle.pem")
    with pytest.raises(ConfigurationError, match="certificates"):
        Transport()


DATED = b"Date: Sun, 29 Nov 2026 10:00:00 GMT\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\n" + DATED


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (PLAIN + b"Content-Length: 13\r\n\r\n" + OK, 200, OK),
        (PLAIN + b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\nab", 200, b"ab"),
        (PLAIN + b"CONTENT-LENGTH:  2 \r\n\r\nab", 200, b"ab"),
        (PLAIN + b"Content-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 503\r\n" + DATED + b"Content-Length: 2\r\n\r\nab", 503, b"ab"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN + b"Content-Length: 2\r\n\r\nab", 200, b"ab"),
        (PLAIN + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 200, b"ab"),
        (PLAIN + b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nab", 200, b"ab"),
        (PLAIN.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\nab", 200, b"ab"),
        (PLAIN + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1;x=y\r\nb\r\n0\r\n\r\n", 200, b"ab"),
        (b"HTTP/1.0 200 OK\r\n" + DATED + b"Content-Length: 2\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1 204 No Content\r\n" + DATED + b"Content-Length: 0\r\n\r\n", 204, b""),
    ],
    ids=range(12),
)
@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_answers_of_every_form_are_read_alike(transport, request_to, serve, answer, status, body, pieces):
    def slowly(connection, server):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while server.take(connection) is not None:
            step = max(1, len(answer) // pieces)
            for start in range(0, len(answer), step):
                connection.sendall(answer[start : start + step])

    server = serve(slowly)
    for _ in range(2):
        response = transport.send(request_to(server.endpoint))
        assert (response.status, response.body) == (status, body)
        assert response.headers.get("date") == "Sun, 29 Nov 2026 10:00:00 GMT"


def test_what_comes_behind_an_answer_is_not_taken_for_the_next_one(transport, request_to, answering):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(OK), OK)
    server = answering(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", answer)
    assert [transport.send(request_to(server.endpoint)).body for _ in range(3)] == [OK] * 3


def test_a_header_with_the_end_of_a_line_never_leaves(transport, answering, http):
    server = answering(http(OK))
    request = SignedRequest(
        url=server.endpoint.url, headers={"host": "x", "x-acs-date": "a\r\nx-other: b"}, body=b""
    )
    with pytest.raises(ConnectionNotMadeError):
        transport.send(request)
    assert server.requests == []


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(OK), OK)


@pytest.mark.parametrize("early", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_an_answer_before_the_answer_is_not_the_next_ones(transport, request_to, serve, http, early):
    def behave(connection, server):
        while server.take(connection) is not None:
            connection.sendall(early)
            # The answer comes only when the next request is there, if that one takes the same connection.
            if server.take(connection) is None:
                return
            connection.sendall(http(OK))

    server = serve(behave)
    for _ in range(2):
        with pytest.raises(AmbiguousOutcomeError):
            transport.send(request_to(server.endpoint))
    assert server.connections == 2


def test_what_comes_behind_a_chunked_answer_closes_its_connection(transport, request_to, answering):
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"
    server = answering(CHUNKED + stray)
    assert [transport.send(request_to(server.endpoint)).body for _ in range(3)] == [OK] * 3
    assert server.connections == 3


def test_chunked_answers_keep_their_connection(transport, request_to, answering):
    server = answering(CHUNKED)
    assert [transport.send(request_to(server.endpoint)).body for _ in range(3)] == [OK] * 3
    assert server.connections == 1


@pytest.mark.parametrize("behind", [b"", b"more than the answer"])
def test_a_proxy_has_no_more_time_for_a_tunnel_than_a_connection(serve, request_to, monkeypatch, behind):
    def drip(connection, server):
        server.take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" + behind if behind else b""))
        for _ in range(60):
            time.sleep(0.1)
            connection.sendall(b"X")

    proxy = serve(drip)
    monkeypatch.setenv("https_proxy", proxy.endpoint.url)
    with closing(Transport(connect_timeout=1.0, read_timeout=5.0)) as transport:
        began = time.monotonic()
        with pytest.raises(ConnectionNotMadeError):
            transport.send(request_to(Endpoint("https", "sms.example.com")))
        assert time.monotonic() - began < 3.0
