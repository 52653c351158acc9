# SPDX-License-Identifier: Apache-2.0
"""Where a connection says its credentials come from, through hook, form, Test button and a running campaign."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import redact
from airflow.sdk import DAG, Connection
from connections import build_client
from credential_services import STALE_AT_ONCE, issued, serving

from airflow_provider_aliyunsms.exceptions import ConfigurationError, ConnectionNotMadeError, CredentialsError
from airflow_provider_aliyunsms.get_provider_info import get_provider_info
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
from airflow_provider_aliyunsms.hooks.settings import CREDENTIAL_TYPES, read_settings
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.simulator.options import Options
from airflow_provider_aliyunsms.simulator.server import prepare

NUMBER = "13800001234"


def connection(*, conn_type="aliyun_sms", extra=None, **fields):
    return Connection(conn_id="c", conn_type=conn_type, extra=json.dumps(extra or {}), **fields)


def send(hook):
    return hook.send_sms(phone_numbers=[NUMBER], sign_name="阿里云", template_code="SMS_1")


# ---- AccessKey and token --------------------


def test_an_access_key_is_the_default_and_may_be_named(simulator):
    for extra in ({}, {"credential_type": "access_key"}, {"credential_type": ""}, {"credential_type": None}):
        found = connection(login="testid", password="testsecret", host=simulator.url, extra=extra)
        assert build_client(found).query_sms_sign_list().total_count == 1


def test_sts_needs_its_token(set_connection):
    set_connection(login="testid", password="testsecret", extra={"credential_type": "sts"})
    with pytest.raises(CredentialsError, match="security_token"):
        AliyunSmsHook().get_conn()


def test_an_unknown_type_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError) as caught:
        read_settings(connection(login="a", password="b", extra={"credential_type": "hunter2"}))
    assert "oidc_role_arn" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_form_offers_the_types_that_are_read():
    (found,) = get_provider_info()["connection-types"]
    assert tuple(sorted(found["conn-fields"]["credential_type"]["schema"]["enum"])) == tuple(
        sorted(CREDENTIAL_TYPES)
    )


# ---- connections of the official provider --------------------


def test_a_connection_of_the_official_provider_is_reused(simulator, monkeypatch):
    extra = {
        "auth_type": "AK",
        "access_key_id": "testid",
        "access_key_secret": "testsecret",
        "region": "cn-beijing",
    }
    value = {"conn_type": "alibaba_cloud", "host": simulator.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ALIBABA_DEFAULT", json.dumps(value))
    hook = AliyunSmsHook("alibaba_default")
    send(hook)
    assert simulator.counts() == {NUMBER: 1}
    ok, message = hook.test_connection()
    assert ok, message
    assert "testsecret" not in message


def test_a_connection_of_the_official_provider_without_a_key_says_which_field():
    with pytest.raises(CredentialsError, match=r"access_key_secret \(extra\)"):
        build_client(connection(conn_type="alibaba_cloud", extra={"access_key_id": "testid"}))
    with pytest.raises(CredentialsError, match="auth_type AK"):
        build_client(
            connection(conn_type="alibaba_cloud", extra={"auth_type": "STS", "access_key_id": "testid"})
        )


def test_our_own_connections_do_not_read_a_key_from_the_extra():
    with pytest.raises(CredentialsError, match="login"):
        build_client(connection(extra={"access_key_id": "testid", "access_key_secret": "testsecret"}))


# ---- what a connection may not ask for --------------------


@pytest.mark.parametrize(
    ("credential_type", "field", "value"),
    [
        ("credentials_uri", "credentials_uri", "http://10.0.0.1/credentials"),
        ("credentials_uri", "credentials_uri", "https://user:hunter2@example.com/"),
        ("credentials_uri", "credentials_uri", "file:///etc/hunter2"),
        ("credentials_uri", "credentials_uri", "hunter2"),
        ("credentials_uri", "credentials_uri", "http://[hunter2"),
        ("oidc_role_arn", "sts_endpoint", "hunter2.example.com"),
        ("oidc_role_arn", "sts_endpoint", "sts.aliyuncs.com.hunter2.example"),
        ("oidc_role_arn", "sts_endpoint", "sts.aliyuncs.com/hunter2"),
        ("oidc_role_arn", "role_session_expiration", 60),
        ("oidc_role_arn", "role_session_expiration", "hunter2"),
        ("oidc_role_arn", "role_session_expiration", True),
        ("oidc_role_arn", "role_arn", ["hunter2"]),
        ("ecs_ram_role", "disable_imds_v1", "hunter2"),
    ],
)
def test_a_field_that_would_leak_or_is_wrong_is_refused_by_name(credential_type, field, value):
    with pytest.raises(ConfigurationError, match=field) as caught:
        read_settings(connection(extra={"credential_type": credential_type, field: value}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", [True, "true", "1", "Yes"])
def test_a_flag_may_be_text(value):
    settings = read_settings(connection(extra={"credential_type": "ecs_ram_role", "disable_imds_v1": value}))
    assert settings.credentials.options == (("disable_imds_v1", True),)


def test_every_field_of_a_role_reaches_the_package_and_others_do_not():
    role = {
        "role_arn": "acs:ram::1:role/sms",
        "role_session_name": "airflow",
        "role_session_expiration": "1800",
        "policy": "{}",
        "external_id": "x",
        "sts_endpoint": "sts-vpc.cn-hangzhou.aliyuncs.com",
    }
    extra = {
        "credential_type": "ram_role_arn",
        "credentials_uri": "not read",
        "role_name": "not read",
        **role,
    }
    settings = read_settings(connection(login="testid", password="testsecret", extra=extra))
    assert dict(settings.credentials.options) == role | {"role_session_expiration": 1800}
    assert settings.credentials.access_key.access_key_id == "testid"


def test_assuming_a_role_needs_an_access_key():
    with pytest.raises(CredentialsError, match="login"):
        read_settings(connection(extra={"credential_type": "ram_role_arn", "role_arn": "r"}))


# ---- credentials that renew themselves --------------------


@pytest.fixture
def from_uri(set_connection):
    """Give a function that points the default connection at a gateway and at a credentials URI."""

    def point(*, host, uri):
        set_connection(host=host, extra={"credential_type": "credentials_uri", "credentials_uri": uri})

    return point


def test_the_test_button_fetches_and_tries_them(from_uri):
    from airflow_provider_aliyunsms.simulator.server import running

    with (
        running(security_token="testtoken") as gateway,
        serving(lambda path: (200, {"Code": "Success", **issued("testid")})) as service,
    ):
        from_uri(host=gateway.url, uri=f"{service.url}/button")
        ok, message = AliyunSmsHook().test_connection()
    assert ok, message


def test_the_test_button_says_that_there_are_none(from_uri, simulator):
    with serving(lambda path: (403, {"Code": "NoPermission", "Message": "hunter2"})) as service:
        from_uri(host=simulator.url, uri=f"{service.url}/refused")
        ok, message = AliyunSmsHook().test_connection()
    assert not ok
    assert "NoPermission" in message
    assert "hunter2" not in message


def test_a_refusal_is_found_before_anything_is_sent_and_a_passing_failure_may_be_retried(from_uri, simulator):
    answers = iter([(403, {"Code": "NoPermission"}), (503, "")])
    with serving(lambda path: next(answers)) as service:
        from_uri(host=simulator.url, uri=f"{service.url}/hook")
        with pytest.raises(CredentialsError):
            AliyunSmsHook().get_conn()
        with pytest.raises(ConnectionNotMadeError):
            AliyunSmsHook().get_conn()


def test_what_was_fetched_is_masked_in_logs(from_uri, simulator):
    fetched = issued("testid", secret="fetched-secret", token="fetched-token")
    with serving(lambda path: (200, {"Code": "Success", **fetched})) as service:
        from_uri(host=simulator.url, uri=f"{service.url}/masked")
        AliyunSmsHook().get_conn()
    assert redact("a fetched-secret b fetched-token c") == "a *** b *** c"


@contextmanager
def gateway_whose_key_can_change(**settings):
    """A simulator with its state in our hand, so that the key it accepts can be rotated."""
    server = prepare(
        Options(
            security_token="token-1",
            access_key_id="key-1",
            access_key_secret="secret-1",
            delivery_delay=0,
            **settings,
        ),
        host="127.0.0.1",
        port=0,
    )
    thread = threading.Thread(target=server.serve_until_stopped, daemon=True)
    thread.start()
    assert server.ready.wait(10)
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)


def rotating_service(server, *, every):
    """Hand out a new key at every n-th request, and have the gateway refuse the old one from then on."""
    asked = 0

    def answer(path):
        nonlocal asked
        generation = asked // every + 1
        asked += 1
        key = f"key-{generation}"
        options = server.state.options
        options.access_key_id, options.access_key_secret = key, f"secret-{generation}"
        options.security_token = f"token-{generation}"
        fresh = issued(
            key, secret=f"secret-{generation}", token=f"token-{generation}", lifetime=STALE_AT_ONCE
        )
        return 200, {"Code": "Success", **fresh}

    return serving(answer)


@pytest.mark.airflow
def test_a_key_that_is_rotated_in_the_middle_of_a_campaign_is_picked_up(run_dag, from_uri):
    with gateway_whose_key_can_change() as server, rotating_service(server, every=3) as service:
        from_uri(host=server.url, uri=f"{service.url}/rotation")
        with DAG("rotation_in_a_campaign") as dag:
            AliyunSendBatchSmsOperator(
                task_id="send",
                recipients=[f"138000{number:05d}" for number in range(1000, 1120)],
                template_code="SMS_1",
                sign_name="阿里云",
                chunk_size=10,
                # one call at a time: the gateway here refuses the old key at once, the real one lets it expire
                max_concurrency=1,
                retries=0,
            )
        outcome = run_dag(dag)
        assert outcome.state == "success"
        assert outcome.xcom("send")["accepted"] == 120
        assert int(server.state.options.access_key_id.removeprefix("key-")) >= 5, (
            "it was rotated several times"
        )
        counts = server.state.inbox.counts(duplicates_only=False)
        assert set(counts.values()) == {1}
        assert len(counts) == 120


@pytest.mark.airflow
def test_a_lost_answer_across_a_rotation_is_replayed_with_the_key_it_was_signed_with(run_dag, from_uri):
    """The gateway knows a nonce by its key: signed with a new one the copy would be a second message."""
    from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient

    with gateway_whose_key_can_change(globe_qps=1000) as server:

        def answer(path):
            # Once the call has come, every fetch gives another key, and the gateway takes it from then on.
            key = "key-2" if server.state.requests else "key-1"
            server.state.options.access_key_id = key
            token = {"secret": "secret-1", "token": "token-1", "lifetime": STALE_AT_ONCE}
            return 200, {"Code": "Success", **issued(key, **token)}

        with serving(answer) as service:
            from_uri(host=server.url, uri=f"{service.url}/replay")
            client = SimulatorClient(server.url)
            client.misbehave("drop_after", action="BatchSendMessageToGlobe", times=1)
            with DAG("rotation_and_replay") as dag:
                AliyunBatchSendMessageToGlobeOperator(
                    task_id="send",
                    recipients=["+447700900123"],
                    message="Hello",
                    retries=0,
                    evidence_wait=timedelta(seconds=3),
                )
            outcome = run_dag(dag)
            # seen by the gateway, and nothing can be looked up: unknown, and never sent a second time
            assert outcome.state == "failed"
            assert client.counts() == {"447700900123": 1}
            assert client.stats()["refused"] == {"SignatureNonceUsed": 1}
            client.close()
