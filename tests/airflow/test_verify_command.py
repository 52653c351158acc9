# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_provider_aliyunsms.verify`` as a process, against a simulator that listens."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from launcher.processes import free_ports, wait_for

OWN = "13800001234"
ABROAD = "+65 9123 4567"
SECRET = "testsecret"
TEMPLATE = ["--template-code", "SMS_152550005", "--template-param", '{"name": "张三丰"}']
QUICK = ["--spacing", "0", "--refusal-wait", "1", "--wait", "30"]
COMMAND = [sys.executable, "-m", "airflow_provider_aliyunsms.verify"]


@contextmanager
def started(*options):
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def checked(code, out, err):
    for private in (OWN, "6591234567", SECRET, "张三丰"):
        assert private not in out + err
    assert "Traceback" not in err
    return code, out, err


def verify(*options, answer=""):
    """Run the command and return its exit code and all that it has printed; no number or secret may be in it."""
    with started(*options) as process:
        out, err = process.communicate(answer, timeout=120)
    return checked(process.returncode, out, err)


@pytest.fixture
def verify_here(monkeypatch, capsys):
    """Give the same in this process: starting Airflow for each option takes longer than the rest of the test."""

    def run(*options, answer=""):
        from airflow_provider_aliyunsms.verify.command import main

        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        capsys.readouterr()
        try:
            code = main(options)
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return checked(code, shown.out, shown.err)

    return run


def sends(simulator):
    requests = simulator.stats()["requests"]
    return requests.get("SendBatchSms", 0) + requests.get("BatchSendMessageToGlobe", 0)


@pytest.fixture
def connection(simulator, set_connection):
    set_connection(
        conn_id="verify_me",
        login="testid",
        password=SECRET,
        host=simulator.url,
        extra={"sign_name": "阿里云"},
    )
    return "verify_me"


def test_a_script_gets_a_table_a_report_and_an_exit_code(connection, simulator, tmp_path):
    path = tmp_path / "facts.json"
    code, out, _ = verify(
        "--conn-id", connection, "--phone", OWN, *TEMPLATE, *QUICK, "--report", str(path), "--yes"
    )
    assert code == 0, out
    assert simulator.counts() == {OWN: 1}
    assert "138****1234" in out
    assert "Expected: 1 message on the phone and on the bill, at most 3" in out
    assert "as assumed: 6, differs: 0, not found out: 0" in out
    assert simulator.messages()[0]["content"].startswith("【阿里云】")
    text = path.read_text(encoding="utf-8")
    for private in (OWN, SECRET, "张三丰", "阿里云", "138****"):
        assert private not in text
    report = json.loads(text)
    assert (report["exit_code"], report["api"], report["settings"]) == (0, "china", {})
    assert {fact["result"] for fact in report["facts"]} == {"as assumed"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_differs_is_told_with_the_parameter_to_set(verify_here, connection, simulator, tmp_path):
    simulator.options(accepts_in_part=True, record_lag=3)
    path = tmp_path / "facts.json"
    code, out, _ = verify_here(
        "--conn-id", connection, "--phone", OWN, *TEMPLATE, *QUICK, "--report", str(path), "--yes"
    )
    assert code == 1, out
    assert "    refusal_wait=10," in out or "    refusal_wait=20," in out
    assert json.loads(path.read_text(encoding="utf-8"))["exit_code"] == 1
    assert simulator.counts() == {OWN: 2}


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yesterday\n"])
def test_without_a_yes_nothing_is_sent(verify_here, connection, simulator, tmp_path, answer):
    path = tmp_path / "facts.json"
    code, out, err = verify_here(
        "--conn-id", connection, "--phone", OWN, *TEMPLATE, "--report", str(path), answer=answer
    )
    assert code == 2
    assert "Send? [y/N]" in out
    assert "Nothing was sent." in err
    assert ("--yes" in err) is (answer == "")
    assert simulator.stats()["requests"] == {}
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_cannot_ask_sends_nothing(connection, simulator):
    code, _, err = verify("--conn-id", connection, "--phone", OWN, *TEMPLATE)
    assert code == 2
    assert "--yes" in err
    assert simulator.stats()["requests"] == {}


def test_a_yes_sends(verify_here, connection, simulator):
    code, out, _ = verify_here("--conn-id", connection, "--phone", OWN, *TEMPLATE, *QUICK, answer="y\n")
    assert code == 0, out
    assert simulator.counts() == {OWN: 1}


def test_globe(verify_here, connection, simulator):
    code, out, _ = verify_here("--conn-id", connection, "--api", "globe", "--phone", ABROAD, *QUICK, "--yes")
    assert code == 0, out
    assert simulator.counts() == {"6591234567": 2}
    assert "Expected: 2 messages" in out


def test_a_gateway_that_cannot_be_reached(set_connection):
    (port,) = free_ports(1)
    set_connection(
        conn_id="verify_me",
        login="testid",
        password=SECRET,
        host=f"http://127.0.0.1:{port}",
        extra={"sign_name": "a"},
    )
    code, out, _ = verify("--conn-id", "verify_me", "--phone", OWN, *TEMPLATE, "--yes")
    assert code == 2
    assert "ConnectionRefused" in out
    assert "Messages accepted by the gateway: 0." in out


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"login": "nobody", "password": SECRET}, "InvalidAccessKeyId.NotFound"),
        ({"login": "testid", "password": "another-secret"}, "SignatureDoesNotMatch"),
    ],
)
@pytest.mark.parametrize("api", ["china", "globe"])
def test_a_wrong_key_sends_nothing(verify_here, set_connection, simulator, api, fields, shown):
    set_connection(conn_id="verify_me", host=simulator.url, extra={"sign_name": "a"}, **fields)
    number = OWN if api == "china" else ABROAD
    code, out, err = verify_here(
        "--conn-id", "verify_me", "--api", api, "--phone", number, *TEMPLATE, "--yes"
    )
    assert code == 2
    assert shown in out
    assert "another-secret" not in out + err
    assert sends(simulator) == 0


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--phone", OWN], "--template-code"),
        (["--phone", "12345", *TEMPLATE], "--phone"),
        (["--phone", ABROAD, *TEMPLATE], "--api globe"),
        (["--phone", OWN, "--api", "globe"], "--api china"),
        (["--phone", OWN, *TEMPLATE, "--conn-id", "not_there"], "not_there"),
        (["--phone", OWN, *TEMPLATE, "--report", "/not/there/facts.json"], "--report"),
        (["--phone", OWN, *TEMPLATE, "--report", "/tmp"], "--report"),
        (["--phone", OWN, *TEMPLATE, "--wait", "-1"], "--wait"),
        (["--phone", OWN, *TEMPLATE, "--spacing", "841"], "--spacing"),
        (["--phone", OWN, "--template-param", "[1]"], "--template-param"),
        (["--phone", OWN, "--template-param", '{"name": 1}'], "--template-param"),
        ([], "--phone"),
    ],
)
def test_a_wrong_option_names_the_next_step_and_sends_nothing(
    verify_here, connection, simulator, options, shown
):
    code, _, err = verify_here("--conn-id", connection, *options, "--yes")
    assert code == 2
    assert shown in err
    assert simulator.stats()["requests"] == {}


