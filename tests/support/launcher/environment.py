# SPDX-License-Identifier: Apache-2.0
"""The environment of an Airflow that nobody else uses."""

from __future__ import annotations

import json
import os
from pathlib import Path


def clean_environment():
    """Copy the environment without Airflow's settings and without a proxy."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and not name.lower().endswith("_proxy")
    }


def connection(url, *, conn_id="aliyun_sms_default"):
    """Define a connection to the simulator, as a deployment would."""
    fields = {"conn_type": "aliyun_sms", "login": "testid", "password": "testsecret", "host": url}
    return {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields)}


def common_settings(*, folder, python, dags):
    """
    Return what every version of Airflow is told.

    :param folder: its home.
    :param dags: the folder of its DAG files.
    :param python: its interpreter; Airflow 2 starts tasks by a command that it looks for in the path.
    """
    home = Path(folder)
    return {
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        # a scheduler started again takes the tasks of its predecessor for orphans while they still send
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "6",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
