# SPDX-License-Identifier: Apache-2.0
"""What all components of Airflow import: next to nothing, in every version, with an entry point that finds it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PLUGIN = "airflow_provider_aliyunsms.ui.plugin"

LOOK = """
import json, sys
import airflow.sdk, airflow.providers.common.compat.sdk as sdk
airflow.__version__ = sys.argv[1]
before = set(sys.modules)
from airflow_provider_aliyunsms.ui.plugin import AliyunSmsPlugin as plugin
new = sorted(set(sys.modules) - before)
apps = [(each["url_prefix"], type(each["app"]).__name__) for each in plugin.fastapi_apps]
views = [(each["destination"], each["href"]) for each in plugin.external_views]
print(json.dumps({"new": new, "apps": apps, "views": views, "name": plugin.name}))
"""


def look(tmp_path, *, version, **settings):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, version],
        env=environment | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT)} | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("version", ["3.1.0", "3.2.2", "3.3.2", "3.10.0", "4.0.0.dev0"])
def test_it_offers_the_page_and_the_tabs_and_imports_next_to_nothing(tmp_path, version):
    found = look(tmp_path, version=version)
    package = "airflow_provider_aliyunsms."
    ours = [name.removeprefix(package) for name in found["new"] if name.startswith(package)]
    assert ours == ["ui", "ui.lazy_app", "ui.plugin"]
    assert not {"fastapi", "sqlalchemy.orm", "requests", "sqlite3", "phonenumbers"} & {*found["new"]}
    assert found["apps"] == [["/aliyun-sms", "LazyApp"]]
    assert dict(found["views"]) == {
        "nav": "/aliyun-sms/",
        "dag": "/aliyun-sms/?dag_id={DAG_ID}",
        "dag_run": "/aliyun-sms/?dag_id={DAG_ID}&run_id={RUN_ID}",
        "task_instance": "/aliyun-sms/?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}",
    }


@pytest.mark.parametrize("version", ["2.11.2", "3.0.6", "unknown"])
def test_before_3_1_it_offers_nothing_and_does_not_fail(tmp_path, version):
    found = look(tmp_path, version=version)
    assert (found["apps"], found["views"], found["name"]) == ([], [], "aliyun_sms")


def test_it_can_be_switched_off_and_follows_the_address_of_airflow(tmp_path):
    off = look(tmp_path, version="3.3.2", AIRFLOW__ALIYUN_SMS__CAMPAIGN_PAGE="False")
    assert (off["apps"], off["views"]) == ([], [])
    below = look(tmp_path, version="3.3.2", AIRFLOW__API__BASE_URL="https://example.com/team/airflow/")
    assert dict(below["views"])["nav"] == "/team/airflow/aliyun-sms/"
    assert below["apps"] == [["/aliyun-sms", "LazyApp"]]


def test_the_entry_point_names_the_class():
    points = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["entry-points"][
        "airflow.plugins"
    ]
    assert points == {"aliyun_sms": f"{PLUGIN}:AliyunSmsPlugin"}
    point = importlib.metadata.EntryPoint(name="x", value=points["aliyun_sms"], group="airflow.plugins")
    assert (point.module, point.attr) == (PLUGIN, "AliyunSmsPlugin")
    assert (CHECKOUT / f"{PLUGIN.replace('.', '/')}.py").is_file()
