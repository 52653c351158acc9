# SPDX-License-Identifier: Apache-2.0
"""TLS and proxies: what they write while connecting is not the request."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_aliyunsms.api.endpoints import Endpoint
from airflow_provider_aliyunsms.api.signature import Envelope, sign_acs3
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError, ConnectionNotMadeError

OK = b'{"Code":"OK"}'
HOST = "sms.example.test"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a self-signed certificate for HOST and localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName("localhost")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(path)


@pytest.fixture
def encrypted(certificate):
    """Wrap a behaviour in TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrap(behaviour):
        def behave(connection, server):
            with context.wrap_socket(connection, server_side=True) as inner:
                behaviour(inner, server)

        return behave

    return wrap


@pytest.fixture
def answer_ok(http):
    def behave(connection, server):
        while server.take(connection) is not None:
            connection.sendall(http(OK))

    return behave


def hang_up(connection, server):
    server.take(connection)


@pytest.fixture
def proxy_to(serve):
    """Start a proxy that tunnels everything to one server; its requests are the CONNECT lines."""

    def start(target, *, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
        def behave(connection, server):

            server.take(connection)
            connection.sendall(answer)
            if b" 200 " not in answer:
                return
            with socket.create_connection(("127.0.0.1", target.port)) as beyond:
                back = threading.Thread(target=pump, args=(beyond, connection), daemon=True)
                back.start()
                pump(connection, beyond)
                back.join()

        return serve(behave)

    return start


def pump(source, sink):

    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def make_request(credentials):
    def make(host):
        return sign_acs3(
            endpoint=Endpoint(scheme="https", host=host),
            action="SendBatchSms",
            version="2017-05-25",
            query={},
            form={"PhoneNumberJson": '["13800001234"]'},
            credentials=credentials,
            envelope=Envelope.new(),
        )

    return make


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_trusted_server(serve, encrypted, answer_ok, certificate, make_request, monkeypatch, name):
    server = serve(encrypted(answer_ok))
    monkeypatch.setenv(name, certificate)
    with closing(Transport()) as transport:
        bodies = [transport.send(make_request(f"localhost:{server.port}")).body for _ in range(3)]
    assert (bodies, server.connections) == ([OK] * 3, 1)


def test_untrusted_server_sees_nothing(serve, encrypted, answer_ok, make_request):
    server = serve(encrypted(answer_ok))
    with closing(Transport()) as transport, pytest.raises(ConnectionNotMadeError) as caught:
        transport.send(make_request(f"localhost:{server.port}"))
    assert (caught.value.code, server.requests) == ("TlsFailed", [])


def test_certificate_of_another_host(serve, encrypted, answer_ok, certificate, make_request):
    server = serve(encrypted(answer_ok))
    with (
        closing(Transport(ca_bundle=certificate)) as transport,
        pytest.raises(ConnectionNotMadeError) as caught,
    ):
        transport.send(make_request(f"127.0.0.1:{server.port}"))
    assert (caught.value.code, server.requests) == ("TlsFailed", [])


def test_lost_answer_over_tls_is_ambiguous(serve, encrypted, certificate, make_request):
    server = serve(encrypted(hang_up))
    with closing(Transport(ca_bundle=certificate)) as transport, pytest.raises(AmbiguousOutcomeError):
        transport.send(make_request(f"localhost:{server.port}"))
    assert len(server.requests) == 1


def test_proxy_of_the_environment_is_used(
    serve, encrypted, answer_ok, certificate, proxy_to, make_request, monkeypatch
):
    server = serve(encrypted(answer_ok))
    proxy = proxy_to(server)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
    with closing(Transport(ca_bundle=certificate)) as transport:
        bodies = [transport.send(make_request(HOST)).body for _ in range(2)]
    assert bodies == [OK, OK]
    assert [line.split()[:2] for line, _, _ in proxy.requests] == [["CONNECT", f"{HOST}:443"]]
    assert "proxy-authorization" not in server.requests[0][1]


def test_lost_answer_behind_a_proxy_is_ambiguous(
    serve, encrypted, certificate, proxy_to, make_request, monkeypatch
):
    server = serve(encrypted(hang_up))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy_to(server).port}")
    with closing(Transport(ca_bundle=certificate)) as transport, pytest.raises(AmbiguousOutcomeError):
        transport.send(make_request(HOST))
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who are you\r\n\r\n", b"HTTP/1.1 503 Busy\r\n\r\n", b""])
def test_proxy_that_opens_no_way(serve, encrypted, answer_ok, proxy_to, make_request, monkeypatch, answer):
    server = serve(encrypted(answer_ok))
    proxy = proxy_to(server, answer=answer)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
    with closing(Transport()) as transport, pytest.raises(ConnectionNotMadeError) as caught:
        transport.send(make_request(HOST))
    assert server.connections == 0
    assert "word" not in str(caught.value) + repr(caught.value)


def test_failed_handshake_behind_a_proxy(serve, encrypted, answer_ok, proxy_to, make_request, monkeypatch):
    server = serve(encrypted(answer_ok))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy_to(server).port}")
    with closing(Transport()) as transport, pytest.raises(ConnectionNotMadeError) as caught:
        transport.send(make_request(HOST))
    assert (caught.value.code, server.requests) == ("TlsFailed", [])


def test_no_proxy_is_respected(make_request, monkeypatch, proxy_to, serve, encrypted, answer_ok):
    proxy = proxy_to(serve(encrypted(answer_ok)))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "nothing.invalid")
    with closing(Transport()) as transport, pytest.raises(ConnectionNotMadeError) as caught:
        transport.send(make_request("nothing.invalid"))
    assert (caught.value.code, proxy.connections) == ("NameNotResolved", 0)
