# SPDX-License-Identifier: Apache-2.0
"""The services that hand out credentials, on loopback: a credentials URI, STS and the ECS metadata service."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

STALE_AT_ONCE = timedelta(minutes=10)
"""The package renews 15 minutes early, so that credentials this young are asked for again at every call."""


def issued(key_id, *, secret="testsecret", token="testtoken", lifetime=timedelta(hours=1)):
    """Write credentials as all three services do."""
    expiration = (datetime.now(UTC) + lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "AccessKeyId": key_id,
        "AccessKeySecret": secret,
        "SecurityToken": token,
        "Expiration": expiration,
    }


@dataclass
class Service:
    """Gives what ``answer`` returns, (status, JSON or text), and keeps what it was asked."""

    answer: object = None
    url: str = ""
    asked: list = field(default_factory=list)

    @property
    def host(self):
        return self.url.partition("://")[2]

    def query(self, index=-1):
        """The query of one request; STS is asked by query."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.asked[index]).query).items()}


@contextlib.contextmanager
def serving(answer):
    """Run a service for the length of a ``with`` block; ``answer(path)`` gives (status, JSON or text)."""
    service = Service(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            service.asked.append(f"{self.command} {self.path}")
            status, body = service.answer(self.path)
            payload = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_PUT(self):
            self.do_GET()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
