# SPDX-License-Identifier: Apache-2.0
"""A campaign with a split in real Airflow, over real HTTP: each group gets its own message, the holdout none."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.audience.split import Split

SPLIT = "Split({'a': 0.4, 'b': 0.4, 'holdout': 0.2}, salt='spring')"
HEAD = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator, AliyunSendBatchSmsOperator)

with DAG("{dag_id}", schedule=None) as dag:
    {body}
"""


@pytest.fixture
def send(run_dag, tmp_path):
    def run(dag_id, body):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id, body=body), encoding="utf-8")
        outcome = run_dag(path)
        assert outcome.state == "success"
        return outcome.xcom("send")

    return run


def groups_of(numbers):
    return dict(zip(numbers, eval(SPLIT, {"Split": Split}).groups(numbers), strict=True))


def test_each_group_of_a_china_campaign_gets_its_template(send, simulator, aliyun_connection):
    people = [f"138000001{number:02d}" for number in range(40)]
    summary = send(
        "china_split",
        f"AliyunSendBatchSmsOperator(task_id='send', sign_name='测试签名', recipients={people!r}, split={SPLIT}, "
        "templates={'a': 'SMS_152550005', 'b': 'SMS_152550006'})",
    )
    groups = {
        number.removeprefix("86"): name
        for number, name in groups_of(["86" + each for each in people]).items()
    }
    messages = {each["number"]: each for each in simulator.messages(limit=100)}
    assert messages.keys() == {number for number, name in groups.items() if name != "holdout"}
    templates = {"a": "SMS_152550005", "b": "SMS_152550006"}
    for number, message in messages.items():
        assert message["template_code"] == templates[groups[number]]
    assert summary["groups"]["a"]["accepted"] == [*groups.values()].count("a")
    assert (
        summary["groups"]["holdout"]["skipped"] == [*groups.values()].count("holdout") == summary["skipped"]
    )


def test_each_group_of_a_globe_campaign_gets_its_text(send, simulator, aliyun_connection):
    people = [f"659000{number:04d}" for number in range(30)]
    summary = send(
        "globe_split",
        f"AliyunBatchSendMessageToGlobeOperator(task_id='send', recipients={people!r}, split={SPLIT}, "
        "messages={'a': 'text one', 'b': 'text two'})",
    )
    groups = groups_of(people)
    texts = {each["number"]: each["content"] for each in simulator.messages(limit=100)}
    wanted = {"a": "text one", "b": "text two"}
    assert texts == {number: wanted[name] for number, name in groups.items() if name != "holdout"}
    assert summary["groups"]["b"]["accepted"] == [*groups.values()].count("b")
    assert "text" not in str(summary["groups"])


@pytest.mark.parametrize(
    ("operator", "given"),
    [
        ("AliyunSendBatchSmsOperator", {}),
        ("AliyunSendBatchSmsOperator", {"template_code": "SMS_1", "templates": {"a": "SMS_2"}}),
        ("AliyunSendBatchSmsOperator", {"templates": {"a": "SMS_2"}}),
        ("AliyunSendBatchSmsOperator", {"template_code": "SMS_1", "split": "given"}),
        ("AliyunSendBatchSmsOperator", {"templates": {"c": "SMS_2"}, "split": "given"}),
        ("AliyunSendBatchSmsOperator", {"templates": {"a": ""}, "split": "given"}),
        ("AliyunSendBatchSmsOperator", {"templates": {"a": "SMS_2"}, "split": {"a": 1}}),
        ("AliyunBatchSendMessageToGlobeOperator", {"message": "x", "messages": {"a": "y"}, "split": "given"}),
        ("AliyunBatchSendMessageToGlobeOperator", {"messages": {}, "split": "given"}),
    ],
)
def test_what_does_not_go_together_is_found_when_the_dag_is_parsed(operator, given):
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.operators import aliyun_sms

    if given.get("split") == "given":
        given = given | {"split": Split({"a": 0.5, "b": 0.5}, salt="x")}
    with pytest.raises(ConfigurationError):
        getattr(aliyun_sms, operator)(task_id="send", recipients=["13800000001"], **given)
