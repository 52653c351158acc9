# SPDX-License-Identifier: Apache-2.0
"""What no retry would mend fails the task at once, and is still the error that it was."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError, CredentialsError
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.operators.failures import final, without_retries

CREDENTIALS, CONFIGURATION, AUDIENCE = (
    "FinalCredentialsError",
    "FinalConfigurationError",
    "FinalAudienceError",
)


@pytest.fixture
def failed(run_dag, simulator, aliyun_connection, set_connection, capsys):
    """Give a function that runs a send with something wrong; returns tries, kind and text of the error."""

    def run(**parameters):
        set_connection(conn_id="empty", host=simulator.url)
        parameters = {"recipients": ["13800000001"], "sign_name": "阿里云", **parameters}
        with DAG("final_errors") as dag:
            AliyunSendBatchSmsOperator(task_id="send", template_code="SMS_1", retries=2, **parameters)
        outcome = run_dag(dag)
        assert outcome.states == {"send": "failed"}
        assert simulator.stats()["requests"] == {}
        output = capsys.readouterr().out
        assert "XCom not found" not in output, "an error line of a link that looked for receipts"
        kind, text = re.findall(
            r"^\S+\.(\w+Error): (.*?)\nNext step", output, flags=re.MULTILINE | re.DOTALL
        )[-1]
        return outcome.tries["send"], kind, " ".join(text.split())

    return run


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        ({"encoding": "klingon", "recipients": "a.csv"}, CONFIGURATION, "encoding"),
        ({"dry_run": "perhaps"}, CONFIGURATION, "dry_run"),
        ({"recipients": "a.bin"}, CONFIGURATION, "Recipients given as text"),
        ({"recipients": "nowhere://bucket/a.csv"}, CONFIGURATION, "nowhere://"),
        ({"sign_name": None}, CONFIGURATION, "there is no signature"),
        ({"aliyun_sms_conn_id": "empty"}, CREDENTIALS, "login"),
        ({"recipients": ["13800000001", ("13800000002",)]}, AUDIENCE, "Row 2 is of type tuple"),
        ({"recipients": [], "on_empty": "fail"}, AUDIENCE, "the audience is empty"),
        ({"recipients": ["13800000001", "12"], "max_rejected": 0}, AUDIENCE, "1 of 2 rows were rejected"),
    ],
)
def test_what_no_retry_would_mend_fails_at_once(failed, wrong, kind, said):
    tries, found, text = failed(**wrong)
    assert (tries, found) == (1, kind)
    assert said in text


@pytest.mark.airflow
def test_what_may_pass_is_retried(failed):
    assert failed(recipients="/not/there/yet.csv", retry_delay=timedelta(0))[:2] == (3, "AudienceError")


@pytest.mark.airflow
def test_a_function_may_do_better_in_the_next_try(run_dag, simulator, aliyun_connection):
    answers = iter([[7], ["13800000001"]])
    with DAG("final_function") as dag:

        @task.aliyun_sms(template_code="SMS_1", sign_name="阿里云", retries=1, retry_delay=timedelta(0))
        def send():
            return next(answers)

        send()
    assert run_dag(dag).tries["send"] == 2
    assert simulator.counts() == {"13800000001": 1}


def test_the_error_is_still_the_one_it_was():
    with (
        pytest.raises(ConfigurationError, match=r"wrong \[code=x\]\nNext step: mend it") as caught,
        without_retries(),
    ):
        raise ConfigurationError("wrong", code="x", advice="mend it")
    assert isinstance(caught.value, AirflowFailException)
    assert not isinstance(caught.value, CredentialsError)
    assert isinstance(final(CredentialsError("none")), CredentialsError)
    assert final(AudienceError("bad", row=3, field="to")).row == 3
