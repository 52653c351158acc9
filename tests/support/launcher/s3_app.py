# SPDX-License-Identifier: Apache-2.0
"""
Serve S3 on loopback, with moto; a command of its own, so that it outlives whoever is killed.

moto looks whether an object is there and writes it in two steps; S3 does it in one. So writes go one by one here.
``--ignore-conditions`` makes a storage of it that takes every conditional write, as some that speak S3 do.
"""

from __future__ import annotations

import argparse
import logging
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple


class Gate:
    """Let one write in at a time, with its condition or without."""

    def __init__(self, app, *, ignore_conditions):
        self._app = app
        self._ignore_conditions = ignore_conditions
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        if self._ignore_conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if environ["REQUEST_METHOD"] != "PUT":
            return self._app(environ, start_response)
        with self._lock:
            return [b"".join(self._app(environ, start_response))]


def main():
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ignore-conditions", action="store_true")
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    gate = Gate(app, ignore_conditions=arguments.ignore_conditions)
    run_simple("127.0.0.1", arguments.port, gate, threaded=True)


if __name__ == "__main__":
    main()
