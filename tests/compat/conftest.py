# SPDX-License-Identifier: Apache-2.0
"""
The provider as an installation sees it, on whichever Airflow and Python runs this.

Nothing here imports Airflow: every question goes to a process of its own, in a scratch home. So these files run
alike in the environments of ``make compat`` and in ``make test``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent


class Simulator:
    """The gateway's control API; its own client needs FastAPI, which an old Airflow brings too old or not at all."""

    def __init__(self, url):
        self.url = url

    def reset(self):
        self._call("POST", "/reset", {})
        self._call("POST", "/options", {"delivery_delay": 0, "record_lag": 0, "globe_qps": 1000})

    def deliver_after(self, seconds):
        self._call("POST", "/options", {"delivery_delay": seconds})

    def delay(self, *, times, seconds):
        """Answer the next sends late; they are taken all the same."""
        fault = {"fault": "delay", "action": "SendBatchSms", "times": times, "seconds": seconds}
        self._call("POST", "/misbehave", fault)

    def counts(self):
        """Give phone -> number of messages on it."""
        return self._call("GET", "/counts")

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/_simulator{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        # a proxy from the environment must not come between a test and loopback
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


class Run(NamedTuple):
    """
    What became of a DAG run.

    :param states: task -> state; a mapped task instance is named ``task[0]``.
    :param tries: the same keys -> number of tries.
    :param rendered: the stored rendered templates, as one text.
    :param output: everything that was printed and logged, but for what "dags test" of Airflow 3.0 says to debug
        itself: it shows every XCom, and receipts are one. A worker there logs nothing below INFO.
    """

    states: dict[str, str]
    tries: dict[str, int]
    rendered: str
    output: str


class Installation:
    """An Airflow of its own: home, database, connection to the simulator."""

    def __init__(self, *, home, simulator):
        self.home = home
        self.version = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON"))
        }
        self.environment |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0",
            "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "airflow.*",
            "AIRFLOW_CONN_ALIYUN_SMS_DEFAULT": connection(simulator.url),
            "AIRFLOW_CONN_WRONG_SECRET": connection(simulator.url, password="wrongsecret"),
            "COMPAT_SCRATCH": str(home),
            "COLUMNS": "300",
            # nothing is written beside the DAGs; a dozen processes share what the first one compiles
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", str(home / "pycache")),
        }

    def python(self, *arguments, check=True):
        """Run this environment's Python far from the checkout; gives what it printed and logged."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done.stdout

    def answer(self, code):
        """Run a few lines of Python; gives the JSON they print last."""
        return json.loads(self.python("-c", code).splitlines()[-1])

    def dags_test(self, dag_id):
        """Run a DAG to its end by ``airflow dags test``."""
        # a failed run is an answer, too
        output = self.python("-m", "airflow", "dags", "test", dag_id, check=False)
        instances = self._rows(
            "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = ?", dag_id
        )
        assert instances, output
        names = {(task, index): task if index < 0 else f"{task}[{index}]" for task, index, *_ in instances}
        rendered = self._rows(
            "SELECT task_id, rendered_fields FROM rendered_task_instance_fields WHERE dag_id = ?", dag_id
        )
        return Run(
            states={names[task, index]: state for task, index, state, _ in instances},
            tries={names[task, index]: tries for task, index, _, tries in instances},
            rendered="\n".join(f"{task}: {fields}" for task, fields in rendered),
            output="\n".join(line for line in output.splitlines() if "[debug " not in line),
        )

    def result(self, name):
        """Read what a DAG's last task wrote down."""
        return json.loads((self.home / f"{name}.json").read_text())

    def reschedules(self):
        """Count how often a sensor asked to be woken up later."""
        ((number,),) = self._rows("SELECT count(*) FROM task_reschedule")
        return number

    def _rows(self, query, *parameters):
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            return database.execute(query, parameters).fetchall()


def connection(url, *, password="testsecret"):
    return json.dumps(
        {
            "conn_type": "aliyun_sms",
            "login": "testid",
            "password": password,
            "host": url,
            "extra": {"sign_name": "测试"},
        }
    )


@pytest.fixture(scope="session")
def gateway():
    """Use the simulator that ``make compat`` names, or run one; a real process either way."""
    if url := os.environ.get("COMPAT_SIMULATOR"):
        yield Simulator(url)
        return
    command = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield Simulator(process.stdout.readline().split()[-1])
        process.terminate()


@pytest.fixture
def simulator(gateway):
    gateway.reset()
    return gateway


@pytest.fixture(scope="session")
def airflow(gateway, tmp_path_factory):
    installation = Installation(home=tmp_path_factory.mktemp("airflow"), simulator=gateway)
    installation.python("-m", "airflow", "db", "migrate")
    return installation


@pytest.fixture
def measured(record_property):
    """Give a function that notes what works here; ``make compat`` makes a table of it."""
    return lambda what, value: record_property("measured", json.dumps([what, value]))
