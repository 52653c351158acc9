# SPDX-License-Identifier: Apache-2.0
"""What is done beside sending fails, in a real Airflow, and the campaign does not notice."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat import sdk
from airflow.sdk import DAG, task
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.operators.figures import CampaignFigures

pytestmark = pytest.mark.airflow

PEOPLE = [f"1380008{n:04d}" for n in range(4)]


@pytest.fixture
def sent(run_dag, aliyun_connection, tmp_path):
    """Give a function that runs a campaign of one id, and returns the outcome."""

    def send(**parameters):
        fixed = {"campaign_id": "spring", "ledger_path": str(tmp_path / "ledger"), "sign_name": "测试"}
        with DAG("beside") as dag:
            AliyunSendBatchSmsOperator(task_id="send", template_code="SMS_1", **{**fixed, **parameters})
        return run_dag(dag)

    return send


@pytest.mark.parametrize("kind", [sdk.AirflowSkipException, sdk.AirflowFailException, ValueError])
def test_words_of_an_error_that_is_not_ours_stay_out_of_the_figures(run_dag, aliyun_connection, kind):
    with DAG("beside_words") as dag:

        @task.aliyun_sms(template_code="SMS_1", sign_name="测试")
        def send():
            yield PEOPLE[0]
            raise kind(f"{PEOPLE[1]} has no contract")

        send()
    outcome = run_dag(dag)
    assert outcome.states == {"send": "skipped" if kind is sdk.AirflowSkipException else "failed"}
    figures = outcome.xcom("send", "aliyun_sms_campaign")
    assert (figures["ended"], figures["ending"]) == (1, kind.__name__)


class Raising:
    """Metrics of a deployment in which each call fails."""

    def __getattr__(self, name):
        raise OSError


def without_stats(found):
    """Return what a module finds lazily, but for the metrics."""

    def find(name):
        if name == "Stats":
            raise ImportError(name)
        return found(name)

    return find


@pytest.mark.parametrize("how", ["missing", "raising"])
def test_metrics_that_are_missing_or_raise_change_nothing(sent, simulator, monkeypatch, how):
    if how == "missing":
        monkeypatch.delitem(vars(sdk), "Stats", raising=False)
        monkeypatch.setattr(sdk, "__getattr__", without_stats(sdk.__getattr__))
    else:
        monkeypatch.setattr(sdk, "Stats", Raising(), raising=False)
    outcome = sent(recipients=PEOPLE)
    assert outcome.states == {"send": "success"}
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)


@pytest.mark.parametrize("raised", [RuntimeError, RecursionError])
def test_xcoms_that_cannot_be_kept_lose_the_figures_and_nothing_else(sent, simulator, monkeypatch, raised):
    """Neither at the beginning nor at the end of a try."""
    push = RuntimeTaskInstance.xcom_push

    def refusing(self, key, value):
        if key == "aliyun_sms_campaign":
            raise raised(f"cannot keep {value}")
        push(self, key, value)

    monkeypatch.setattr(RuntimeTaskInstance, "xcom_push", refusing)
    outcome = sent(recipients=PEOPLE)
    assert outcome.states == {"send": "success"}
    assert "aliyun_sms_campaign" not in outcome.xcoms["send"]
    assert outcome.xcom("send")["accepted"] == 4
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)


@pytest.mark.parametrize("summary", [{"total": 1}, {"total": 1, "errors": None}])
def test_figures_that_cannot_be_counted_end_no_try(summary):
    class Instance:
        try_number = 1
        pushed = ()

        def xcom_push(self, *, key, value):
            self.pushed += ((key, value["ended"]),)

    ti = Instance()
    with CampaignFigures(context={"ti": ti}, facts=dict) as figures:
        figures.summary = summary
    assert ti.pushed == (("aliyun_sms_campaign", 0),)
