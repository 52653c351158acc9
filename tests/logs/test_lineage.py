# SPDX-License-Identifier: Apache-2.0
"""What the real provider of OpenLineage tells of tasks of real processes."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_aliyunsms.operators.lineage import file_dataset_name, send_lineage
from airflow_provider_aliyunsms.products import CHINA

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def datasets(found):
    return [(each["namespace"], each["name"]) for each in found]


def test_a_file_goes_in_and_a_campaign_comes_out(endings):
    start, complete = endings.lineage("success", "START"), endings.lineage("success", "COMPLETE")
    ((namespace, name),) = datasets(start["inputs"])
    assert (namespace, name.rpartition("/")[2]) == ("file", "audience.csv")
    assert start["outputs"] == []
    assert datasets(complete["inputs"]) == [(namespace, name)]
    (campaign,) = complete["outputs"]
    assert (campaign["namespace"], campaign["name"]) == ("aliyunsms://china", "endings/success")
    assert campaign["outputFacets"]["outputStatistics"]["rowCount"] == 200


def test_the_text_of_a_query_is_not_told(endings):
    complete = endings.lineage("query", "COMPLETE")
    # the hook of SQLite does not tell how its tables are named
    assert complete["inputs"] == []
    assert "sql" not in complete["job"]["facets"]
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 29


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


def test_a_task_that_fails_tells_what_it_has_sent(endings):
    failed = endings.lineage("killed", "FAIL")
    assert 0 < failed["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] < 30


def test_abroad_is_another_place_and_a_rehearsal_sends_nothing(endings):
    assert datasets(endings.lineage("globe", "COMPLETE")["outputs"]) == [
        ("aliyunsms://globe", "endings/globe")
    ]
    assert endings.lineage("rehearsal", "COMPLETE")["outputs"] == []


def test_no_number_no_text_and_no_secret_is_told(endings):
    told = json.dumps(endings.events, ensure_ascii=False)
    assert re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)|447700\d{6}|testsecret|测试签名", told) == []


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
