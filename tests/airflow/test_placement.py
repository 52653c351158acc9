# SPDX-License-Identifier: Apache-2.0
"""What cannot work on several machines is said, by the send before it begins and by the sensor that finds nothing."""

from __future__ import annotations

import pytest

HEAD = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

PEOPLE = [f"1380000{{i:04d}}" for i in range(5)]

with DAG("{dag_id}", schedule=None, default_args={{"retries": 0}}) as dag:
    send = AliyunSendBatchSmsOperator(
        task_id="send", recipients=PEOPLE, template_code="SMS_1", sign_name="测试", {parameters}
    )
    {rest}
"""


@pytest.fixture
def run_task(run_dag, tmp_path, aliyun_connection):
    def run(dag_id, parameters, rest=""):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id, parameters=parameters, rest=rest), encoding="utf-8")
        return run_dag(path)

    return run


@pytest.mark.parametrize(
    ("executor", "asked_for", "told"),
    [
        ("LocalExecutor", None, None),
        ("CeleryExecutor", None, "CeleryExecutor"),
        (
            "airflow.providers.cncf.kubernetes.executors.kubernetes_executor.KubernetesExecutor",
            None,
            "KubernetesExecutor",
        ),
        ("LocalExecutor,CeleryExecutor", None, None),
        ("LocalExecutor,CeleryExecutor", "CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor,pods:a.b.KubernetesExecutor", "pods", "KubernetesExecutor"),
        ("LocalExecutor,pods:a.b.KubernetesExecutor", "a.b.KubernetesExecutor", "KubernetesExecutor"),
        ("CeleryExecutor,LocalExecutor", "LocalExecutor", None),
    ],
)
def test_the_executor_of_a_task_is_known(airflow_db, monkeypatch, executor, asked_for, told):
    from airflow_provider_aliyunsms.operators.placement import remote_executor

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert remote_executor(asked_for) == told


@pytest.mark.parametrize("executor", ["LocalExecutor", "CeleryExecutor"])
def test_local_places_are_told_where_tasks_run_on_several_machines(
    run_task, tmp_path, monkeypatch, caplog, executor
):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    places = f"ledger_path={str(tmp_path / 'ledger')!r}, receipts_path='file://{tmp_path}/receipts.jsonl'"
    assert run_task(f"places_{executor.lower()}", places).state == "success"
    printed = caplog.text
    for name in ("ledger_path", "receipts_path"):
        assert (f"{name} is on this machine's disk, and CeleryExecutor" in printed) is (
            executor == "CeleryExecutor"
        )


def test_a_sensor_that_finds_no_receipts_names_the_machine_that_has_them(
    run_task, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr("airflow_provider_aliyunsms.operators.receipts.gethostname", lambda: "worker-1")
    monkeypatch.setattr("airflow_provider_aliyunsms.delivery.tracking.gethostname", lambda: "worker-2")
    receipts = tmp_path / "receipts.jsonl"
    rest = (
        f"from airflow.providers.common.compat.sdk import task\n    import os\n"
        f"    remove = task(lambda: os.remove({str(receipts)!r}), task_id='remove')()\n"
        "    send >> remove >> AliyunSmsDeliverySensor(task_id='wait', campaign=send.output)"
    )
    outcome = run_task("receipts_elsewhere", f"receipts_path={str(receipts)!r}", rest)
    assert outcome.xcom("send")["receipts_host"] == "worker-1"
    assert outcome.states["wait"] == "failed"
    assert "it is on the disk of worker-1, and this is worker-2" in joined("".join(capfd.readouterr()))


def joined(text):
    """Return a log with the lines of one text put together again."""
    return " ".join(text.split())
