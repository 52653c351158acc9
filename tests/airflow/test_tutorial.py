# SPDX-License-Identifier: Apache-2.0
"""
The tutorial's commands do what the page shows.

All but the kill, for which Airflow has to be several processes: ``tests/crash`` does that. The gateway is another
one, on a port of its own, and the campaign is not slowed down.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_aliyunsms.codes import LocalCode

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
SLOWLY = "max_qps=2, "
ASKED = "max_qps=500"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def command(beginning):
    """Give the one command that begins so."""
    (found,) = [block for block in blocks("bash") if block.startswith(beginning)]
    return found


def shown(beginning):
    """Give the one output that begins so."""
    (found,) = [block for block in blocks("text") if block.startswith(beginning)]
    return found


@pytest.fixture
def folder(tmp_path):
    """Make the audience as the page does."""
    subprocess.run(["bash", "-c", command("awk")], cwd=tmp_path, check=True)
    return tmp_path


def bash(text, *, folder, simulator):
    there = text.replace("http://127.0.0.1:8025", simulator.url).replace("python -m", f"{sys.executable} -m")
    done = subprocess.run(
        ["bash", "-c", there], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_file_is_reported_as_shown(folder, simulator):
    report = bash(
        command("python -m airflow_provider_aliyunsms.audience"), folder=folder, simulator=simulator
    )
    assert report == shown("format: CSV")


@pytest.mark.airflow
@pytest.mark.usefixtures("aliyun_connection")
def test_two_lost_answers_and_nobody_got_two(folder, simulator, run_dag):
    (code,) = blocks("python")
    assert SLOWLY in code
    assert ASKED in code
    (folder / "dags").mkdir()
    dag = folder / "dags" / "spring.py"
    dag.write_text(
        code.replace(SLOWLY, "").replace(ASKED, "max_qps=None, max_concurrency=32"), encoding="utf-8"
    )
    template = command("curl -s http://127.0.0.1:8025/_simulator/templates")
    bash(template, folder=folder, simulator=simulator)
    lost, _, trigger = command("curl -s http://127.0.0.1:8025/_simulator/misbehave").rpartition(
        "airflow dags"
    )
    assert trigger.strip() == "trigger spring"
    bash(lost, folder=folder, simulator=simulator)

    outcome = run_dag(dag)

    assert outcome.state == "success"
    assert outcome.xcom("delivered")["delivered"] == 8000
    duplicates = bash(command("curl -s 'http://127.0.0.1:8025"), folder=folder, simulator=simulator)
    assert duplicates == shown("{}").strip()
    counted = json.loads(
        bash(command("curl -s http://127.0.0.1:8025/_simulator/stats"), folder=folder, simulator=simulator)
    )
    told = json.loads(shown('{"requests"'))
    same = ("accepted", "refused", "distinct_numbers", "duplicates", "faults_played", "open_faults")
    assert {name: counted[name] for name in same} == {name: told[name] for name in same}
    assert counted["requests"]["SendBatchSms"] == told["requests"]["SendBatchSms"] == 80
    message = simulator.messages(number="13800001234")[0]
    assert message["content"] == "【阿里云】Member 1234, spring is here: 15 % off with SPRING15."
    last = bash(command("tail"), folder=folder, simulator=simulator).splitlines()
    assert [line.rpartition(",")[0] for line in last] == [
        line.rpartition(",")[0] for line in shown("'+86").splitlines()
    ]
    assert LocalCode.DUPLICATE.value in last[0]
