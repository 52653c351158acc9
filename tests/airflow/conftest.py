# SPDX-License-Identifier: Apache-2.0
"""
A real Airflow in this process: a scratch home, a SQLite database, a simulator on loopback.

Airflow reads its environment at the first import, so everything up to the marked line must stay above
any import of it; test modules here may import Airflow freely, modules elsewhere that are collected
before must not.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient


def _scratch_airflow_home() -> Path:
    if "airflow.configuration" in sys.modules:
        raise pytest.UsageError(
            "Airflow was imported before tests/airflow/conftest.py could give it a scratch home"
        )
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="aliyunsms-airflow-")).resolve()
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    dags = home / "dags"
    dags.mkdir()
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(dags),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        AIRFLOW__CORE__TEST_CONNECTION="Enabled",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(home / "logs"),
        # a retry that waits longer than this is a test that sleeps
        AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="1",
    )
    return home


AIRFLOW_HOME = _scratch_airflow_home()
# ---- Airflow may be imported from here on, inside functions, so that collection stays quick ----


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Give the scratch home; everything in it goes when the process ends."""
    return AIRFLOW_HOME


@pytest.fixture(scope="session")
def airflow_db(airflow_home: Path) -> Path:
    """Create the database, once per process."""
    from airflow.utils.db import initdb

    initdb()
    return airflow_home / "airflow.db"


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """
    Give a function that defines a connection by environment variable, as a deployment would.

    Call it as ``set_connection(login=..., password=..., host=..., extra={...}, conn_id=...)``.
    """

    def define(*, conn_id: str = "aliyun_sms_default", **fields: Any) -> None:
        value = json.dumps({"conn_type": "aliyun_sms", **fields})
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", value)

    return define


@pytest.fixture
def simulator() -> Iterator[SimulatorClient]:
    """
    Run a simulator of both APIs on loopback that knows ``testid`` / ``testsecret``, fresh for each test.

    It delivers at once and lets Globe calls through faster than the real one; a test about pacing or late
    receipts says so with ``simulator.options(globe_qps=1, delivery_delay=2)``.
    """
    from airflow_provider_aliyunsms.simulator.server import running

    with running(delivery_delay=0.0, record_lag=0.0, globe_qps=1000) as client:
        yield client


@pytest.fixture
def aliyun_connection(simulator: SimulatorClient, set_connection: Callable[..., None]) -> str:
    """Point the default connection at the simulator; gives the connection id."""
    set_connection(login="testid", password="testsecret", host=simulator.url)
    return "aliyun_sms_default"


@dataclass(frozen=True, slots=True)
class DagOutcome:
    """
    What became of one DAG run.

    :param state: the run's state, ``success`` or ``failed``.
    :param states: task id -> state; a mapped task instance is named ``task_id[0]``.
    :param tries: the same keys -> number of tries made.
    :param xcoms: the same keys -> key -> value, as a downstream task would pull it.
    """

    run_id: str
    state: str
    states: dict[str, str]
    tries: dict[str, int]
    xcoms: dict[str, dict[str, Any]]

    def xcom(self, task: str, key: str = "return_value") -> Any:
        """Give one value; a KeyError names what is missing."""
        return self.xcoms[task][key]


@pytest.fixture
def run_dag(airflow_db: Path) -> Callable[..., DagOutcome]:
    """
    Give a function that runs a DAG to its end in this process: retries, mapping and deferral included.

    ``run_dag(dag)`` takes a DAG built in the test; ``run_dag(path)`` loads the only DAG of a file and
    ``run_dag(path, dag_id="x")`` one of several. Further keywords go to ``DAG.test`` (``run_conf=...``).
    Running the same DAG twice makes two runs.
    """

    def run(source: DAG | Path, *, dag_id: str | None = None, **keywords: Any) -> DagOutcome:
        dag = _load(source, dag_id=dag_id) if isinstance(source, Path) else source
        _register(dag)
        return _outcome(dag.test(**keywords))

    return run


def _load(path: Path, *, dag_id: str | None) -> DAG:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(path), bundle_name="dags-folder")
    assert not bag.import_errors, bag.import_errors
    if dag_id is None:
        (dag_id,) = bag.dags
    return bag.dags[dag_id]


def _register(dag: DAG) -> None:
    """Write the serialised DAG, as a DAG processor would: DAG.test looks for it in the database."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(os.devnull, collect_dags=False, bundle_name="dags-folder")
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


def _outcome(run: DagRun) -> DagOutcome:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        instances = run.get_task_instances(session=session)
        names = {(ti.task_id, ti.map_index): _name(ti) for ti in instances}
        xcoms: dict[str, dict[str, Any]] = {name: {} for name in names.values()}
        for row in session.scalars(XComModel.get_many(run_id=run.run_id, dag_ids=[run.dag_id])):
            if (name := names.get((row.task_id, row.map_index))) is not None:
                xcoms[name][row.key] = XComModel.deserialize_value(row)
        return DagOutcome(
            run_id=run.run_id,
            state=str(run.state),
            states={_name(ti): str(ti.state) for ti in instances},
            tries={_name(ti): ti.try_number for ti in instances},
            xcoms=xcoms,
        )


def _name(instance: TaskInstance) -> str:
    return instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"
