# SPDX-License-Identifier: Apache-2.0
"""
The long crash test: dozens of kills at random moments, and the result as a page of the documentation.

``python tests/crash/long.py`` takes about 25 minutes on two cores; see ``--help``.
"""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import sys
import tempfile
import time
import traceback
from functools import partial
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from crashkit import scenarios_airflow as people
from crashkit import scenarios_around as around
from crashkit import scenarios_ledger as ledgers
from crashkit.campaigns import Line, killed_campaign
from crashkit.report import as_page, as_text, summary_line
from crashkit.worlds import LATENCY, both_worlds
from judging import leaks
from launcher import airflow2_environment
from launcher.s3 import BUCKET

KILLED = (
    ("china", 4000, ("kill -9 task", "kill -9 supervisor", "SIGTERM task", "kill -9 task")),
    ("china", 4000, ("kill -9 supervisor", "kill -9 task", "kill -9 scheduler", "kill -9 task")),
    ("china", 4000, ("SIGTERM supervisor", "kill -9 both", "kill -9 task")),
    ("china", 4000, ("freeze both, thaw", "kill -9 task", "freeze supervisor, thaw")),
    ("china", 4000, ("kill -9 task", "kill -9 task", "kill -9 task", "kill -9 supervisor")),
    ("globe", 1500, ("kill -9 task", "SIGTERM task", "kill -9 supervisor")),
    ("globe", 1500, ("kill -9 supervisor", "kill -9 scheduler", "kill -9 task")),
)
KILLED_WITH_PATH = (
    ("china", 4000, ("kill -9 supervisor", "kill -9 task", "freeze both, thaw")),
    ("globe", 1500, ("kill -9 task", "freeze supervisor, thaw")),
)
KILLED_WITH_S3 = (
    ("china", 4000, ("kill -9 supervisor", "kill -9 task", "kill -9 both", "SIGTERM task")),
    ("china", 4000, ("kill -9 task", "kill -9 task", "kill -9 task", "freeze both, thaw")),
)
KILLED_ON_AIRFLOW_2 = (
    ("china", 4000, ("kill -9 task", "kill -9 supervisor", "SIGTERM task")),
    ("china", 4000, ("kill -9 scheduler", "kill -9 supervisor")),
    ("globe", 1500, ("kill -9 task", "kill -9 supervisor")),
)
SCENARIOS = {
    "Clear of a succeeded task": partial(people.clear_a_finished_task, size=1000),
    "marked failed in mid-send, then cleared": partial(people.mark_failed_in_mid_send, size=3000),
    "cleared in mid-send": partial(people.clear_in_mid_send, size=4000),
    "killed before it had a ledger": partial(people.die_before_it_begins, size=1000),
    "execution_timeout, again and again": partial(people.time_out, size=4000),
    "API server killed, started at once": partial(
        people.kill_the_api_server, size=3000, wait_for_death=False
    ),
    "API server killed, back when the task has stopped": partial(
        people.kill_the_api_server, size=3000, wait_for_death=True
    ),
    "DAG processor killed and started": partial(people.kill_the_dag_processor, size=3000),
    "gateway killed and back": partial(around.restart_the_gateway, dag_id="china", size=3000, most_unknown=0),
    "gateway killed and back, Globe": partial(
        around.restart_the_gateway, dag_id="globe", size=1500, most_unknown=50
    ),
    "frozen in the middle of a ledger_path write, thawed": partial(
        ledgers.freeze_in_the_middle_of_a_write, size=6000
    ),
    "spool may not grow (RLIMIT_FSIZE), then it may": partial(around.limited_spool, size=3000),
    "spool's disk full, then freed": partial(around.full_disk, size=3000),
    "spool's disk fills up in mid-send and stays full": partial(around.disk_fills_up_in_mid_send, size=3000),
}


