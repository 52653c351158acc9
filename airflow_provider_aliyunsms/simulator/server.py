# SPDX-License-Identifier: Apache-2.0
"""Serve a simulator over HTTP: in the foreground for the command, or in a thread for tests."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.simulator.control import PREFIX, app_settings, control_routes
from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient
from airflow_provider_aliyunsms.simulator.gateway import Gateway, Wire
from airflow_provider_aliyunsms.simulator.memory import State
from airflow_provider_aliyunsms.simulator.options import Options
from airflow_provider_aliyunsms.simulator.visitors import VisitorCheck

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_aliyunsms.simulator.gateway import Connections


def make_app(state: State, *, connections: Connections, stopping: asyncio.Event) -> FastAPI:
    """
    Return the web application of a simulator; opens no file and no socket.

    :param state: messages, nonces, planned faults and options.
    :param connections: returns the server's open connections, for the faults that break them.
    :param stopping: set when the server shuts down.
    """
    gateway = Gateway(state=state, wire=Wire(connections), stopping=stopping)
    app = FastAPI(
        **app_settings(),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # A plain Starlette route: the gateway reads its own parameters, and FastAPI's reading would only cost time.
        routes=[Route("/", gateway.answer, methods=["GET", "POST"])],
    )
    # Not with include_router, which builds every route anew: half of the time that a start takes.
    app.router.routes.extend(control_routes(state, stopping=stopping).routes)
    app.add_middleware(DateHeader, state=state)
    app.add_middleware(VisitorCheck, allowed_hosts=state.options.allowed_hosts)
    return app


class DateHeader:
    """An ASGI middleware that adds the gateway's time to each response, unless the options say otherwise."""

    def __init__(self, app: ASGIApp, *, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start" and self._state.options.tells_time:
                date = formatdate(self._state.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, send_with_date)


LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0
# The official SDK puts a thousand recipients into the request line, which has about 120 KB then.
_REQUEST_HEAD_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """
    The PEM files with which a simulator speaks TLS, for clients that know ``https`` only.

    :param chain: the certificate, with those that signed it.
    :param key: the private key without a password; None where the file of the chain has it, too.
    """

    chain: Path
    key: Path | None = None

    def check(self) -> None:
        """
        Read both files.

        :raises ConfigurationError: they cannot be read, or do not belong together.
        """
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key)
        except OSError as error:  # what ssl raises is one
            raise ConfigurationError(f"the TLS certificate or its key cannot be used: {error}") from error


class SimulatorServer(uvicorn.Server):
    """
    The HTTP server of one simulator.

    Its event loop runs in the thread that calls :meth:`serve_until_stopped`. Other threads may only wait for
    ``ready``, read :attr:`url` and call :meth:`stop`.

    :param state: used by the event loop alone while the server runs.
    :param listener: a socket that is already bound, so that the port is known before the loop runs.
    :param certificate: with which it speaks TLS; None for plain HTTP.
    """

    def __init__(
        self, state: State, *, listener: socket.socket, certificate: Certificate | None = None
    ) -> None:
        self.state = state
        self.ready = threading.Event()
        self._listener = listener
        self._scheme = "http" if certificate is None else "https"
        self._stopping = asyncio.Event()
        app = make_app(
            self.state,
            connections=lambda: list(self.server_state.connections),
            stopping=self._stopping,
        )
        super().__init__(_config(app, certificate))

    @property
    def url(self) -> str:
        """The base URL of the simulator, without a slash at the end."""
        host, port = self._listener.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        return f"{self._scheme}://{name}:{port}"

    def serve_until_stopped(self) -> None:
        """Serve until :meth:`stop` is called or a signal arrives, then close the state."""
        try:
            self.run(sockets=[self._listener])
        finally:
            # Only after the loop has ended: a request under way may still write to the journal.
            self.state.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening and set ``ready``."""
        await super().startup(sockets=sockets)
        # Set last: a thread that waits for it sends requests at once.
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the delays of faults and stop the server."""
        # First, because the shutdown waits for open requests, and so for their delays.
        self._stopping.set()
        await super().shutdown(sockets=sockets)

    def stop(self) -> None:
        """Ask the server to stop and return at once; may be called from any thread."""
        # A flag that the event loop looks at; nothing else of the server may be touched from another thread.
        self.should_exit = True


def prepare(
    options: Options, *, host: str, port: int, certificate: Certificate | None = None
) -> SimulatorServer:
    """
    Load the journal, bind the socket and return the server, which does not serve yet.

    :param port: the port to listen on, 0 for any free one.
    :param certificate: with which it speaks TLS; None for plain HTTP.
    :raises ConfigurationError: the journal or the certificate cannot be read.
    :raises OSError: the port is taken, the host is not this machine's, or the journal cannot be opened.
    """
    if certificate is not None:
        certificate.check()
    state = State(options)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError:
        state.close()
        raise
    return SimulatorServer(state, listener=listener, certificate=certificate)


@contextmanager
def running(
    *, port: int = 0, certificate: Certificate | None = None, **settings: Any
) -> Iterator[SimulatorClient]:
    """
    Run a simulator in a thread for the length of a ``with`` block, on loopback only.

    Starting and stopping take a fraction of a second. The accepted messages are lost afterwards, unless ``journal``
    names a file.

    :param port: the port to listen on, 0 for any free one.
    :param certificate: with which it speaks TLS; the returned client trusts it.
    :param settings: the fields of :class:`~airflow_provider_aliyunsms.simulator.options.Options`.
    :returns: a client with the simulator's URL and its control API.
    :raises ConfigurationError: an option is wrong, or the server did not start within 10 seconds.
    """
    server = prepare(Options(**settings), host=LOOPBACK, port=port, certificate=certificate)
    client = SimulatorClient(server.url, trusted=None if certificate is None else certificate.chain)
    thread = threading.Thread(target=server.serve_until_stopped, name="aliyunsms-simulator", daemon=True)
    thread.start()
    try:
        if not server.ready.wait(_START_TIMEOUT_S):
            raise ConfigurationError("The simulator did not come up")
        yield client
    finally:
        client.close()
        server.stop()
        thread.join(_STOP_TIMEOUT_S)


def _config(app: Any, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools" if importlib.util.find_spec("httptools") else "h11",
        ws="none",
        lifespan="off",
        log_config=None,
        # No log of requests: the request line may hold phone numbers.
        access_log=False,
        proxy_headers=False,
        server_header=False,
        # The gateway's clock may differ from this machine's, see DateHeader.
        date_header=False,
        # Longer than a client keeps an idle connection. If the server closed it first, the client's next request on
        # it would fail like a lost one.
        timeout_keep_alive=300,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_REQUEST_HEAD_LIMIT,
        ssl_certfile=None if certificate is None else certificate.chain,
        ssl_keyfile=None if certificate is None else certificate.key,
    )
