# SPDX-License-Identifier: Apache-2.0
"""
One bare call of the official SDK, as short as a task can be written that sends to a hundred people.

Unlike ``bench_sdk.py`` it imports the SDK in the task, so that the import is part of what is measured.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.python import PythonOperator
from benchkit.measured import MEASURED


def bare_call(dag_run):
    """Import the SDK and make one call with all recipients."""
    from benchkit.clients_official import official_sdk, send_official
    from benchkit.sample import batches

    (batch,) = batches(dag_run.conf["audience"])
    send_official(official_sdk(dag_run.conf["url"]), batch)
    return {"accepted": len(batch[0])}


with DAG("bare_call", schedule=None, is_paused_upon_creation=False):
    PythonOperator(python_callable=bare_call, **MEASURED)