def main():
    """Run everything, print a line for each, write the page; the exit status says whether all was as promised."""
    arguments = _arguments()
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="aliyunsms-crash-"))
    current = version("apache-airflow")
    versions = [f"Airflow {current}", f"Python {platform.python_version()}"]
    lines, private = _on_current(folder=folder / "current", airflow=current, chance=chance)
    if not arguments.without_airflow2:
        python = arguments.airflow2_python or airflow2_environment.build(folder / "environment")
        versions.insert(1, f"Airflow {airflow2_environment.VERSION}")
        more, found = _on_airflow_2(folder=folder / "airflow2", python=python, chance=chance)
        lines += more
        private += found
    print(summary_line(lines), flush=True)
    if private:
        print(f"phone numbers in: {private}", flush=True)
    arguments.report.write_text(
        as_page(lines=lines, versions=versions, seed=arguments.seed, latency=LATENCY, private=private)
    )
    print(f"written: {arguments.report}", flush=True)
    if private or any(line.trouble for line in lines):
        print(f"logs, databases and journals are in {folder}", flush=True)
        return 1
    shutil.rmtree(folder)
    return 0


def _on_current(*, folder, airflow, chance):
    folder.mkdir()
    with both_worlds(folder=folder) as worlds:
        lines = [_killed(worlds, airflow=airflow, chance=chance, plan=plan) for plan in KILLED]
        where = {"ledger": str(folder / "ledger")}
        for plan in KILLED_WITH_PATH:
            lines.append(_killed(worlds, airflow=airflow, chance=chance, plan=plan, **where))
        for plan in KILLED_WITH_S3:
            lines.append(
                _killed(worlds, airflow=airflow, chance=chance, plan=plan, ledger=f"s3://{BUCKET}/crash")
            )
        for name, scenario in SCENARIOS.items():
            line = _line(name=name, airflow=airflow, work=partial(scenario, worlds), worlds=worlds)
            lines += [line] if line else []
        return lines, leaks(folder=folder, audiences=worlds.audiences)


def _on_airflow_2(*, folder, python, chance):
    folder.mkdir()
    airflow = airflow2_environment.VERSION
    with both_worlds(folder=folder, airflow2_python=python) as worlds:
        where = {"ledger": str(folder / "ledger")}
        lines = [
            _killed(worlds, airflow=airflow, chance=chance, plan=plan, **where)
            for plan in KILLED_ON_AIRFLOW_2
        ]
        return lines, leaks(folder=folder, audiences=worlds.audiences)


def _killed(worlds, *, airflow, chance, plan, **conf):
    dag_id, size, kinds = plan

    def work():
        return killed_campaign(worlds, dag_id=dag_id, size=size, kinds=kinds, chance=chance, **conf)

    name = f"{dag_id}, ledger_path" if conf else dag_id
    if conf.get("ledger", "").startswith("s3:"):
        name += " on S3"
    return _line(name=name, airflow=airflow, work=work, worlds=worlds)


def _line(*, name, airflow, work, worlds):
    """Do one thing and say what came of it; trouble in it does not keep the others from being tried."""
    began = time.monotonic()
    kills, verdict, trouble = (), None, None
    try:
        result = work()
        if result is None:
            print(f"{name}: not possible here", flush=True)
            return None
        verdict = result[-1] if isinstance(result, tuple) else result
        kills = result[0] if isinstance(result, tuple) else ()
        trouble = "; ".join(verdict.complaints) or None
    except Exception as error:  # noqa: BLE001 - it becomes the line's result
        traceback.print_exc()
        trouble = f"{type(error).__name__}: {str(error)[:200]}"
    run = worlds.latest
    line = Line(
        name=name,
        airflow=airflow,
        kills=kills,
        tries=run.tries() if run and run.run_id else 0,
        verdict=verdict,
        seconds=time.monotonic() - began,
        trouble=trouble,
    )
    print(as_text(line), flush=True)
    return line


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--report", type=Path, default=Path(__file__).parents[2] / "docs" / "crash-test.md")
    parser.add_argument(
        "--airflow2-python", type=Path, help="an interpreter with Airflow 2, instead of building one"
    )
    parser.add_argument("--without-airflow2", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
