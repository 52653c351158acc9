# SPDX-License-Identifier: Apache-2.0
"""
The benchmarks run: a small run of each, so that a change of the engine that breaks one is noticed at once.

What compares with other packages needs these, and is not run here: the clients of ``bench_call``, the limiters of
``bench_pacing``, the pool and loop of ``bench_campaign`` and the bare call of ``bench_small``. What each of them
measures of ours is.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
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
    assert row["start_s"] > 0
    assert row["load_s"] > 0
    assert row["settle_s"] > 0
    assert row["start_s"] + row["load_s"] + row["settle_s"] <= row["resumed_s"] + 0.05
    text = resume({"chunk": 100, "queries": 3, "rows": [row]})
    assert f"| 0.1 s   | 4         | 2,400      | 1     | {row['rest_s']}" in text


def test_loading_of_each_form_and_its_section_of_the_page():
    from benchkit.audiences import KINDS
    from benchkit.sections import loading

    bench_loading = importlib.import_module("bench_loading")
    rows = [
        {"kind": kind, "cpu_us": bench_loading.measure(kind, size=300), "ratio": ratio}
        for kind, ratio in zip(KINDS, (1, 1.4, 1.5, 1.6), strict=True)
    ]
    assert all(row["cpu_us"] > 0 for row in rows)
    text = loading({"size": 300, "rounds": 1, "rows": rows})
    assert [text.count(word) for word in ("reached", "missed")] == [2, 1]


def test_the_stages_of_a_campaign_add_up(server):
    from benchkit.sections import stages
    from benchkit.stages import STAGES

    bench_stages = importlib.import_module("bench_stages")
    found = bench_stages.measure(server.url, kind="list of mappings", size=1000)
    assert len(server.arrivals()) == 10
    assert {name for name, spent in found["stages_us"].items() if spent > 0} == set(STAGES)
    assert 0.7 < sum(found["stages_us"].values()) / found["whole_us"] <= 1.01
    row = bench_stages.row("list of mappings", [found])
    text = stages({"size": 1000, "rounds": 1, "rows": [row], "system_calls": 7.5})
    assert "7.5 system calls" in text
    assert all(f"| {name} " in text for name in STAGES)


def test_a_stage_whose_function_is_gone_is_an_error(monkeypatch):
    from benchkit import stages

    monkeypatch.setattr(stages, "PLACES", {"campaign.run:Campaign.gone": stages.RESULT})
    with pytest.raises(AttributeError, match="gone"):
        stages.replace_all(stages.StageClock())


def test_the_time_of_a_stage_is_not_that_of_one_within_it():
    from benchkit.stages import HTTP, SPOOL, StageClock

    def work():
        began = time.thread_time()
        while time.thread_time() - began < 0.02:
            pass

    clock = StageClock()
    inner = clock(HTTP, work)

    def outer():
        yield inner()
        yield work()

    assert [*clock(SPOOL, outer)()] == [None, None]
    seconds = clock.seconds()
    assert (0.02 <= seconds[HTTP] < 0.035, 0.02 <= seconds[SPOOL] < 0.035) == (True, True)


def test_parsing_of_a_file_with_campaigns(tmp_path):
    found = importlib.import_module("bench_parse").measure(("campaigns", "nothing"), rounds=2, home=tmp_path)
    assert {name: [each["tasks"] for each in figures] for name, figures in found.items()} == {
        "campaigns": [100, 100],
        "nothing": [0, 0],
    }
    assert all(each["seconds"] > 0 for figures in found.values() for each in figures)


def test_the_goals_at_the_top_of_the_page_are_there_measured_or_not():
    from benchkit.goals import goals

    unknown = goals({})
    assert unknown.count("not measured") == len(unknown.split("| ---")[-1].splitlines()) - 1
    campaign = {
        "plain": [
            {"latency_ms": 50, "size": 50_000, "ours": {"to_plain": 0.7}, "ours_dag_test": {"to_plain": 0.71}}
        ],
        "ratios": [{"latency_ms": 0, "size": 10_000, "to_pool": 1.1}],
        "ledger": [{"latency_ms": 0, "ratio": 1.11}],
    }
    rows = [{"messages": 100_000, "calls": 100_000, "seconds": 40, "lag_p99_ms": 20.1}]
    text = goals({"campaign": campaign, "sensor": {"rows": rows}})
    judged = [line.split("|")[1:5] for line in text.splitlines() if "reached  " in line or "missed" in line]
    assert [(float(measured), word.strip()) for _, _, measured, word in judged] == [
        (0.7, "reached"),
        (0.71, "missed"),
        (1.1, "reached"),
        (1.11, "missed"),
        (2500, "reached"),
        (20.1, "missed"),
    ]


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
