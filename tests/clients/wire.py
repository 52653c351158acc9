# SPDX-License-Identifier: Apache-2.0
"""See how a client's request looks: its method, its signature, and where its parameters travel."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit


def request_of(make):
    """
    Return how the first request looks that ``make`` sends to the URL it is called with.

    The request is answered with 503, so that ``make`` may raise.
    """
    seen = []

    class Listener(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            seen.append(_described(self.command, self.path, self.headers, body))
            self.send_response(503)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = answer  # noqa: N815 - the names of the library

        def log_message(self, *_):
            """Write nothing: the request line may hold numbers."""

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        make(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    return seen[0]


def _described(method, path, headers, body):
    query, form = parse_qs(urlsplit(path).query), parse_qs(body)
    algorithm = headers.get("authorization", "").partition(" ")[0]
    scheme = f"V3 (`{algorithm}`)" if algorithm else f"V1 (`{(query | form)['SignatureMethod'][0]}`)"
    place = "query" if "PhoneNumbers" in query else "body"
    return f"{method}, {scheme}, parameters in the {place}"
