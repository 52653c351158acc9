# SPDX-License-Identifier: Apache-2.0
"""
Refuse requests that a browser makes on behalf of a page from elsewhere, and bodies that are too large.

The simulator has no access control, and its secret is known to everybody. So a page on the internet must not reach it
through the browser of somebody who runs it: neither under a name of its own that leads here (DNS rebinding), nor with
a form or an image that points here.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

from airflow_provider_aliyunsms.simulator.control import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY: Final = 8 * 1024 * 1024
"""Bytes of the largest body that is read; a request for a thousand recipients has a tenth of it."""

_EVENTS: Final = f"{PREFIX}/events"
_JSON: Final = "application/json"
_READS: Final = ("GET", "HEAD")
_SECURITY_HEADERS: Final = (
    (
        b"content-security-policy",
        # Its own files and nothing else. Trusted types without a policy: no script can turn a text into HTML.
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class VisitorCheck:
    """
    An ASGI middleware that lets a request pass, or refuses it with a text that says why.

    :param app: the application behind it.
    :param allowed_hosts: names in the ``Host`` header that are ours, beside ``localhost`` and IP addresses; an
        address cannot be rebound.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(headers, scheme=scope["scheme"], method=scope["method"], path=scope["path"])
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        body = _BoundedBody(receive, send)
        of_control = scope["path"].startswith(PREFIX)
        await self._app(scope, body.receive, _with_headers(body.send) if of_control else body.send)

    def _refusal(
        self, headers: Mapping[str, str], *, scheme: str, method: str, path: str
    ) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            text = "The Host header names another machine. Start with --allow-host NAME if the name is right."
            return _refuse(421, text)
        of_control = path.startswith(PREFIX)
        # Not the stream of events: a page from elsewhere could take all the places that listeners have.
        reads = of_control and method in _READS and path != _EVENTS
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin.lower() != f"{scheme}://{host.lower()}" and not reads:
            return _refuse(403, "A page from elsewhere may not use the simulator.")
        if site in ("cross-site", "same-site") and not reads:
            return _refuse(403, "A page from elsewhere may not use the simulator.")
        if of_control and method == "POST" and _content_type(headers) != _JSON:
            return _refuse(415, f"Send Content-Type: {_JSON}, which no form of another page can.")
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced[:18]) > LARGEST_BODY:
            return _refuse(413, f"A body may have up to {LARGEST_BODY} bytes.")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class _BoundedBody:
    """Count the bytes of a body without an announced length, and refuse it once they are too many."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._size = 0
        self._refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > LARGEST_BODY:
            self._refused = True
            # For the application this is a client that has gone, so that it reads no further.
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self._refused and message["type"] == "http.response.start":
            message = {**message, "status": 413}
        await self._send(message)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_SECURITY_HEADERS]}
        await send(message)

    return send_with_headers


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse(status: int, text: str) -> JSONResponse:
    # The rest of the body is not read, so the connection cannot carry another request.
    return JSONResponse({"detail": text}, status_code=status, headers={"connection": "close"})
