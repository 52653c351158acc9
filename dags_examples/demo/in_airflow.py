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
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import DAG

EXAMPLES = Path(__file__).parents[1]
DATABASE = "database"
LOOK_EVERY = 1.0
CARRIERS_NEED = timedelta(seconds=2)
SAMPLE = 30
DEADLINE = 6.0


def main(results: Path, plan: str) -> int:
    """
    Run everything; stops at the first DAG that does not succeed.

    :param results: a folder; ``<step>.json`` appears there when a step is done.
    :param plan: for each step its DAG, its parameters, and the state in which it must end, as JSON.
    """
    from airflow.utils.db import upgradedb

    upgradedb()  # what "airflow db migrate" does
    _write(results / f"{DATABASE}.json", {})
    for step, (dag_id, parameters, state) in json.loads(plan).items():
        run: Any = _load(dag_id).test(run_conf=parameters)
        if run.state != state:
            return 1
        _write(results / f"{step}.json", _returned(run))
    return 0


def _load(dag_id: str) -> DAG:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(EXAMPLES / f"{dag_id}.py"), bundle_name="dags-folder")
    for error in bag.import_errors.values():
        sys.stderr.write(f"{error}\n")
    dag: Any = bag.dags[dag_id]
    # What differs from production: a carrier's receipt takes hours, the simulator's a moment; and nobody watches a
    # demo that waits for the morning.
    for task in dag.tasks:
        if task.task_id == "delivered":
            task.poke_interval, task.delivery_timeout = LOOK_EVERY, DEADLINE
        task.guards = tuple(_quickened(guard) for guard in getattr(task, "guards", ()))
    return dag  # type: ignore[no-any-return]


def _quickened(guard: Any) -> Any:
    changes: dict[str, dict[str, Any]] = {
        "QuietHours": {"begin": "00:00", "end": "24:00"},
        "NotOn": {"days": ()},
        "Canary": {"size": SAMPLE, "wait": CARRIERS_NEED},
    }
    kind = type(guard).__name__
    return replace(guard, **changes[kind]) if kind in changes else guard


def _returned(run: Any) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    found: dict[str, Any] = {}
    # The result of a task that failed is under another key.
    for key in ("campaign", "return_value"):
        with create_session() as session:
            rows = XComModel.get_many(run_id=run.run_id, dag_ids=[run.dag_id], key=key)
            found |= {row.task_id: XComModel.deserialize_value(row) for row in session.scalars(rows)}
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    """The file is there completely or not at all: somebody is waiting for it."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content), encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105 - the plain call says that it is atomic


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
