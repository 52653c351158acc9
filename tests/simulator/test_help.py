# SPDX-License-Identifier: Apache-2.0
"""The help of the command: every example in it works as it is written there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

import airflow_provider_aliyunsms
from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient

ROOT = Path(airflow_provider_aliyunsms.__file__).parents[1]
COMMAND = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main"]
ADDRESS = "http://127.0.0.1:8025"
# from this version on it has --json
CURL = (7, 82)


def help_text():
    done = subprocess.run(
        [*COMMAND, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def examples(program):
    lines = [line.strip() for line in help_text().splitlines() if line.startswith(f"      {program} ")]
    # without an option, the name stands alone
    return lines + ([program] if f"\n      {program}\n" in help_text() else [])


@pytest.fixture(scope="module")
def help_shown():
    return help_text()


def test_every_option_is_in_a_group_that_says_what_it_is_about(help_shown):
    plain = help_shown.partition("options:\n")[2].partition("\n\n")[0]
    assert re.findall(r"--[a-z-]+", plain) == ["--help"]
    for title in ("where it listens:", "the account:", "how it behaves:", "what it keeps:"):
        assert f"\n{title}\n" in help_shown


def test_every_option_is_on_the_page_of_the_docs(help_shown):
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    options = set(re.findall(r"^  (--[a-z-]+)", help_shown, flags=re.MULTILINE))
    assert len(options) > 15
    assert {option for option in options if f"`{option}`" not in page} == set()


def test_a_default_is_shown_where_there_is_one(help_shown):
    for useless in ("None", "False", "[]"):
        assert f"default: {useless}" not in help_shown
    assert "default: 8025" in help_shown


def test_each_start_in_the_examples_starts(tmp_path, help_shown):
    starts = examples("aliyunsms-simulator")
    assert len(starts) == 4
    for line in starts:
        words = shlex.split(line)[1:]
        process = subprocess.Popen(
            [*COMMAND, *words, "--port", "0"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            url = process.stdout.readline().split()[-1].replace("0.0.0.0", "127.0.0.1")
            assert SimulatorClient(url).stats()["accepted"] == 0, line
        finally:
            process.kill()
            process.wait(10)
            process.stdout.close()


def test_each_call_in_the_examples_gets_an_answer(simulator, help_shown):
    shown = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"curl (\d+)\.(\d+)", shown.stdout)
    if version is None or tuple(map(int, version.groups())) < CURL:
        pytest.skip("without a curl of 7.82 or later")
    calls = examples("curl")
    assert len(calls) == 5
    for line in calls:
        words = shlex.split(line.replace(ADDRESS, simulator.url))
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, line
        json.loads(done.stdout)


def test_each_address_in_the_help_is_served(simulator, help_shown):
    addresses = set(re.findall(rf"{ADDRESS}/[^\s'\)]*", help_shown))
    assert len(addresses) > 5
    for address in addresses:
        response = requests.get(address.replace(ADDRESS, simulator.url), timeout=10)
        # the calls that change something are no GET
        assert response.status_code in (200, 405), address
