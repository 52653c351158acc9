# SPDX-License-Identifier: Apache-2.0
"""What is told to OpenLineage of files and queries; tests/logs has whole runs."""

from __future__ import annotations

import json
import sys

import pytest

from airflow_provider_aliyunsms.operators.lineage import file_dataset_name, send_lineage
from airflow_provider_aliyunsms.products import CHINA


def test_a_query_tells_its_tables_where_the_hook_names_them(monkeypatch):
    fields = {
        "conn_type": "postgres",
        "host": "db.example",
        "login": "u",
        "password": "hunter2",
        "schema": "crm",
    }
    monkeypatch.setenv("AIRFLOW_CONN_CRM", json.dumps(fields))
    found = send_lineage(
        name="spring",
        product=CHINA,
        recipients=None,
        sql="SELECT p.phone_number FROM people p JOIN vip.members m USING (id) WHERE p.phone_number > '13800000001'",
        conn_id="crm",
        summary={"accepted": 7},
    )
    tables = [("postgres://db.example:5432", f"crm.{name}") for name in ("public.people", "vip.members")]
    assert sorted((each.namespace, each.name) for each in found.inputs) == tables
    assert (found.run_facets, found.job_facets) == ({}, {})
    assert "13800000001" not in repr(found)


def test_what_cannot_be_told_is_no_error(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CRM", json.dumps({"conn_type": "no such type"}))
    arguments = {"name": "spring", "product": CHINA, "recipients": None, "summary": None}
    assert send_lineage(sql="SELECT 1", conn_id="crm", **arguments) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/a.csv", ("file", "/data/a.csv")),
        ("file:///data/a.csv", ("file", "/data/a.csv")),
        ("s3://aws_default@bucket/in/a.csv", ("s3://bucket", "in/a.csv")),
        ("oss://user:hunter2@bucket/a.csv", ("oss://bucket", "a.csv")),
        ("https://example.com/a.csv?token=hunter2", ("https://example.com", "a.csv")),
        (
            "abfss://az@box@store.dfs.core.windows.net/a.csv",
            ("abfss://box@store.dfs.core.windows.net", "a.csv"),
        ),
    ],
)
def test_a_file_is_named_by_the_conventions(path, name):
    assert file_dataset_name(path) == name


@pytest.mark.parametrize(
    "text",
    ["13800001234", "['13800001234', '13800001235']", '["13800001234"]', "13800001234, 13800001235", ""],
)
def test_recipients_that_are_no_file_are_not_told(text):
    """A template without native rendering makes a text of a list; the task fails, after its start was told."""
    found = send_lineage(name="spring", product=CHINA, recipients=text, sql=None, conn_id=None, summary=None)
    assert found.inputs == []


def test_a_provider_that_is_half_installed_is_no_error(monkeypatch):
    class Half:
        @property
        def OperatorLineage(self):  # noqa: N802
            raise TypeError

    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", Half())
    assert (
        send_lineage(name="spring", product=CHINA, recipients="/a.csv", sql=None, conn_id=None, summary=None)
        is None
    )
