# SPDX-License-Identifier: Apache-2.0
"""A DAG file that imports an operator is parsed every few seconds: it loads only the modules that stand here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from airflow_provider_aliyunsms.simulator.server import running

PACKAGE = "airflow_provider_aliyunsms"
OURS = {
    "operators": {
        "audience",
        "audience.phone_numbers",
        "exceptions",
        "links",
        "links.aliyun_sms",
        "log_lines",
        "operators",
        "operators.aliyun_sms",
        "operators.base",
        "operators.failures",
        "operators.guards",
        "operators.parameters",
        "operators.redaction",
        "operators.rendering",
        "operators.report",
        "operators.shards",
        "parameter_checks",
        "private",
        "products",
        "rendering",
        "task_errors",
    },
    "sensors": {
        "api",
        "api.departures",
        "campaign",
        "campaign.ports",
        "delivery",
        "delivery.checkpoint",
        "delivery.query_limiter",
        "delivery.sampling",
        "delivery.series",
        "delivery.state",
        "delivery.verdict",
        "exceptions",
        "log_lines",
        "parameter_checks",
        "private",
        "sensors",
        "sensors.aliyun_sms",
        "sensors.deferral",
        "task_errors",
    },
}
GUARDS = {
    "audience",
    "audience.phone_numbers",
    "campaign",
    "campaign.guards",
    *(
        f"campaign.guards.{name}"
        for name in (
            "canary",
            "daily",
            "facts",
            "frequency",
            "frequency.frequency",
            "hours",
            "hours.daytime",
            "hours.quiet_hours",
            "hours.zones",
            "judge",
            "limits",
            "limits.limits",
            "limits.prices",
            "people",
            "preflight",
            "protocol",
            "suppression",
        )
    ),
    "exceptions",
    "log_lines",
    "parameter_checks",
    "products",
}
# What a task loads that sends the rows of a CSV file, beside what the DAG file has loaded. Everybody pays for it,
# with a hundred recipients as well.
EXECUTED = {
    "api": "call_times client connection credentials departures endpoints forms gateway_clock models responses "
    "results retrying signature transport vendor_credentials",
    "audience": "content disk facts fields recipients rows shards strict_json",
    "audience.report": "parts report",
    "audience.rules": "base china china_columns float_numbers globe values variable_names",
    "audience.sources": "cells columns csv date_formats excel files frames json lists marks parquet read sql "
    "text",
    "audience.spool": "database number_index outcomes pages records spool states",
    "campaign": "admission chunks clock endings figures outcomes plan policy ports run",
    "campaign.channels": "approvals china errors globe ids",
    "campaign.ledger": "fence ledger shard_record stores windows",
    "campaign.pacing": "account adaptive common redis_store window",
    "campaign.receipts": "encoders files receipts",
    "campaign.sending": "bookkeeping common_refusal evidence jobs open_jobs permits progress restoring sender "
    "stop_conditions supply workers",
    "codes": "carrier china gateway globe local lookup model",
    "hooks": "account_pace aliyun_sms clients connection_test hash_secrets metrics settings storage",
    "operators": "figures ledger_store placement receipts supervisor",
    "": "private_files",
}
OTHERS_EXECUTED = {"charset_normalizer", "idna", "requests", "urllib3"}
"""Distributions besides Airflow of which such a task may load modules that the task runner has not loaded."""

MOST_OTHERS = 5
"""Modules of Airflow or of the standard library that may come along, beside what ``airflow.sdk`` brings itself."""

NEEDED_LATER = {"requests", "urllib3", "sqlite3", "phonenumbers", "tenacity", "pyarrow"}

IMPORT = """
import sys
import airflow.sdk, airflow.providers.common.compat.sdk
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""

EXECUTE = """
import sys
from types import SimpleNamespace
import airflow.sdk.execution_time.task_runner
from {package}.operators.aliyun_sms import AliyunSendBatchSmsOperator

ti = SimpleNamespace(
    run_id="run", dag_id="dag", task_id="send", map_index=-1, try_number=1, max_tries=0, xcom_push=lambda **_: None
)
task = AliyunSendBatchSmsOperator(
    task_id="send", recipients=sys.argv[1], template_code="SMS_152550005", sign_name="测试签名", durable=False
)
before = set(sys.modules)
result = task.execute({{"ti": ti, "dag_run": SimpleNamespace(run_id="run")}})
print(result["accepted"], *sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize(
    ("module", "wanted"),
    [*((f"{kind}.aliyun_sms", ours) for kind, ours in sorted(OURS.items())), ("campaign.guards", GUARDS)],
)
def test_importing_them_loads_what_stands_here_and_no_more(module, wanted, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(module=f"{PACKAGE}.{module}")],
        env={**environment, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.splitlines()[-1].split())
    ours = {name.removeprefix(f"{PACKAGE}.") for name in modules if name.startswith(f"{PACKAGE}.")}
    assert ours == wanted
    # Airflow itself brings sqlite3 and tenacity along, which is why only what is added counts.
    assert not NEEDED_LATER & modules
    others = {name for name in modules if name.partition(".")[0] != PACKAGE}
    assert len(others) <= MOST_OTHERS, others


def test_a_campaign_without_guards_does_not_load_them():
    """What the engine needs for a campaign is loaded in each task, and shows in small campaigns."""
    script = IMPORT.replace("import {module}", "import {package}.campaign.run, {package}.campaign.channels")
    done = subprocess.run(
        [sys.executable, "-c", script.format(package=PACKAGE)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert f"{PACKAGE}.campaign.sending" in modules
    assert not [name for name in modules if name.startswith(f"{PACKAGE}.campaign.guards")]


def test_a_task_loads_what_stands_here_and_no_more(tmp_path):
    audience = tmp_path / "audience.csv"
    audience.write_text("phone_number,name\n13800000001,a\n13800000002,b\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    with running(delivery_delay=0.0) as simulator:
        connection = {
            "conn_type": "aliyun_sms",
            "login": "testid",
            "password": "testsecret",
            "host": simulator.url,
        }
        done = subprocess.run(
            [sys.executable, "-c", EXECUTE.format(package=PACKAGE), str(audience)],
            env={
                **environment,
                "AIRFLOW_HOME": str(tmp_path),
                "AIRFLOW_CONN_ALIYUN_SMS_DEFAULT": json.dumps(connection),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    accepted, *modules = done.stdout.splitlines()[-1].split()
    assert accepted == "2"
    ours = {name.removeprefix(f"{PACKAGE}.") for name in modules if name.startswith(f"{PACKAGE}.")}
    wanted = {
        f"{folder}.{name}".removeprefix(".") for folder, names in EXECUTED.items() for name in names.split()
    }
    # The packages themselves; some are loaded by the DAG file already.
    assert {name for name in ours if name not in EXECUTED} == wanted
    known = {"airflow", PACKAGE, *sys.stdlib_module_names}
    others = {name.partition(".")[0] for name in modules} - known
    assert {name for name in others if not name.startswith("_")} <= OTHERS_EXECUTED
