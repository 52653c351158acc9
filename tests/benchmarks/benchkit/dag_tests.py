# SPDX-License-Identifier: Apache-2.0
"""
Campaigns run by ``DAG.test``: all of Airflow that they need is in one process, without scheduler and API server.

One run, in the environment that :class:`DagTests` makes::

    python -m benchkit.dag_tests --dag ours --conf '{"audience": "audience.csv", ...}'
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from benchkit.children import figures_of
from benchkit.servers import KIT

sys.path.insert(0, str(KIT.parent / "support"))

from launcher.environment import clean_environment, common_settings, connection


class DagTests:
    """
    Run the DAGs of one file by ``DAG.test``, each time in a process of its own.

    :param folder: the home of an Airflow that nobody else uses.
    :param file: the DAG file.
    :param connections: connection id to the address of a server.
    """

    def __init__(self, *, folder, file, connections):
        self._folder = Path(folder)
        # Alone in its folder: the process parses all that is there, and what another file imports would be loaded
        # before the task begins.
        dags = self._folder / "dags"
        dags.mkdir(parents=True)
        shutil.copy(file, dags)
        self._runs = 0
        self._environment = (
            clean_environment()
            | common_settings(folder=folder, python=sys.executable, dags=dags)
            | {"AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48)}
        )
        for conn_id, url in connections.items():
            self._environment |= connection(url, conn_id=conn_id)
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=self._environment, check=True, capture_output=True, timeout=300)

    def measure(self, dag_id, *, audience, connection, url):
        """Run a campaign and return what its ``execute`` took."""
        self._runs += 1
        conf = {
            "audience": str(audience),
            "connection": connection,
            "url": url,
            "result": str(self._folder / f"result-{self._runs}.json"),
            "receipts": str(self._folder / f"receipts-{self._runs}.jsonl"),
        }
        asked = ("--dag", dag_id, "--conf", json.dumps(conf))
        figures = figures_of("dag_tests", *asked, environment=self._environment, quiet=True)
        Path(conf["receipts"]).unlink(missing_ok=True)
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dag", required=True)
    parser.add_argument("--conf", required=True)
    options = parser.parse_args()
    conf = json.loads(options.conf)
    # the logs of a task go to the standard output, whose last line are the figures
    with redirect_stdout(sys.stderr):
        from airflow.dag_processing.dagbag import DagBag

        DagBag().dags[options.dag].test(run_conf=conf)
    print(Path(conf["result"]).read_text())


if __name__ == "__main__":
    main()
