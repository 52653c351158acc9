# SPDX-License-Identifier: Apache-2.0
"""Failures of every kind, with a printer of tracebacks that shows the variables of every frame."""

from __future__ import annotations

import io
import logging
import traceback
from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG, task

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError
from airflow_provider_aliyunsms.notifications.aliyun_sms import AliyunSmsNotifier
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.private import forget_locals, without_locals
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

pytestmark = pytest.mark.airflow

NUMBER = "13800007788"
TEXT = "geheimer Text"
VALUE = "geheimer Wert"
SECRET = "geheimesSecret"
HIDDEN = (NUMBER, NUMBER[1:], "7700 900123", "447700900123", TEXT, VALUE, SECRET)
BROKEN = "{{ nothing.at.all }}"


def shown_with_locals(error):
    """Print an error as a tracker does: every frame with its variables, in both ways there are."""
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    rich_traceback, rich_console = pytest.importorskip("rich.traceback"), pytest.importorskip("rich.console")
    printed = io.StringIO()
    console = rich_console.Console(file=printed, width=400)
    options = {"show_locals": True, "locals_max_length": 1000, "locals_max_string": 10_000, "max_frames": 0}
    console.print(rich_traceback.Traceback.from_exception(type(error), error, error.__traceback__, **options))
    return plain + printed.getvalue()


def hidden_in(text):
    return [each for each in HIDDEN if each in text]


# --- templates that cannot be rendered --------------------------------------------------------------------

PEOPLE = [{"phone_number": NUMBER, "template_param": {"name": VALUE}}]
CHINA = {"recipients": PEOPLE, "template_code": "SMS_1", "sign_name": "测试"}
UNRENDERABLE = {
    "recipients": {"recipients": [*PEOPLE, {"phone_number": NUMBER, "sign_name": BROKEN}]},
    "recipients_syntax": {"recipients": [NUMBER, f"{VALUE} {{{{ 1 + }}}}"]},
    "template_param": {"template_param": {"name": VALUE, "other": f"{TEXT} {BROKEN}"}},
    "column_mapping": {"column_mapping": {NUMBER: BROKEN}},
    "sign_name": {"sign_name": f"{TEXT} {BROKEN}"},
    "division": {"template_param": {"name": f"{VALUE} {{{{ 1 / 0 }}}}"}},
    "variable": {"template_param": {"name": f"{VALUE} {{{{ var.value.not_there }}}}"}},
    "query": {
        "recipients": None,
        "recipients_conn_id": "people",
        "recipients_sql": f"SELECT '{NUMBER}' AS phone_number, {BROKEN}",
    },
    "query_file": {
        "recipients": None,
        "recipients_conn_id": "people",
        "recipients_sql": f"{NUMBER}.sql",
    },
    "parameters": {
        "recipients": None,
        "recipients_conn_id": "people",
        "recipients_sql": "SELECT ?",
        "recipients_parameters": [VALUE, BROKEN],
    },
}


@pytest.mark.parametrize("case", UNRENDERABLE)
def test_a_field_that_cannot_be_rendered_is_not_shown(
    run_dag, simulator, aliyun_connection, capfd, caplog, case
):
    caplog.set_level(logging.DEBUG)
    with DAG(f"unrenderable_{case}") as dag:
        AliyunSendBatchSmsOperator(task_id="send", **{**CHINA, **UNRENDERABLE[case]})
    assert run_dag(dag).states == {"send": "failed"}
    written = "".join(capfd.readouterr()) + caplog.text
    assert hidden_in(written) == []
    assert "cannot be rendered" in written
    assert simulator.stats()["requests"] == {}


def test_a_text_abroad_and_the_parts_of_a_mapped_task_are_not_shown_either(
    run_dag, simulator, aliyun_connection, capfd, caplog
):
    caplog.set_level(logging.DEBUG)
    with DAG("unrenderable_globe") as dag:
        AliyunBatchSendMessageToGlobeOperator(
            task_id="send", recipients=["+447700900123"], message=f"{TEXT} {BROKEN}"
        )
        AliyunBatchSendMessageToGlobeOperator.partial(task_id="each", message=f"{TEXT} {BROKEN}").expand(
            recipients=[["+447700900123"], ["+447700900123"]]
        )
        AliyunSmsDeliverySensor(task_id="wait", campaign=[{"receipts": [{"to": NUMBER}]}, BROKEN])

        @task.aliyun_sms(template_code="SMS_1", sign_name="测试")
        def decorated(numbers):
            return numbers

        decorated([NUMBER, BROKEN])
    assert set(run_dag(dag).states.values()) == {"failed"}
    written = "".join(capfd.readouterr()) + caplog.text
    assert hidden_in(written) == []
    assert written.count("cannot be rendered") >= 5


