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


def test_copies_go_to_own_phones_of_every_group_also_the_one_that_gets_nothing(
    send, simulator, aliyun_connection
):
    """Their owner would otherwise see that the task is green, and wait for a message that nobody has sent."""
    own = [f"139000001{number:02d}" for number in range(20)]
    assert "holdout" in groups_of([f"86{number}" for number in own]).values()
    summary = send(
        "china_copies",
        f"AliyunSendBatchSmsOperator(task_id='send', sign_name='测试签名', recipients=['13800000001'], "
        f"send_copies_to={own!r}, split={SPLIT}, templates={{'a': 'SMS_152550005', 'b': 'SMS_152550006'}})",
    )
    assert (summary["accepted"], summary["skipped"]) == (20, 0)
    messages = simulator.messages(limit=100)
    assert sorted(each["number"] for each in messages) == own
    assert {each["template_code"] for each in messages} == {"SMS_152550005", "SMS_152550006"}


def test_a_task_group_takes_a_split_and_counts_its_groups(run_dag, simulator, aliyun_connection, tmp_path):
    people = [f"138000001{number:02d}" for number in range(40)]
    simulator.templates({"SMS_152550005": "今日开始。", "SMS_152550006": "明日开始。"})
    simulator.signatures({"测试签名": {}})
    path = tmp_path / "group_split.py"
    path.write_text(
        f"""
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.guards import Canary
from airflow_provider_aliyunsms.task_groups.aliyun_sms import sms_campaign

with DAG("group_split", schedule=None):
    sms_campaign(
        recipients={people!r}, sign_name='测试签名', split={SPLIT},
        templates={{'a': 'SMS_152550005', 'b': 'SMS_152550006'}}, approval=False, ledger_path={str(tmp_path)!r},
        canary=Canary(size=5, wait=timedelta(seconds=20)),
        delivery={{'poke_interval': 0.5, 'timeout': timedelta(seconds=20)}})
""",
        encoding="utf-8",
    )
    outcome = run_dag(path)
    assert outcome.state == "success", outcome
    names = [*groups_of(["86" + each for each in people]).values()]
    delivered = outcome.xcom("sms_campaign.delivery")["groups"]
    assert {name: each["delivered"] for name, each in delivered.items()} == {
        name: names.count(name) for name in "ab"
    }
    assert set(simulator.counts().values()) == {1}


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
