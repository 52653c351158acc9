# SPDX-License-Identifier: Apache-2.0
"""A DAG file with fifty tasks that need nothing but Airflow, half of them functions."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

with DAG("plain_tasks", schedule=None) as dag:
    for number in range(50):
        shared = {"task_id": f"task_{number}", "retries": 3, "retry_delay": timedelta(minutes=10)}
        if number % 2:
            EmptyOperator(**shared)
        else:
            PythonOperator(python_callable=print, **shared)
