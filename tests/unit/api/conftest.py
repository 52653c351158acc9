# SPDX-License-Identifier: Apache-2.0
"""Local servers that behave, or misbehave, as told."""

from __future__ import annotations

import pytest
from local_server import http_answer, local_servers

from airflow_provider_aliyunsms.api.credentials import Credentials


@pytest.fixture
def serve():
    """Start local servers; give each a behaviour."""
    with local_servers() as start:
        yield start


@pytest.fixture
def answering(serve):
    """Start a server that answers every request on a kept-alive connection with the next of some answers."""

    def start(*answers):
        remaining = list(answers)

        def behave(connection, server):
            while server.take(connection) is not None:
                connection.sendall(remaining.pop(0) if len(remaining) > 1 else remaining[0])

        return serve(behave)

    return start


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def credentials():
    return Credentials("testid", "testsecret")


@pytest.fixture
def http():
    """Write HTTP answers."""
    return http_answer
