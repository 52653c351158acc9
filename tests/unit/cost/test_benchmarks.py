# SPDX-License-Identifier: Apache-2.0
"""
The benchmarks run: a small run of each, so that a change of the engine that breaks one is noticed at once.

What compares with other packages needs these, and is not run here: the clients of ``bench_call``, the limiters of
``bench_pacing`` and the pool and loop of ``bench_campaign``. What each of them measures of ours is.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def server():
    from benchkit.servers import bare_server

    with bare_server() as server:
        yield server


def test_one_call(server):
    from benchkit.clients_ours import our_client
    from benchkit.sample import SIGN_NAME, TEMPLATE_CODE, number

    response = our_client(server.url).send_batch_sms(
        phone_numbers=[number(1)], sign_names=[SIGN_NAME], template_code=TEMPLATE_CODE
    )
    assert response.biz_id
    assert len(server.arrivals()) == 1


def test_memory_of_a_campaign(server):
    row = importlib.import_module("bench_memory")._measure(server.url, 300)
    assert (row["size"], row["peak_mb"] > 10, row["cpu_seconds"] > 0) == (300, True, True)
    assert len(server.arrivals()) == 3


def test_pace_of_a_campaign(server, tmp_path):
    from benchkit.sample import write_csv
    from benchkit.windows import worst_window

    audience = write_csv(tmp_path / "audience.csv", 31)
    command = ["--url", server.url, "--audience", audience, "--folder", tmp_path, "--ledger"]
    command += ["--max-qps", 20, "--chunk-size", 1]
    subprocess.run(
        [sys.executable, "-m", "benchkit.engine", *map(str, command)], cwd=BENCHMARKS, check=True, timeout=60
    )
    arrivals = server.arrivals()
    assert len(arrivals) == 31
    assert worst_window(arrivals) <= 20


def test_sensor():
    row = importlib.import_module("bench_sensor")._measure(50)
    assert (row["messages"], row["calls"]) == (50, 50)


def test_resume_after_a_kill_and_its_section_of_the_page():
    bench_resume = importlib.import_module("bench_resume")
    from benchkit.sections import resume

    row = bench_resume.measure(bench_resume.Case(latency=0.1, width=4, calls=24))
    assert row["queries"] > 0
    assert 0 < row["sends"] <= 24
    text = resume({"chunk": 100, "queries": 3, "rows": [row]})
    assert f"| 0.1 s   | 4         | 2,400      | 1     | {row['rest_s']}" in text


DAGS = """
import gc, json, runpy, sys
from types import SimpleNamespace
found = runpy.run_path("dags/bench_ours.py")
from benchkit.measured import begin, end
context = {"dag_run": SimpleNamespace(conf={"result": sys.argv[1]})}
begin(context)
end(context, {"accepted": 7})
kinds = {dag.dag_id: dag.tasks for dag in gc.get_objects() if isinstance(dag, found["DAG"])}
print(json.dumps({name: [task.durable for task in tasks] for name, tasks in kinds.items()}))
"""


def test_the_dag_of_a_campaign_in_airflow_and_what_it_measures(tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", DAGS, str(tmp_path / "result.json")],
        cwd=BENCHMARKS,
        env=clean | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(BENCHMARKS)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "ours": [True],
        "ours_without_ledger": [False],
    }
    assert json.loads((tmp_path / "result.json").read_text())["accepted"] == 7