def test_without_a_signature_anywhere_nothing_is_sent(verify_here, set_connection, simulator):
    set_connection(conn_id="verify_me", login="testid", password=SECRET, host=simulator.url)
    code, _, err = verify_here("--conn-id", "verify_me", "--phone", OWN, *TEMPLATE, "--yes")
    assert code == 2
    assert "--sign-name" in err
    assert simulator.stats()["requests"] == {}


def test_a_connection_in_airflows_database_is_found(airflow_db, simulator):
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    entry = Connection(
        conn_id="verify_in_database",
        conn_type="aliyun_sms",
        login="testid",
        password=SECRET,
        host=simulator.url,
        extra='{"sign_name": "阿里云"}',
    )
    with create_session() as session:
        session.add(entry)
    code, out, err = verify("--conn-id", "verify_in_database", "--phone", OWN, *TEMPLATE, *QUICK, "--yes")
    assert code == 0, out + err
    assert simulator.counts() == {OWN: 1}


def test_what_was_paid_for_is_told_when_it_is_stopped(connection, simulator, tmp_path):
    simulator.options(record_lag=3600)
    path = tmp_path / "facts.json"
    with started(
        "--conn-id", connection, "--phone", OWN, *TEMPLATE, "--report", str(path), "--yes"
    ) as process:
        wait_for(lambda: simulator.counts() == {OWN: 1}, timeout=120, what="the first message is sent")
        wait_for(
            lambda: simulator.stats()["requests"].get("QuerySendDetails", 0) > 3,
            timeout=120,
            what="its record is looked for",
        )
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Stopped." in err
    assert "Traceback" not in err
    assert "Messages accepted by the gateway: 1." in out
    assert json.loads(path.read_text(encoding="utf-8"))["messages"]["accepted"] == 1


def test_a_message_whose_answer_was_not_waited_for_may_have_been_sent(connection, simulator):
    simulator.misbehave("delay", action="SendBatchSms", seconds=8)
    with started("--conn-id", connection, "--phone", OWN, *TEMPLATE, "--yes") as process:
        wait_for(lambda: simulator.counts() == {OWN: 1}, timeout=120, what="the first message is sent")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in err
    assert "Perhaps accepted besides: 1." in out
