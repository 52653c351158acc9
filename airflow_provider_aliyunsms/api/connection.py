# SPDX-License-Identifier: Apache-2.0
"""
Open HTTP connections that record whether a request has begun to leave this machine.

Only a request that has begun to leave can have been accepted. urllib3 raises the same kinds of errors before and
after that moment, so the moment itself is recorded: the first byte written to a connection that is open from end to
end, proxy tunnel and TLS handshake included.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.client import BadStatusLine, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, Any, Final, cast

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from airflow_provider_aliyunsms.api.departures import departures

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPConnectionPool

# A server may close a kept-alive connection at any time, and a request written to such a connection has an ambiguous
# outcome. So a connection that has not been written to for this long is not used again.
_IDLE_LIMIT_SECONDS = 4.0

LARGEST_BODY: Final = 2 * 1024 * 1024
"""Bytes of the largest body that is read; the largest known one, fifty records with their texts, has a tenth."""


_AT_ONCE: Final = 16 * 1024
_PLAIN_HEAD: Final = re.compile(
    rb"HTTP/1\.1 (200|[45][0-9]{2})(?: [^\r\n\0]*)?\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n"
)
"""The whole head of a response with a body, one line for each header."""

_WITHOUT_BODY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class TooLargeError(ValueError):
    """The response is larger than any that this API sends."""


class DepartureConnection(HTTPConnection):
    """
    An HTTP connection that records when a request begins to leave this machine.

    It writes a request at once, head and body together, and returns a response only when it is complete: both cost
    less CPU than the steps of urllib3, whose pools decide which connection is used. It reports itself as dropped when
    nothing has been written to it for a few seconds, so that urllib3 opens a new one.
    """

    _last_used = 0.0

    def connect(self) -> None:
        """Open the connection, and count it."""
        # Before it, so that an attempt that fails counts, too: it takes as long.
        departures.opened += 1
        super().connect()

    # urllib3 departs from http.client in the same way.
    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_options: object,
    ) -> None:
        """
        Write one request, and record that it is leaving.

        :param method: such as ``POST``.
        :param url: path and query.
        :param body: the bytes of the body.
        :param headers: all headers, the length of the body among them.
        :raises ValueError: a header holds the end of a line.
        """
        head = _head(method, url, headers or {})
        # Connect first: what the proxy tunnel and the TLS handshake write is not the request.
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self.timeout)
        # Before the write: a write that fails half-way has left in part, and would otherwise be reported as never
        # sent and be sent again.
        departures.begun = True
        self._last_used = time.monotonic()
        self.sock.sendall(head + (body or b""))

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        """
        Read one response to its end.

        :returns: the response, with its body as it came.
        :raises TimeoutError: it was not complete within the read timeout.
        :raises TooLargeError: it has more than :data:`LARGEST_BODY` bytes.
        """
        received = _Received(self.sock, seconds=self.timeout)
        response = _plain_response(received) or _any_response(received)
        if response.ends_connection:
            self.close()
        return urllib3.HTTPResponse(
            body=response.body,
            headers=urllib3.HTTPHeaderDict(response.headers),
            status=response.status,
            preload_content=False,
            decode_content=False,
        )

    @property
    def is_connected(self) -> bool:
        """Whether the connection may carry another request."""
        return time.monotonic() - self._last_used < _IDLE_LIMIT_SECONDS and super().is_connected


def _head(method: str, url: str, headers: Mapping[str, str]) -> bytes:
    text = "".join([f"{method} {url} HTTP/1.1\r\n", *[f"{name}: {headers[name]}\r\n" for name in headers]])
    # A line of its own would be another header, or the end of them all.
    if text.count("\r") != len(headers) + 1 or text.count("\n") != len(headers) + 1:
        raise ValueError("a header holds the end of a line")
    return f"{text}\r\n".encode("latin-1")


class _Received:
    """
    What a socket receives within so many seconds, as a file that ``http.client`` reads.

    A socket timeout alone starts anew with every byte, so that a slow server could hold a thread for ever. Reading
    raises ``TimeoutError`` once the time is over.

    :ivar ahead: what was received and not read yet.
    """

    def __init__(self, sock: socket.socket, *, seconds: float | None) -> None:
        self._sock = sock
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds
        self.ahead = b""

    def more(self) -> bytes:
        """Receive what there is, at least one byte; nothing at the end of the connection."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(None if left == math.inf else left)
        return self._sock.recv(_AT_ONCE)

    def makefile(self, _mode: str) -> _Received:
        """Return itself: to ``http.client`` it is the socket and its file."""
        return self

    def readline(self, limit: int) -> bytes:
        """Return a line with its end, or what there is before the end of the connection; no more than the limit."""
        while (end := self.ahead.find(b"\n", 0, limit) + 1) == 0 and len(self.ahead) < limit:
            if not (data := self.more()):
                break
            self.ahead += data
        return self._cut(end or limit)

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer only at the end of the connection."""
        parts, missing = [self.ahead], size - len(self.ahead)
        while missing > 0 and (data := self.more()):
            parts.append(data)
            missing -= len(data)
        self.ahead = b"".join(parts)
        return self._cut(size)

    def flush(self) -> None:
        """Do nothing: only the response is read here."""

    def close(self) -> None:
        """Do nothing: the connection stays open, and what was not read is looked at."""

    def _cut(self, size: int) -> bytes:
        data, self.ahead = self.ahead[:size], self.ahead[size:]
        return data


class _TunnelResponse(HTTPResponse):
    """
    The response of a proxy that is to open a tunnel, complete within the connect timeout.

    Without an end of its time, a request could leave long after it was allowed to.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self._socket, self._timeout = sock, sock.gettimeout()
        self._received = _Received(sock, seconds=self._timeout)
        super().__init__(cast("socket.socket", self._received), *args, **kwargs)

    def close(self) -> None:
        super().close()
        # For the TLS handshake, which has the same time again.
        self._socket.settimeout(self._timeout)
        if self._received.ahead:
            raise OSError("the proxy sent more than its answer")


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    ends_connection: bool


