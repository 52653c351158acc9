# SPDX-License-Identifier: Apache-2.0
"""The campaigns that the crash tests kill; everything but the audience is fixed."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from launcher.s3 import ENDPOINT, teach_airflow


def bad_luck(context):
    """
    Let this one process die, have another disk, or files that cannot grow.

    Its log and its state are kept by other processes, which feel nothing of it.
    """
    conf = context["dag_run"].conf
    if ENDPOINT in os.environ and conf.get("ledger", "").startswith("s3:"):
        teach_airflow()
    if conf.get("dies_before_it_begins") == str(context["ti"].try_number):
        os.kill(os.getpid(), signal.SIGKILL)
    if "temporary_directory" in conf:
        tempfile.tempdir = conf["temporary_directory"]
    if "file_limit" in conf and Path(conf["file_limit_while"]).exists():
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(conf["file_limit"]), hard))


COMMON = {
    "task_id": "send",
    "pre_execute": bad_luck,
    "recipients": "{{ dag_run.conf['audience'] }}",
    "receipts_path": "{{ dag_run.conf['receipts'] }}",
    # empty where Airflow has a task state store
    "ledger_path": "{{ dag_run.conf.get('ledger', '') }}",
    "retries": 15,
    "retry_delay": timedelta(seconds=1),
    # records of the simulator appear at once, so ten minutes of patience would only make the tests long
    "settle_time": 5,
}

for name in ("china", "china_timed", "globe"):
    with DAG(name, schedule=None, is_paused_upon_creation=False, max_active_runs=4):
        if name != "globe":
            AliyunSendBatchSmsOperator(
                template_code="SMS_152550005",
                sign_name="测试",
                chunk_size=25,
                max_concurrency=4,
                execution_timeout=timedelta(seconds=5) if name == "china_timed" else None,
                **COMMON,
            )
        else:
            AliyunBatchSendMessageToGlobeOperator(
                message="Hello ${name}",
                chunk_size=50,
                max_qps=float(os.environ["CRASH_TEST_GLOBE_QPS"]),
                **COMMON,
            )
