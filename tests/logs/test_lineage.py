# SPDX-License-Identifier: Apache-2.0
"""What the real provider of OpenLineage tells of tasks of real processes."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_aliyunsms.operators.lineage import file_dataset_name

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


def test_a_query_tells_its_tables_and_not_its_text(endings):
    complete = endings.lineage("query", "COMPLETE")
    ((_, name),) = datasets(complete["inputs"])
    assert name.endswith("people")
    assert "sql" not in complete["job"]["facets"]
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 29


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
