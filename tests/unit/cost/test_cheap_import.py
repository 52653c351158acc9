# SPDX-License-Identifier: Apache-2.0
"""A DAG file that imports an operator is parsed every few seconds: it loads only the modules that stand here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
        "campaign.pacing",
        "campaign.pacing.account",
        "campaign.pacing.adaptive",
        "campaign.pacing.common",
        "campaign.pacing.redis_store",
        "campaign.pacing.window",
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
