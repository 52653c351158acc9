# SPDX-License-Identifier: Apache-2.0
"""A DAG file with a DAG and no task."""

from __future__ import annotations

from airflow.sdk import DAG

with DAG("nothing", schedule=None) as dag:
    pass
