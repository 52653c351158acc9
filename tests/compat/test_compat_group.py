# SPDX-License-Identifier: Apache-2.0
"""The group of a whole campaign: task groups, teardowns and approvals differ between versions of Airflow."""

from __future__ import annotations

import json
import re

APPROVAL = """
import json
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

found = {}
with DAG("asking", schedule=None) as dag:
    for name, approval in (("asked", True), ("possible", "if possible")):
        try:
            sms_campaign(group_id=name, recipients="people.csv", template_code="SMS_1", approval=approval)
        except ConfigurationError as error:
            found["refused"] = str(error)
print(json.dumps(found | {"tasks": sorted(dag.task_ids)}))
"""


def test_canary_and_rest_send_to_everybody_once_and_the_report_is_there(airflow, simulator):
    run = airflow.dags_test("compat_group")
    assert set(run.states.values()) == {"success"}, run.output
    assert {name.partition(".")[2] for name in run.states} == {
        "rehearsal",
        "seeds",
        "canary",
        "canary_delivery",
        "send",
        "delivery",
        "report",
    }
    counts = simulator.counts()
    assert counts.pop("13900040001") == 1
    assert counts == {f"1380004{number:04d}": 1 for number in range(150)}
    (path,) = (airflow.home / "reports").glob("*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["outcomes"]["accepted"] == 150
    assert re.search(r"13[89]0004\d{4}", run.rendered + run.output) is None


def test_an_approval_is_there_from_3_1_on_and_refused_below(airflow):
    found = airflow.answer(APPROVAL)
    if airflow.version >= (3, 1):
        assert {"asked.approval", "possible.approval"} <= {*found["tasks"]}
    else:
        assert "3.1 or later" in found["refused"]
        assert "possible.send" in found["tasks"]
        assert "possible.approval" not in found["tasks"]
