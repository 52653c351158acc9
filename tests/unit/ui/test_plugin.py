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
OFFERED, NOT_OFFERED = ("3.1.0", "3.2.2", "3.10.0", "4.0.0.dev0"), ("2.11.2", "3.0.6", "unknown")

LOOK = """
import importlib, json, os, sys
import airflow.sdk, airflow.providers.common.compat.sdk as sdk

def found(version, **settings):
    airflow.__version__ = version
    os.environ.update(settings)
    module = importlib.reload(sys.modules[NAME]) if NAME in sys.modules else importlib.import_module(NAME)
    for name in settings:
        del os.environ[name]
    plugin = module.AliyunSmsPlugin
    apps = [(each["url_prefix"], type(each["app"]).__name__) for each in plugin.fastapi_apps]
    return {"apps": apps, "views": {each["destination"]: each["href"] for each in plugin.external_views}}

NAME = sys.argv[1]
before = set(sys.modules)
told = {"3.3.2": found("3.3.2"), "new": sorted(set(sys.modules) - before)}
told |= {version: found(version) for version in sys.argv[2:]}
told["off"] = found("3.3.2", AIRFLOW__ALIYUN_SMS__CAMPAIGN_PAGE="False")
told["below"] = found("3.3.2", AIRFLOW__API__BASE_URL="https://example.com/team/airflow/")
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Import the plugin in a process of its own, as several versions of Airflow would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    home = {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("home")), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, PLUGIN, *OFFERED, *NOT_OFFERED],
        env=environment | home,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_imports_next_to_nothing(told):
    package = "airflow_provider_aliyunsms."
    ours = [name.removeprefix(package) for name in told["new"] if name.startswith(package)]
    assert ours == ["ui", "ui.lazy_app", "ui.plugin"]
    assert not {"fastapi", "sqlalchemy.orm", "requests", "sqlite3", "phonenumbers"} & {*told["new"]}


@pytest.mark.parametrize("version", ["3.3.2", *OFFERED])
def test_it_offers_the_page_and_the_tabs(told, version):
    assert told[version]["apps"] == [["/aliyun-sms", "LazyApp"]]
    assert told[version]["views"] == {
        "nav": "/aliyun-sms/",
        "dag": "/aliyun-sms/?dag_id={DAG_ID}",
        "dag_run": "/aliyun-sms/?dag_id={DAG_ID}&run_id={RUN_ID}",
        "task_instance": "/aliyun-sms/?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}",
    }


@pytest.mark.parametrize("version", [*NOT_OFFERED, "off"])
def test_before_3_1_and_where_it_is_switched_off_it_offers_nothing(told, version):
    assert told[version] == {"apps": [], "views": {}}


def test_its_addresses_are_below_that_of_airflow(told):
    assert told["below"]["views"]["nav"] == "/team/airflow/aliyun-sms/"
    assert told["below"]["apps"] == [["/aliyun-sms", "LazyApp"]]


def test_the_entry_point_names_the_class():
    points = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["entry-points"][
        "airflow.plugins"
    ]
    assert points == {"aliyun_sms": f"{PLUGIN}:AliyunSmsPlugin"}
    point = importlib.metadata.EntryPoint(name="x", value=points["aliyun_sms"], group="airflow.plugins")
    assert (point.module, point.attr) == (PLUGIN, "AliyunSmsPlugin")
    assert (CHECKOUT / f"{PLUGIN.replace('.', '/')}.py").is_file()
