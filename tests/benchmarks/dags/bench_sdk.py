# SPDX-License-Identifier: Apache-2.0
"""
The campaign as people write it today, and the same with threads.

The SDK is imported when the file is parsed, so its import is not part of what is measured. The conf of a run
names the audience, the other side and the file for the figures.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.python import PythonOperator
from benchkit.clients_official import official_sdk, send_official
from benchkit.looping import send_all
from benchkit.measured import MEASURED
from benchkit.sample import batches

WIDTH = 16


def loop(dag_run):
    """Send one call after the other."""
    return {"accepted": send_all(dag_run.conf["url"], dag_run.conf["audience"])}


def pool(dag_run):
    """Send with threads, and read no further ahead than they need."""
    client = official_sdk(dag_run.conf["url"], most_connections=WIDTH)
    room = threading.Semaphore(2 * WIDTH)
    failures = []
    accepted = 0

    def send(batch):
        try:
            send_official(client, batch)
        except Exception as error:  # noqa: BLE001 - raised below, in the main thread
            failures.append(error)
        finally:
            room.release()

    with ThreadPoolExecutor(WIDTH) as threads:
        for batch in batches(dag_run.conf["audience"]):
            room.acquire()
            threads.submit(send, batch)
            accepted += len(batch[0])
    if failures:
        raise failures[0]
    return {"accepted": accepted}


for name, function in (("loop", loop), ("pool", pool)):
    with DAG(name, schedule=None, is_paused_upon_creation=False):
        PythonOperator(python_callable=function, **MEASURED)
