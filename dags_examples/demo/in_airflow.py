# SPDX-License-Identifier: Apache-2.0
"""
Make Airflow's database, run the example DAGs one after the other, and write down what their tasks returned.

A process of its own, because Airflow reads its environment when it is imported; one for all, because importing it
takes seconds.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import DAG

EXAMPLES = Path(__file__).parents[1]
DATABASE = "database"
LOOK_EVERY = 1.0
DEADLINE = 6.0


def main(results: Path, plan: str) -> int:
    """
    Run everything; stops at the first DAG that does not succeed.

    :param results: a folder; ``<step>.json`` appears there when a step is done.
    :param plan: DAG ids with their parameters, as JSON.
    """
    from airflow.utils.db import upgradedb

    upgradedb()  # what "airflow db migrate" does
    _write(results / f"{DATABASE}.json", {})
    for dag_id, parameters in json.loads(plan).items():
        run: Any = _load(dag_id).test(run_conf=parameters)
        if run.state != "success":
            return 1
        _write(results / f"{dag_id}.json", _returned(run))
    return 0


def _load(dag_id: str) -> DAG:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(EXAMPLES / f"{dag_id}.py"), bundle_name="dags-folder")
    for error in bag.import_errors.values():
        sys.stderr.write(f"{error}\n")
    dag: Any = bag.dags[dag_id]
    # The one thing that differs from production: a carrier's receipt takes hours, the simulator's a moment.
    sensor = dag.get_task("delivered")
    sensor.poke_interval, sensor.delivery_timeout = LOOK_EVERY, DEADLINE
    return dag  # type: ignore[no-any-return]


def _returned(run: Any) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = XComModel.get_many(run_id=run.run_id, dag_ids=[run.dag_id], key="return_value")
        return {row.task_id: XComModel.deserialize_value(row) for row in session.scalars(rows)}


def _write(path: Path, content: dict[str, Any]) -> None:
    """The file is there completely or not at all: somebody is waiting for it."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content), encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105 - the plain call says that it is atomic


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
