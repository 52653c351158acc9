# SPDX-License-Identifier: Apache-2.0
"""The links of a send task, as Airflow's interface asks for them after a real run."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock
from urllib.parse import urlencode

import pytest
from airflow.sdk import DAG

from airflow_provider_aliyunsms.links.aliyun_sms import (
    CHINA_CONSOLE,
    GLOBE_CONSOLE,
    AliyunSmsReceiptsLink,
    receipts_url,
)
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)


def shown(dag_id, outcome, task_id, map_index=-1):
    """Ask the way the web interface does: the DAG as it is stored, the link from the database."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        instance = session.scalar(
            select(TaskInstance).where(
                TaskInstance.dag_id == dag_id,
                TaskInstance.run_id == outcome.run_id,
                TaskInstance.task_id == task_id,
                TaskInstance.map_index == map_index,
            )
        )
        stored = SerializedDagModel.get(dag_id, session=session).dag.get_task(task_id)
        return {name: stored.get_extra_links(instance, name) or None for name in stored.extra_links}


@pytest.mark.airflow
def test_a_china_task_links_to_the_console_and_to_its_receipts(
    run_dag, simulator, aliyun_connection, tmp_path
):
    with DAG("links_china") as dag:
        AliyunSendBatchSmsOperator(
            task_id="filed",
            recipients=["13800001001"],
            template_code="SMS_1",
            sign_name="阿里云",
            receipts_path=str(tmp_path / "my receipts"),
        )
        AliyunSendBatchSmsOperator(
            task_id="inline", recipients=["13800001002"], template_code="SMS_1", sign_name="阿里云"
        )
    outcome = run_dag(dag)
    filed = shown("links_china", outcome, "filed")
    assert filed["SMS console"] == CHINA_CONSOLE
    page = "/aliyun-sms/?" + urlencode(
        {"dag_id": "links_china", "run_id": outcome.run_id, "task_id": "filed", "map_index": -1}
    )
    # no browser opens a file of the worker: the page shows the receipts, masked
    assert filed["Campaign"] == filed["Receipts"] == page
    assert shown("links_china", outcome, "inline") == {
        "Campaign": page.replace("filed", "inline"),
        "SMS console": CHINA_CONSOLE,
        "Receipts": None,
    }


@pytest.mark.airflow
def test_each_mapped_task_has_its_own_receipts(run_dag, simulator, aliyun_connection, tmp_path):
    with DAG("links_mapped") as dag:
        AliyunSendBatchSmsOperator.partial(
            task_id="send", template_code="SMS_1", sign_name="阿里云", receipts_path=str(tmp_path)
        ).expand(recipients=[["13800001001"], ["13800001002"]])
    outcome = run_dag(dag)
    links = [shown("links_mapped", outcome, "send", index) for index in (0, 1)]
    assert all(link["SMS console"] == CHINA_CONSOLE for link in links)
    assert [link["Receipts"].rpartition("=")[2] for link in links] == ["0", "1"]
    assert [link["Receipts"] for link in links] == [link["Campaign"] for link in links]


@pytest.mark.airflow
def test_globe_has_its_own_console_and_a_failed_task_keeps_its_links(
    run_dag, simulator, aliyun_connection, tmp_path, capsys
):
    simulator.misbehave("drop_after", action="BatchSendMessageToGlobe", times=1)
    with DAG("links_globe") as dag:
        AliyunBatchSendMessageToGlobeOperator(
            task_id="send",
            recipients=["+447700900123"],
            message="Hello",
            evidence_wait=2,
            retries=0,
            receipts_path=str(tmp_path),
        )
        AliyunBatchSendMessageToGlobeOperator(
            task_id="wrong", recipients=[], message="x", on_empty="fail", retries=0
        )
    outcome = run_dag(dag)
    assert outcome.states == {"send": "failed", "wrong": "failed"}
    found = shown("links_globe", outcome, "send")
    assert found["SMS console"] == GLOBE_CONSOLE
    assert found["Receipts"] == found["Campaign"]
    wrong = shown("links_globe", outcome, "wrong")
    assert (wrong["SMS console"], wrong["Receipts"]) == (GLOBE_CONSOLE, None)
    # Airflow logs it as an error when it is asked for an XCom that is not there
    assert "XCom not found" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/data/a b.jsonl", "file:///data/a%20b.jsonl"),
        ("file:///data/x.jsonl", "file:///data/x.jsonl"),
        (
            "s3://aws_default@bucket/a/x.jsonl",
            "https://s3.console.aws.amazon.com/s3/object/bucket?prefix=a/x.jsonl",
        ),
        ("gs://bucket/x.jsonl", "https://console.cloud.google.com/storage/browser/_details/bucket/x.jsonl"),
        ("oss://user:hunter2@bucket/x.jsonl", "oss://bucket/x.jsonl"),
        ("https://example.com/x.jsonl?token=hunter2", "https://example.com/x.jsonl"),
        ("javascript:alert(1)", ""),
        ("memory://x", ""),
    ],
)
def test_a_path_becomes_an_address_without_secrets(path, url):
    assert receipts_url(path) == url


@pytest.mark.parametrize(
    ("version", "base_url", "address"),
    [
        (
            "3.3.2",
            None,
            "/aliyun-sms/?dag_id=d&run_id=manual__2026-11-29T00%3A00%3A00%2B00%3A00&task_id=t&map_index=2",
        ),
        ("3.1.0", "https://air.example/team/", "https://air.example/team/aliyun-sms/?dag_id=d"),
        ("3.0.6", None, ""),
        ("2.11.2", None, ""),
    ],
)
def test_the_campaign_page_is_on_this_airflow_where_there_is_one(monkeypatch, version, base_url, address):
    from airflow_provider_aliyunsms.links import aliyun_sms as links

    monkeypatch.setattr(links, "airflow_version", version)
    if base_url:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    key = SimpleNamespace(dag_id="d", run_id="manual__2026-11-29T00:00:00+00:00", task_id="t", map_index=2)
    found = links.AliyunSmsCampaignLink().get_link(None, ti_key=key)
    assert found.startswith(address)
    assert bool(found) == bool(address)


def test_receipts_on_a_worker_s_disk_are_a_file_where_there_is_no_page(monkeypatch):
    from airflow_provider_aliyunsms.links import aliyun_sms as links

    monkeypatch.setattr(links, "airflow_version", "3.0.6")
    monkeypatch.setattr(links.XCom, "get_value", lambda **_: {"receipts_path": "/data/x.jsonl"})
    assert links.AliyunSmsReceiptsLink().get_link(None, ti_key=mock.sentinel.any) == "file:///data/x.jsonl"


def test_a_link_that_cannot_be_made_is_no_error():
    assert AliyunSmsReceiptsLink().get_link(None, ti_key=mock.sentinel.rubbish) == ""


def test_there_is_no_link_to_a_page_that_is_switched_off(monkeypatch):
    from airflow_provider_aliyunsms.links import aliyun_sms as links

    key = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    assert links.AliyunSmsCampaignLink().get_link(None, ti_key=key)
    monkeypatch.setenv("AIRFLOW__ALIYUN_SMS__CAMPAIGN_PAGE", "False")
    assert links.AliyunSmsCampaignLink().get_link(None, ti_key=key) == ""
