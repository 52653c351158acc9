# SPDX-License-Identifier: Apache-2.0
"""The hook against a simulator, over real HTTP."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, Connection, redact
from airflow.sdk import DAG, task
from connections import build_client

from airflow_provider_aliyunsms.exceptions import ConfigurationError, CredentialsError
from airflow_provider_aliyunsms.get_provider_info import get_provider_info
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
from airflow_provider_aliyunsms.hooks.settings import EXTRA_FIELDS, read_settings

NUMBER = "13800001234"
TEMPLATE = "SMS_152550005"


def beijing_day():
    return datetime.now(tz=UTC).astimezone(timezone(timedelta(hours=8))).strftime("%Y%m%d")


# ---- making one --------------------


def test_making_a_hook_touches_nothing():
    hook = AliyunSmsHook("no_such_connection")
    assert hook.aliyun_sms_conn_id == "no_such_connection"
    with pytest.raises(AirflowNotFoundException):
        hook.get_conn()


def test_the_default_connection_id_is_the_documented_one(aliyun_connection):
    assert AliyunSmsHook().connection.conn_id == "aliyun_sms_default"


def test_the_client_is_made_once(aliyun_connection):
    hook = AliyunSmsHook()
    assert hook.get_conn() is hook.get_conn()


def test_airflow_finds_the_hook_of_the_connection_type(aliyun_connection):
    found = AliyunSmsHook.get_hook("aliyun_sms_default")
    assert isinstance(found, AliyunSmsHook)
    assert found.aliyun_sms_conn_id == "aliyun_sms_default"


# ---- sending and looking up --------------------


def test_a_text_is_sent_once_and_can_be_looked_up(simulator, aliyun_connection):
    hook = AliyunSmsHook()
    sent = hook.send_sms(
        phone_numbers=[NUMBER],
        sign_name="阿里云",
        template_code=TEMPLATE,
        template_param={"code": "1234"},
        out_id="label-1",
    )
    page = hook.query_send_details(phone_number=NUMBER, send_date=beijing_day())
    assert simulator.counts() == {NUMBER: 1}
    assert sent.biz_id
    assert [(row.out_id, row.template_code) for row in page.details] == [("label-1", TEMPLATE)]


def test_the_signature_of_the_connection_is_the_default(simulator, set_connection):
    set_connection(login="testid", password="testsecret", host=simulator.url, extra={"sign_name": "默认签名"})
    hook = AliyunSmsHook()
    hook.send_sms(phone_numbers=[NUMBER], template_code=TEMPLATE)
    hook.send_sms(phone_numbers=["13800001235"], template_code=TEMPLATE, sign_name="另一个")
    texts = {message["number"]: message["content"] for message in simulator.messages()}
    assert texts[NUMBER].startswith("【默认签名】")
    assert texts["13800001235"].startswith("【另一个】")


def test_without_any_signature_nothing_is_sent(simulator, aliyun_connection):
    with pytest.raises(ConfigurationError, match="sign_name"):
        AliyunSmsHook().send_sms(phone_numbers=[NUMBER], template_code=TEMPLATE)
    assert simulator.counts() == {}


def test_an_unknown_globe_message_has_no_status(aliyun_connection):
    assert AliyunSmsHook().query_message(message_id="1008030300000000").status is None


def test_a_security_token_travels_with_every_call(set_connection):
    from airflow_provider_aliyunsms.simulator.server import running

    with running(security_token="testtoken") as gateway:
        set_connection(
            login="testid", password="testsecret", host=gateway.url, extra={"security_token": "testtoken"}
        )
        AliyunSmsHook().send_sms(phone_numbers=[NUMBER], sign_name="阿里云", template_code=TEMPLATE)
        assert gateway.counts() == {NUMBER: 1}


@pytest.mark.airflow
def test_a_task_can_use_it_inside_a_dag(run_dag, simulator, aliyun_connection):
    with DAG("hook_in_a_task") as dag:

        @task(retries=0)
        def send():
            answer = AliyunSmsHook().send_sms(
                phone_numbers=[NUMBER], sign_name="阿里云", template_code=TEMPLATE
            )
            return answer.biz_id

        send()

    assert run_dag(dag).xcom("send")
    assert simulator.counts() == {NUMBER: 1}


# ---- what a connection may say --------------------


def connection(**fields):
    extra = fields.pop("extra", None)
    if extra is not None and not isinstance(extra, str):
        extra = json.dumps(extra)
    return Connection(conn_id="c", conn_type="aliyun_sms", extra=extra, **fields)


def key(**fields):
    return connection(login="testid", password="testsecret", **fields)


def test_the_port_field_is_honoured(simulator):
    host, _, port = simulator.endpoint.partition(":")
    answer = build_client(key(host=f"http://{host}", port=int(port))).query_sms_sign_list()
    assert answer.total_count == 1


def test_a_connection_written_as_a_uri_works(simulator, monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_ALIYUN_SMS_DEFAULT",
        f"aliyun-sms://http://testid:testsecret@{simulator.endpoint}/?read_timeout=3&sign_name=sign",
    )
    hook = AliyunSmsHook()
    assert hook.get_conn().query_sms_sign_list().total_count == 1
    assert (hook.settings.read_timeout, hook.sign_name) == (3.0, "sign")


def test_blanks_round_a_copied_key_do_not_matter(simulator):
    client = build_client(connection(login=" testid ", password="testsecret\n", host=f" {simulator.url} "))
    assert client.query_sms_sign_list().total_count == 1


@pytest.mark.parametrize(
    ("login", "password", "named"),
    [
        (None, None, ["login", "password"]),
        ("", "testsecret", ["login"]),
        ("testid", "  ", ["password"]),
    ],
)
def test_missing_credentials_name_the_field_and_the_next_step(login, password, named):
    with pytest.raises(CredentialsError) as caught:
        build_client(connection(login=login, password=password))
    text = str(caught.value)
    assert [name for name in ("login", "password") if f"({name})" in text] == named
    assert "Next step: Create an AccessKey" in text


@pytest.mark.parametrize(
    "host",
    [
        "http://sms.example.com",
        "ftp://sms.example.com",
        "https://user:hunter2@sms.example.com",
        "https://sms.example.com/path",
    ],
)
def test_an_endpoint_that_would_leak_is_refused(host):
    with pytest.raises(ConfigurationError) as caught:
        build_client(key(host=host))
    assert "hunter2" not in str(caught.value)


def test_port_conflicts_are_refused():
    with pytest.raises(ConfigurationError, match="no host"):
        build_client(key(port=8443))
    with pytest.raises(ConfigurationError, match="another in its port field"):
        build_client(key(host="https://sms.example.com:8443", port=443))


def test_the_port_of_https_alone_is_the_default_endpoint():
    # the way to have the Test button of Airflow 3.3.2 work without a host
    assert read_settings(key(port=443)).endpoint is None


@pytest.mark.parametrize("field", ["connect_timeout", "read_timeout"])
@pytest.mark.parametrize("value", [0, -1, 301, True, "soon", [5], 1e999, "nan", 10**400])
def test_a_bad_timeout_is_refused_by_name(field, value):
    with pytest.raises(ConfigurationError, match=field):
        build_client(key(extra={field: value}))


@pytest.mark.parametrize(
    "field", ["region_id", "globe_region_id", "security_token", "sign_name", "sender_id"]
)
def test_a_text_field_that_is_no_text_is_refused_without_its_value(field):
    with pytest.raises(ConfigurationError, match=field) as caught:
        build_client(key(extra={field: {"a": "hunter2"}}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("extra", ['{"security_token": "hunter2"', '["hunter2"]', '"hunter2"', "hunter2"])
def test_a_broken_extra_is_refused_rather_than_dropped(extra):
    with pytest.raises(ConfigurationError, match="not a JSON object") as caught:
        build_client(key(extra=extra))
    assert "hunter2" not in repr(caught.value) + str(caught.value.__context__ or "")


@pytest.mark.parametrize(
    "extra", [{}, None, "", {"read_timeout": None}, {"read_timeout": ""}, {"region_id": ""}]
)
def test_empty_fields_mean_the_defaults(extra, simulator):
    assert build_client(key(host=simulator.url, extra=extra)).query_sms_sign_list().total_count == 1


def test_unknown_extras_are_ignored_with_one_line_that_shows_names_only(caplog, simulator):
    with caplog.at_level(logging.DEBUG, logger="airflow_provider_aliyunsms"):
        client = build_client(
            key(host=simulator.url, extra={"proxies": {"https": "http://hunter2"}, "verify": False})
        )
    assert client.query_sms_sign_list().total_count == 1
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("airflow_provider_aliyunsms.hooks")]
    assert len(lines) == 1
    assert "proxies" in lines[0]
    assert "verify" in lines[0]
    assert "hunter2" not in caplog.text


def test_nothing_secret_shows_in_a_repr(set_connection):
    set_connection(login="LTAItestid99", password="testsecret", extra={"security_token": "testtoken"})
    hook = AliyunSmsHook()
    shown = repr(hook.settings) + repr(hook.settings.credentials) + repr(hook.get_conn())
    assert "testsecret" not in shown
    assert "testtoken" not in shown
    assert "LTAItestid99" not in shown


def test_secret_and_token_are_masked_in_logs(set_connection):
    set_connection(login="testid", password="only-masked-1", extra={"security_token": "only-masked-2"})
    AliyunSmsHook().get_conn()
    assert redact("a only-masked-1 b only-masked-2 c") == "a *** b *** c"


# ---- the form of Airflow below 3.2 --------------------


def connection_type():
    (found,) = get_provider_info()["connection-types"]
    return found


def test_every_extra_that_is_read_is_in_the_form_and_the_other_way_round():
    assert set(connection_type()["conn-fields"]) == EXTRA_FIELDS


def test_the_old_and_the_new_form_agree_on_standard_fields():
    behaviour = connection_type()["ui-field-behaviour"]
    assert AliyunSmsHook.get_ui_field_behaviour() == {
        "hidden_fields": behaviour["hidden-fields"],
        "relabeling": behaviour["relabeling"],
        "placeholders": behaviour["placeholders"],
    }


def test_the_old_and_the_new_form_agree_on_extra_fields():
    from wtforms import Form

    form = type("ConnectionForm", (Form,), AliyunSmsHook.get_connection_form_widgets())()
    kinds = {"PasswordField": "password", "IntegerField": "integer", "StringField": "string"}
    old = {
        field.name: (field.label.text, field.description, field.default, kinds[type(field).__name__])
        for field in form
    }
    new = {
        name: (
            field["label"],
            field["description"],
            field["schema"].get("default"),
            field["schema"].get("format") or field["schema"]["type"][0],
        )
        for name, field in connection_type()["conn-fields"].items()
    }
    assert old == new


def test_the_defaults_of_the_form_are_the_defaults_of_the_hook(set_connection):
    set_connection(login="testid", password="testsecret")
    settings = AliyunSmsHook().settings
    for name, field in connection_type()["conn-fields"].items():
        assert getattr(settings, name, None) == field["schema"].get("default")