def test_the_error_says_which_field_and_what_is_undefined():
    operator = AliyunSendBatchSmsOperator(
        task_id="send", **{**CHINA, "sign_name": "{{ brand }} {{ brand.x }}"}
    )
    with pytest.raises(ConfigurationError) as caught:
        operator.render_template_fields({})
    assert caught.value.message.startswith(
        "the field sign_name cannot be rendered (UndefinedError: brand is undefined)"
    )
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert hidden_in(shown_with_locals(caught.value)) == []


def test_a_skip_in_a_template_is_a_skip(run_dag, aliyun_connection):
    from airflow.sdk.exceptions import AirflowSkipException

    def skip(context, jinja_env):
        raise AirflowSkipException("nothing today")

    with DAG("skipping_template") as dag:
        AliyunSendBatchSmsOperator(task_id="send", **{**CHINA, "sign_name": skip})
    assert run_dag(dag).states == {"send": "skipped"}


@pytest.mark.parametrize("broken", ["phone_numbers", "template_param"])
def test_an_alert_that_cannot_be_rendered_shows_nothing(simulator, aliyun_connection, capfd, caplog, broken):
    caplog.set_level(logging.DEBUG)
    fields = {"phone_numbers": [NUMBER], "template_param": {"text": VALUE}}
    fields[broken] = [NUMBER, BROKEN] if broken == "phone_numbers" else {"text": f"{VALUE} {BROKEN}"}
    AliyunSmsNotifier(template_code="SMS_1", sign_name="测试", **fields)({"dag": None})
    written = "".join(capfd.readouterr()) + caplog.text
    assert hidden_in(written) == []
    assert f"the field {broken} cannot be rendered" in written
    assert simulator.counts() == {NUMBER: 1}, "an alert with a gap is better than none"


# --- texts that look like files ---------------------------------------------------------------------------


def test_a_text_that_ends_like_a_file_is_a_text(run_dag, simulator, aliyun_connection, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    with DAG("ends_in_sql") as dag:
        AliyunSendBatchSmsOperator(
            task_id="send", **CHINA | {"template_param": {"file": "geheimer Wert.sql"}}
        )
        AliyunBatchSendMessageToGlobeOperator(
            task_id="globe", recipients=["+447700900123"], message="geheimer Text.sql"
        )
        AliyunSendBatchSmsOperator(task_id="list", **CHINA | {"recipients": [NUMBER, f"{NUMBER}.sql"]})
    dag.resolve_template_files()
    outcome = run_dag(dag)
    assert (outcome.states["send"], outcome.states["globe"]) == ("success", "success")
    assert {message["content"] for message in simulator.messages()} >= {"geheimer Text.sql"}
    written = "".join(capfd.readouterr()) + caplog.text
    assert hidden_in(written) == []
    assert "Failed to" not in written


# --- errors on the way, with variables --------------------------------------------------------------------


def operator(**changes):
    made = AliyunSendBatchSmsOperator(
        task_id="send", **{**CHINA, "template_param": {"name": VALUE}, **changes}
    )
    made.render_template_fields({})
    return made


class Instance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "d", "send", "r", -1, 1, 0

    def xcom_push(self, **_):
        return None


def context():
    return {"ti": Instance()}


def caught_from(call):
    with pytest.raises(Exception, match=r".") as caught:
        call()
    return caught.value


FAULTS = {
    "doomed": {"fault": "doomed"},
    "unclear": {"fault": "drop_after", "times": None},
    "refused": {"fault": "error_500", "times": None},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_frame_of_a_failed_send_shows_a_number(simulator, aliyun_connection, airflow_db, fault, tmp_path):
    simulator.misbehave(**FAULTS[fault])
    simulator.options(record_lag=3600)
    sending = operator(evidence_wait=0.5, ledger_path=str(tmp_path), network_patience=2.0)
    error = caught_from(lambda: sending.execute(context()))
    shown = shown_with_locals(error)
    assert hidden_in(shown) == []
    assert "execute" in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": [NUMBER, {"phone_number": NUMBER, NUMBER: {"a": object()}}]},
        {"recipients": [{"template_param": {"name": VALUE}}]},
        {"recipients": f"/nowhere/{NUMBER[:3]}.csv"},
        {"encoding": "utf-8"},
        {"receipts_path": "nowhere://x.jsonl"},
        {"sign_name": None},
    ],
    ids=range(6),
)
def test_no_frame_of_a_refused_audience_shows_a_number(
    simulator, aliyun_connection, airflow_db, changes, tmp_path
):
    sending = operator(ledger_path=str(tmp_path), on_empty="fail", **changes)
    error = caught_from(lambda: sending.execute(context()))
    assert hidden_in(shown_with_locals(error)) == []


