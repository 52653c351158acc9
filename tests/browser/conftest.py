# SPDX-License-Identifier: Apache-2.0
"""One Airflow, one simulator and one browser for the whole run; see ``make browser-test``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

# nothing of playwright is imported here: the rest of the suite, which has none, passes by while it collects
sys.path.insert(0, str(Path(__file__).parent))

from browserkit.access_key import AccessKey
from browserkit.chromium import HOW_TO_GET_IT, find_chromium, open_browser, open_visits, playwright
from browserkit.screenshots import FOLDER, Screenshots
from launcher.airflow3 import Airflow3
from launcher.page import plugin_path
from launcher.simulator import SimulatorProcess

DAGS = Path(__file__).parent / "dags"
DAG_IDS = {"spring_campaign", "approved_campaign"} | {
    *("autumn_sale", "member_day", "city_news", "world_news", "winter_news")
}


def pytest_addoption(parser):
    parser.addoption(
        "--write-screenshots",
        action="store_true",
        help=f"replace those in {FOLDER.relative_to(FOLDER.parents[2])}",
    )


def pytest_sessionstart(session):
    if find_chromium() is None:
        pytest.exit(HOW_TO_GET_IT, returncode=1)


@pytest.fixture(scope="session")
def key():
    return AccessKey()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, key):
    gateway = SimulatorProcess(folder=tmp_path_factory.mktemp("gateway"), options=key.options)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.end()


@pytest.fixture(scope="session")
def airflow(tmp_path_factory):
    """Give an Airflow without connections; when the tests end, every process of it is gone."""
    folder = tmp_path_factory.mktemp("airflow")
    settings = {
        "PYTHONPATH": plugin_path(folder),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        # the first call to a slow machine's API server takes longer than the five seconds of the default
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "BROWSER_TEST_RECEIPTS": str(folder / "receipts.jsonl"),
        "BROWSER_TEST_CAMPAIGN": str(folder / "campaign"),
    }
    airflow = Airflow3(folder=folder, dags=DAGS, dag_ids=DAG_IDS, settings=settings)
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.end()


@pytest.fixture(scope="session")
def chromium():
    with playwright() as started:
        yield started


@pytest.fixture(scope="session")
def page(tmp_path_factory, chromium, airflow):
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with open_browser(chromium, executable=find_chromium(), profile=profile, url=airflow.url) as page:
        yield page


@pytest.fixture(scope="session")
def visits(chromium):
    """Give a function that opens a page of its own; see ``open_visits``."""
    with open_visits(chromium, executable=find_chromium()) as visit:
        yield visit


@pytest.fixture
def visit(visits):
    """Give a function that opens a page of its own, which is closed after the test."""
    pages = []

    def visit(**settings):
        pages.append(visits(**settings))
        return pages[-1]

    yield visit
    for each in pages:
        each.context.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory, page, pytestconfig):
    """Give a camera; its pictures go into the docs with ``--write-screenshots``, otherwise nowhere."""
    keep = pytestconfig.getoption("--write-screenshots")
    return Screenshots(page=page, folder=FOLDER if keep else tmp_path_factory.mktemp("screenshots"))
