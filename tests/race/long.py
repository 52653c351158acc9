# SPDX-License-Identifier: Apache-2.0
"""
Processes that start one campaign together, and processes that are killed: nobody gets two messages, nobody none.

``python tests/race/long.py --rounds 300 --storage local`` takes about nine minutes on two cores; see ``--help``.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from racekit.rounds import kill_again_and_again, race
from racekit.worlds import STORAGES, world


def main():
    """Run what is asked for, print what came of it; the exit status says whether all was as promised."""
    arguments = _arguments()
    # As after Ctrl-C: gateway and storage are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))
    folder = Path(tempfile.mkdtemp(prefix="aliyunsms-race-"))
    _scratch_airflow(folder)
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}", flush=True)
    with world(folder=folder, storage=arguments.storage) as shared:
        verdicts = [
            *_races(shared, rounds=arguments.rounds, chance=chance),
            *_kills(shared, kills=arguments.kills, chance=chance),
        ]
    trouble = [verdict for verdict in verdicts if verdict.trouble]
    for verdict in trouble:
        print(f"TROUBLE: {verdict.trouble}")
    if trouble:
        print(f"ledgers and logs are in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _races(shared, *, rounds, chance):
    work = (partial(race, shared, processes=chance.choice([2, 2, 3]), chance=chance) for _ in range(rounds))
    return _run(work, what="rounds")


def _kills(shared, *, kills, chance):
    each = min(4, kills)
    campaigns = -(-kills // each) if kills else 0
    work = (partial(kill_again_and_again, shared, kills=each, chance=chance) for _ in range(campaigns))
    return _run(work, what="killed campaigns")


def _run(work, *, what):
    began, verdicts = time.monotonic(), []
    for each in work:
        verdicts.append(each())
        if len(verdicts) % 5 == 0:
            print(_line(verdicts, what=what, seconds=time.monotonic() - began), flush=True)
    if verdicts:
        print(_line(verdicts, what=what, seconds=time.monotonic() - began), flush=True)
    return verdicts


def _line(verdicts, *, what, seconds):
    return (
        f"{len(verdicts)} {what}, {sum(verdict.kills for verdict in verdicts)} kills: "
        f"{sum(verdict.duplicates > 0 for verdict in verdicts)} with duplicates, "
        f"{sum(verdict.duplicates for verdict in verdicts)} duplicates, "
        f"{sum(verdict.losses for verdict in verdicts)} losses, "
        f"{sum(verdict.trouble is not None for verdict in verdicts)} with trouble; {seconds:.0f} s"
    )


def _scratch_airflow(folder):
    """Give the Airflow of this process a home of its own; nothing of it may have been imported."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(AIRFLOW_HOME=str(folder), AIRFLOW__CORE__UNIT_TEST_MODE="False")
    # Before the first fork: who still imports something would be late in the race.
    import ossfs  # noqa: F401
    import s3fs  # noqa: F401
    from airflow.sdk import ObjectStoragePath  # noqa: F401

    import airflow_provider_aliyunsms

    for module in walk_packages(airflow_provider_aliyunsms.__path__, "airflow_provider_aliyunsms."):
        if ".simulator" not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)
    logging.disable(logging.CRITICAL)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="campaigns that processes start together")
    parser.add_argument("--kills", type=int, default=0, help="kills in mid-campaign")
    parser.add_argument("--storage", choices=STORAGES, default="local")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
