# SPDX-License-Identifier: Apache-2.0
"""Local servers that behave, or misbehave, as told."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_aliyunsms.api.endpoints import Endpoint

Behaviour = Callable[[socket.socket, "LocalServer"], None]


def read_request(connection):
    """Read one HTTP request with Content-Length: (request line, headers, body), or None at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rows = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (row.split(": ", 1) for row in rows)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return line, headers, body


def http_answer(body, *, status="200 OK", headers=()):
    """Write a complete HTTP answer."""
    rows = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body


@dataclass
class LocalServer:
    """Runs a behaviour per connection, counts connections and keeps the requests that were read."""

    behaviour: Behaviour
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    requests: list = field(default_factory=list)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    open: list = field(default_factory=list)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    @property
    def endpoint(self):
        return Endpoint(scheme="http", host=f"127.0.0.1:{self.port}")

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection):
        try:
            self.behaviour(connection, self)
        except OSError:
            pass
        finally:
            connection.close()

    def take(self, connection):
        request = read_request(connection)
        if request is not None:
            self.requests.append(request)
        return request

    def stop(self):
        self.stopping.set()
        for one in (self.listener, *self.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def local_servers():
    """Give a function that starts servers, each with a behaviour; stop them all at the end."""
    servers = []

    def start(behaviour):
        server = LocalServer(behaviour=behaviour)
        servers.append(server)
        threading.Thread(target=server.serve, daemon=True).start()
        return server

    try:
        yield start
    finally:
        for server in servers:
            server.stop()
