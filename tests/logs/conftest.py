# SPDX-License-Identifier: Apache-2.0
"""One Airflow of real processes runs every task of ``dags/endings.py``; its real logs are what the tests read."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from launcher.airflow3 import Airflow3
from launcher.processes import wait_for

from airflow_provider_aliyunsms.simulator.server import running

DAGS = Path(__file__).parent / "dags"
DAG_ID = "endings"
ENDED = {"success", "failed", "skipped", "upstream_failed"}


@dataclass(frozen=True)
class Record:
    """One record of a task's log, as the UI reads it."""

    text: str
    level: str
    logger: str
    errors: list

    @property
    def is_ours(self):
        return self.logger.startswith("airflow_provider_aliyunsms")


@dataclass(frozen=True)
class Endings:
    """What became of the tasks."""

    states: dict
    folder: Path
    packets: list
    events: list

    def metrics(self, task_id):
        """Return the metrics of this package of one task, as name -> values."""
        found = defaultdict(list)
        for line in "\n".join(self.packets).splitlines():
            name, _, rest = line.partition(":")
            name, *tags = name.split(",")
            if name.startswith("airflow.aliyun_sms.") and f"task_id={task_id}" in tags:
                found[name.removeprefix("airflow.aliyun_sms.")].append(float(rest.partition("|")[0]))
        return found

    def lineage(self, task_id, kind, *, output=False):
        """Return the event of OpenLineage that one kind of change of a task made; with an output, if need be."""
        (event,) = [
            event
            for event in self.events
            if event["eventType"] == kind
            and event["job"]["name"] == f"{DAG_ID}.{task_id}"
            and (event["outputs"] or not output)
        ]
        return event

    def log(self, task_id, *, attempt=1):
        """Return the records of one try."""
        path = next(self.folder.glob(f"dag_id={DAG_ID}/**/task_id={task_id}/**/attempt={attempt}.log"))
        records = [json.loads(line) for line in path.read_text().splitlines()]
        return [
            Record(
                text=str(record.get("event", "")),
                level=record.get("level", ""),
                logger=record.get("logger", ""),
                errors=record.get("error_detail") or [],
            )
            for record in records
        ]

    def lines(self, task_id, **kwargs):
        """Return what this package logged in one try."""
        return [record.text for record in self.log(task_id, **kwargs) if record.is_ours]


class StatsdServer:
    """A StatsD server on loopback that keeps what it is sent."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.received = []
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        while packet := self._socket.recv(65536):
            self.received.append(packet.decode())

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


@contextmanager
def statsd():
    server = StatsdServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def endings(tmp_path_factory):
    """Run the DAG once; when the tests end, every process of it is gone."""
    folder = tmp_path_factory.mktemp("endings")
    data, home = folder / "data", folder / "airflow"
    data.mkdir()
    home.mkdir()
    rows = [*(f"1380000{n:04d},n{n}" for n in range(1, 201)), "13800000001,n1", "12,x"]
    (data / "audience.csv").write_text("\n".join(["phone_number,name", *rows]))
    with ExitStack() as stack:
        good = stack.enter_context(running(delivery_delay=0.0, record_lag=0.0, globe_qps=1000))
        strict = stack.enter_context(running(refuses_undefined=True))
        unclear = stack.enter_context(running(record_lag=3600))
        unclear.misbehave("drop_after", action="SendBatchSms", times=None)
        slow = stack.enter_context(running())
        slow.misbehave("delay", action="SendBatchSms", times=None, seconds=1.0)
        cut = stack.enter_context(running(record_lag=0.0))
        cut.misbehave("drop_after", action="SendBatchSms", times=1, skip=1)
        cut.misbehave("error_500", action="QuerySendDetails", times=30)
        packets = stack.enter_context(statsd())
        with sqlite3.connect(data / "people.db") as people:
            people.execute("CREATE TABLE people (phone_number TEXT)")
            people.executemany("INSERT INTO people VALUES (?)", [(f"1380000{n:04d}",) for n in range(1, 31)])
        airflow = Airflow3(
            folder=home,
            dags=DAGS,
            dag_ids={DAG_ID},
            connections={
                "aliyun_sms_default": good.url,
                "strict": strict.url,
                "unclear": unclear.url,
                "slow": slow.url,
                "cut": cut.url,
                "nowhere": "http://127.0.0.1:9",
            },
            settings={
                "LOG_TEST_FOLDER": str(data),
                "AIRFLOW_CONN_NOBODY": json.dumps({"conn_type": "aliyun_sms", "host": good.url}),
                "AIRFLOW_CONN_FORGED": json.dumps(
                    {"conn_type": "aliyun_sms", "host": good.url, "login": "testid", "password": "another"}
                ),
                "AIRFLOW_CONN_PEOPLE": json.dumps({"conn_type": "sqlite", "host": str(data / "people.db")}),
                "AIRFLOW__METRICS__STATSD_ON": "True",
                "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
                "AIRFLOW__METRICS__STATSD_PORT": str(packets.port),
                "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                    {"type": "file", "log_file_path": str(folder / "lineage.jsonl"), "append": True}
                ),
                "AIRFLOW__CORE__PARALLELISM": "4",
                "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            },
        )
        try:
            airflow.start()
            states = _run(airflow)
            lineage = (folder / "lineage.jsonl").read_text()
            yield Endings(
                states=states,
                folder=airflow.log_folder,
                packets=packets.received,
                events=[json.loads(line) for line in lineage.splitlines()],
            )
        finally:
            airflow.end()


def _run(airflow):
    run_id = airflow.trigger(DAG_ID)
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances"

    def states():
        instances = airflow.get(path, params={"limit": 100})["task_instances"]
        return {each["task_id"]: each["state"] for each in instances}

    def is_over():
        found = states()
        return found if found and set(found.values()) <= ENDED else None

    wait_for(lambda: states().get("killed") == "running", timeout=600, what="a task is there to be killed")
    wait_for(lambda: _has_begun(airflow, run_id), timeout=200, what="it sends")
    wait_for(
        lambda: _is_marked(airflow, f"{path}/killed"), timeout=60, what="a person has marked it as failed"
    )
    found = wait_for(is_over, timeout=1200, what="every task has ended")
    wait_for(lambda: "Task killed" in _log(airflow, run_id, "killed"), timeout=60, what="it is killed")
    return found


def _is_marked(airflow, path):
    # A busy SQLite refuses the change now and then, as it would refuse a person, who tries again.
    try:
        airflow.call("PATCH", path, json={"new_state": "failed"})
    except AssertionError as error:
        if "Database error" not in str(error):
            raise
        return False
    return True


def _has_begun(airflow, run_id):
    return " settled" in _log(airflow, run_id, "killed")


def _log(airflow, run_id, task_id):
    return "".join(
        path.read_text()
        for path in airflow.log_folder.glob(f"dag_id=*/run_id={run_id}/task_id={task_id}/*.log")
    )
