# SPDX-License-Identifier: Apache-2.0
"""What the real provider of OpenLineage tells of tasks of real processes."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(1800)]


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


def test_a_task_that_fails_tells_what_it_has_sent(endings):
    # the API server tells of it as well, and knows nothing of the campaign
    failed = endings.lineage("killed", "FAIL", output=True)
    assert 0 < failed["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] < 30


def test_abroad_is_another_place_and_a_rehearsal_sends_nothing(endings):
    assert datasets(endings.lineage("globe", "COMPLETE")["outputs"]) == [
        ("aliyunsms://globe", "endings/globe")
    ]
    assert endings.lineage("rehearsal", "COMPLETE")["outputs"] == []


def test_no_number_no_text_and_no_secret_is_told(endings):
    told = json.dumps(endings.events, ensure_ascii=False)
    assert re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)|447700\d{6}|testsecret|测试签名", told) == []
