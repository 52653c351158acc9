# SPDX-License-Identifier: Apache-2.0
"""
The long test of several machines: every blow at random moments, and the result as a page of the documentation.

``python tests/distributed/long.py`` takes about 18 minutes on two cores; see ``--help``.
"""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from distributedkit import cluster as clusters
from distributedkit.lines import local_places, local_receipts, struck_campaigns
from distributedkit.page import as_page, as_text, put_into, summary
from judging import leaks

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"
CHINA = [50_000] * 4
GLOBE = [1_500, 1_500]
"""Recipients of each mapped send."""

IN_DATABASE, ON_STORAGE = False, True
PLANS = (
    (
        [("china", CHINA, IN_DATABASE), ("globe", GLOBE, IN_DATABASE)],
        ("kill -9 task", "kill -9 supervisor", "kill -9 a whole worker", "PostgreSQL away for 15 s"),
    ),
    (
        [("china", CHINA, IN_DATABASE)],
        (
            *("revoke at Celery", "Redis killed, back empty", "PostgreSQL killed and back"),
            *("freeze a whole worker, thaw", "scheduler killed and back"),
        ),
    ),
    (
        [("sharded", [sum(CHINA)], ON_STORAGE)],
        (
            *("kill -9 a whole worker", "freeze a whole worker, thaw", "kill -9 supervisor"),
            *("Redis away for 15 s", "warm shutdown of a worker"),
        ),
    ),
    (
        [("china", CHINA, IN_DATABASE)],
        (
            *("given out twice (visibility timeout)", "cleared in mid-send", "warm shutdown of a worker"),
            *("API server killed and back", "kill -9 a whole worker"),
        ),
    ),
    (
        [("globe", GLOBE, IN_DATABASE)],
        ("kill -9 task", "kill -9 a whole worker", "Redis killed, back empty", "PostgreSQL killed and back"),
    ),
    ([("globe", GLOBE, ON_STORAGE)], ("freeze a whole worker, thaw", "kill -9 supervisor")),
)
PLACES = {
    "local `ledger_path`, its machine dies": (local_places, 20_000),
    "local receipts, sensor on the other machine": (local_receipts, 500),
}


def main():
    """Run everything, print a line for each, write the page; the exit status says whether all was as promised."""
    arguments = _arguments()
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="aliyunsms-distributed-"))
    with clusters.running_cluster(folder=folder) as cluster:
        lines = []
        for plans, kinds in PLANS:
            for line in struck_campaigns(cluster, plans=plans, kinds=kinds, chance=chance):
                print(as_text(line), flush=True)
                lines.append(line)
        places = [(name, _place(cluster, name=name)) for name in PLACES]
        private = leaks(folder=folder, audiences=cluster.audiences)
        part = as_page(
            lines=lines,
            places=places,
            versions=_versions(),
            seed=arguments.seed,
            stats=cluster.gateway.client.stats(),
            limits={"SendBatchSms": clusters.CHINA_QPS, "BatchSendMessageToGlobe": clusters.GLOBE_QPS},
            redelivered=cluster.redelivered(),
        )
    print(summary(lines), flush=True)
    if private:
        print(f"phone numbers in: {private}", flush=True)
    arguments.page.write_text(put_into(arguments.page.read_text(encoding="utf-8"), part), encoding="utf-8")
    print(f"written: {arguments.page}", flush=True)
    if private or any(line.trouble for line in lines) or any("**" in result for _, result in places):
        print(f"logs, databases and journals are in {folder}", flush=True)
        return 1
    shutil.rmtree(folder)
    return 0


def _place(cluster, *, name):
    scenario, size = PLACES[name]
    if cluster.own_disk is None:
        return "not possible here: no mounts of its own for a process"
    problems = scenario(cluster, size=size)
    print(f"{name}: {problems or 'ok'}", flush=True)
    return f"**{'; '.join(problems)}**" if problems else "as promised"


def _versions():
    names = ("apache-airflow", "apache-airflow-providers-celery", "celery")
    servers = [
        subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=False).stdout
    ]
    redis = next((word.removeprefix("v=") for word in servers[0].split() if word.startswith("v=")), "")
    return [
        *(f"{name} {version(name)}" for name in names),
        f"Redis {redis}",
        f"Python {platform.python_version()}",
    ]


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--page", type=Path, default=PAGE)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
