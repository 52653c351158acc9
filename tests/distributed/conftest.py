# SPDX-License-Identifier: Apache-2.0
"""One Airflow on two machines, as far as one machine can tell, for all tests of a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from database_servers import NoServerError
from distributedkit.cluster import running_cluster


def pytest_configure(config):
    config.addinivalue_line("markers", "distributed: starts an Airflow of several machines; takes minutes")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Give the cluster; when the tests end, however they end, every process of it is gone."""
    try:
        with running_cluster(folder=tmp_path_factory.mktemp("distributed")) as found:
            yield found
    except NoServerError as error:
        pytest.skip(str(error))
