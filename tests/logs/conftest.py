# SPDX-License-Identifier: Apache-2.0
"""One Airflow of real processes runs every task of ``dags/endings.py``; its real logs are what the tests read."""

from __future__ import annotations

import json
from contextlib import ExitStack
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
        airflow = Airflow3(
            folder=home,
            dags=DAGS,
            dag_ids={DAG_ID},
            connections={
                "aliyun_sms_default": good.url,
                "strict": strict.url,
                "unclear": unclear.url,
                "slow": slow.url,
                "nowhere": "http://127.0.0.1:9",
            },
            settings={
                "LOG_TEST_FOLDER": str(data),
                "AIRFLOW_CONN_NOBODY": json.dumps({"conn_type": "aliyun_sms", "host": good.url}),
                "AIRFLOW_CONN_FORGED": json.dumps(
                    {"conn_type": "aliyun_sms", "host": good.url, "login": "testid", "password": "another"}
                ),
                "AIRFLOW__CORE__PARALLELISM": "4",
                "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            },
        )
        try:
            airflow.start()
            yield Endings(states=_run(airflow), folder=airflow.log_folder)
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

    wait_for(lambda: states().get("killed") == "running", timeout=200, what="a task is there to be killed")
    wait_for(lambda: _has_begun(airflow, run_id), timeout=60, what="it sends")
    airflow.call("PATCH", f"{path}/killed", json={"new_state": "failed"})
    found = wait_for(is_over, timeout=240, what="every task has ended")
    wait_for(lambda: "Task killed" in _log(airflow, run_id, "killed"), timeout=60, what="it is killed")
    return found


def _has_begun(airflow, run_id):
    return " settled" in _log(airflow, run_id, "killed")


def _log(airflow, run_id, task_id):
    return "".join(
        path.read_text()
        for path in airflow.log_folder.glob(f"dag_id=*/run_id={run_id}/task_id={task_id}/*.log")
    )