def test_an_error_nobody_foresaw_has_no_variables_either(
    simulator, aliyun_connection, airflow_db, monkeypatch
):
    from airflow_provider_aliyunsms.api.transport import Transport

    def broken(self, request):
        body = request.body
        raise ZeroDivisionError(len(body))

    monkeypatch.setattr(Transport, "_exchange", broken)
    sending = operator()
    error = caught_from(lambda: sending.execute(context()))
    shown = shown_with_locals(error)
    assert hidden_in(shown) == []
    assert "ZeroDivisionError" in shown
    assert "broken" in shown


def test_a_decorated_function_that_fails_shows_no_variables(run_dag, aliyun_connection, airflow_db):
    from airflow_provider_aliyunsms.decorators.aliyun_sms import _ChinaDecorated

    def people(numbers):
        mine = [*numbers, NUMBER]
        raise ValueError(len(mine))

    made = _ChinaDecorated(
        task_id="send", python_callable=people, op_args=[[NUMBER]], template_code="SMS_1", sign_name="测试"
    )
    made.render_template_fields({})
    error = caught_from(lambda: made.execute(context()))
    assert hidden_in(shown_with_locals(error)) == []


def campaign():
    receipt = {"phone_number": NUMBER, "outcome": "accepted", "out_id": "o", "time": "2026-01-02T03:00:00Z"}
    return {
        "campaign_id": "c",
        "api": "SendBatchSms",
        "accepted": 1,
        "finished_at": datetime.now(UTC).isoformat(),
        "receipts": [receipt],
    }


@pytest.mark.parametrize("deferrable", [False, True])
def test_no_frame_of_a_failed_sensor_shows_a_number(simulator, aliyun_connection, airflow_db, deferrable):
    simulator.misbehave("doomed", action="QuerySendDetails", times=None)
    sensor = AliyunSmsDeliverySensor(task_id="wait", campaign=campaign(), deferrable=deferrable)
    sensor.render_template_fields({})
    error = caught_from(lambda: sensor.execute(context()))
    assert isinstance(error, AliyunSmsError)
    assert hidden_in(shown_with_locals(error)) == []


@pytest.mark.parametrize("method", ["send_sms", "query_send_details"])
def test_no_frame_of_a_hook_shows_a_number(simulator, set_connection, airflow_db, method):
    from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

    set_connection(login="testid", password=SECRET, host=simulator.url)
    calls = {
        "send_sms": {
            "phone_numbers": [NUMBER],
            "template_code": "SMS_1",
            "sign_name": TEXT,
            "template_param": {"name": VALUE},
        },
        "query_send_details": {"phone_number": NUMBER, "send_date": "20260102"},
    }

    @without_locals
    def call():
        getattr(AliyunSmsHook(), method)(**calls[method])

    def only_ours():
        call()

    error = caught_from(only_ours)
    error.__traceback__ = error.__traceback__.tb_next.tb_next
    assert hidden_in(shown_with_locals(error)) == []


def test_causes_and_groups_are_emptied_as_well():
    def deep(number):
        try:
            raise ValueError("inner")
        except ValueError as inner:
            raise ExceptionGroup("group", [inner, KeyError("x")]) from inner

    error = caught_from(lambda: deep(NUMBER))
    assert NUMBER in shown_with_locals(error)
    forget_locals(error)
    error.__traceback__ = error.__traceback__.tb_next
    assert NUMBER not in shown_with_locals(error)
