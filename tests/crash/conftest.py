# SPDX-License-Identifier: Apache-2.0
"""One Airflow of real processes and one simulator for all crash tests of a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from crashkit.worlds import both_worlds


def pytest_configure(config):
    config.addinivalue_line("markers", "crash: starts real Airflow processes and kills them; takes minutes")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Give Airflow and simulator; when the tests end, however they end, every process of theirs is gone."""
    with both_worlds(folder=tmp_path_factory.mktemp("crash")) as both:
        yield both
