# SPDX-License-Identifier: Apache-2.0
"""What the README says is true: its DAG runs, its connection is one, its links and pictures lead somewhere."""

from __future__ import annotations

import itertools
import json
import logging
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")

each_readme = pytest.mark.parametrize("name", READMES)


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@each_readme
@pytest.mark.airflow
def test_the_ten_line_dag_runs(name, run_dag, aliyun_connection, simulator, tmp_path, caplog):
    (code,) = re.findall(r"```python\n(.*?)```", read(name), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line and not line.startswith(("from", "import"))]) <= 10
    path = tmp_path / "hello_sms.py"
    path.write_text(code, encoding="utf-8")
    with caplog.at_level(logging.INFO, logger="airflow_provider_aliyunsms"):
        outcome = run_dag(path)
    assert outcome.state == "success"
    (to_look_for,) = re.findall(r"`(Result: [^`]+)`", read(name))
    assert to_look_for in caplog.messages
    assert outcome.xcom("send")["accepted"] == 1
    assert outcome.xcom("delivered")["delivered"] == 1
    assert simulator.counts() == {"13800001234": 1}


@each_readme
def test_the_connections_are_read_by_the_hook(name, monkeypatch):
    from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

    found = re.findall(r"AIRFLOW_CONN_ALIYUN_SMS_DEFAULT='(.*?)'", read(name), flags=re.DOTALL)
    assert len(found) == 2
    for value in found:
        json.loads(value)
        monkeypatch.setenv("AIRFLOW_CONN_ALIYUN_SMS_DEFAULT", value)
        settings = AliyunSmsHook().settings
        assert settings.endpoint == "http://127.0.0.1:8025" or settings.sign_name == "阿里云"


@pytest.mark.parametrize("name", ["docs/connection.md", "docs/connection.zh-CN.md"])
def test_every_field_of_the_connection_form_is_explained(name):
    from airflow_provider_aliyunsms.get_provider_info import get_provider_info

    (kind,) = get_provider_info()["connection-types"]
    text = read(name)
    assert [field for field in kind["conn-fields"] if f"extra.{field}`" not in text] == []


@each_readme
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#:]+)\)", read(name))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_dependency_has_its_line():
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = whole["project"]
    wanted = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    groups = itertools.chain(*whole["dependency-groups"].values())
    wanted += [re.split("[<>=]", need)[0] for need in groups if isinstance(need, str)]
    explained = re.findall(r"`([^`]+)`", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"))
    names = {re.split("[<>=]", each)[0] for each in explained}
    assert [each for each in wanted if each not in explained and each not in names] == []
