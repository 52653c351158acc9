# SPDX-License-Identifier: Apache-2.0
"""A real Redis for the tests of the account's pace."""

from __future__ import annotations

import pytest
from database_servers import NoServerError, redis_server


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    try:
        with redis_server(tmp_path_factory.mktemp("redis")) as one:
            yield one
    except NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def client(server):
    redis = pytest.importorskip("redis")
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    one = redis.Redis(port=server.port, socket_timeout=0.5, socket_connect_timeout=0.5, retry=once)
    one.flushall()
    yield one
    one.close()