def _plain_response(received: _Received) -> _Response | None:
    """Read a response of the common form; None, with all that was received, where it is in any way special."""
    # What http.client needs for the head of a response is among the largest parts of a call, see docs/performance.md.
    # Here is read only what can be read in one way; of everything else it decides.
    received.ahead = received.more()
    found = _PLAIN_HEAD.match(received.ahead)
    if found is None:
        return None
    headers = _plain_headers(found[2])
    announced = headers.get("content-length", "")
    is_kept = headers.get("connection", "keep-alive").lower() == "keep-alive"
    if not is_kept or "transfer-encoding" in headers or _LENGTH.fullmatch(announced) is None:
        return None
    length = int(announced)
    if length > LARGEST_BODY:
        raise TooLargeError
    body = received.ahead[found.end() :]
    while len(body) < length:
        data = received.more()
        if not data:
            raise IncompleteRead(body, length - len(body))
        body += data
    # What comes after the end would be taken for the response to the next request.
    return _Response(int(found[1]), [*headers.items()], body[:length], ends_connection=len(body) > length)


def _plain_headers(lines: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines.decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        value = value.strip(" \t")
        if headers.setdefault(name.lower(), value) != value:
            # Two of one name, which may contradict each other.
            return {}
    return headers


def _any_response(received: _Received) -> _Response:
    response = HTTPResponse(cast("socket.socket", received), method="POST")
    try:
        response.begin()
        # http.client has None where the header is no number, or the body comes in chunks.
        if (response.length or 0) > LARGEST_BODY:
            raise TooLargeError
        body = response.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise TooLargeError
        if response.length:
            # Fewer bytes than were announced: http.client tells it only to who reads to the end.
            raise IncompleteRead(body, response.length)
        if response.status < HTTPStatus.OK:
            # An answer before the answer, whose rest is still to come: no more than that the request has arrived.
            raise BadStatusLine("an interim status")
        # What is left, or may still come, would be taken for the response to the next request.
        ends = response.will_close or response.status in _WITHOUT_BODY or bool(received.ahead)
        return _Response(response.status, response.msg.items(), body, ends_connection=ends)
    finally:
        response.close()


class DepartureAdapter(HTTPAdapter):
    """An adapter of the ``requests`` library whose connections record when a request leaves, through proxies, too."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the manager of the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _track(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> PoolManager:
        """Return the manager of the pools for one proxy, made on first use."""
        manager: PoolManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        _track(manager)
        return manager


def _track(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _tracking(pool_class) for scheme, pool_class in manager.pool_classes_by_scheme.items()
    }


@cache
def _tracking(pool_class: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    # The class is derived at run time, because a proxy manager brings pool classes of its own.
    plain = pool_class.ConnectionCls
    if issubclass(plain, DepartureConnection):
        return pool_class
    noting = type(
        f"Departure{plain.__name__}", (DepartureConnection, plain), {"response_class": _TunnelResponse}
    )
    return type(f"Departure{pool_class.__name__}", (pool_class,), {"ConnectionCls": noting})
