# SPDX-License-Identifier: Apache-2.0
"""The command as a real process: its one line, its journal, its death."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import airflow_provider_aliyunsms
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient
from airflow_provider_aliyunsms.simulator.server import running

ROOT = Path(airflow_provider_aliyunsms.__file__).parents[1]
COMMAND = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main"]
LINE = "aliyunsms-simulator listening on "
NUMBER = "13800001234"


@contextmanager
def started(*arguments):
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith(LINE), process.stderr.read()
        client = SimulatorClient(line.removeprefix(LINE).strip())
        yield process, client
        client.close()
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


def test_a_killed_simulator_remembers_messages_and_nonces(tmp_path, raw_client, today):
    journal = tmp_path / "journal.jsonl"
    with started("--journal", str(journal), "--delivery-delay", "0", "--globe-qps", "0") as (
        process,
        simulator,
    ):
        raw = raw_client(simulator.url)
        signed = raw.sign("SendBatchSms", raw.batch(NUMBER, "13800005678", OutId="before"))
        biz_id = signed.send().json()["BizId"]
        raw.call("BatchSendMessageToGlobe", raw.globe("85251001234"))
        simulator.misbehave("drop_after")
        with pytest.raises(OSError, match="reset"):
            raw.call("SendBatchSms", raw.batch(NUMBER, OutId="lost answer"))
        message = simulator.messages(number="85251001234")[0]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with started("--journal", str(journal), "--delivery-delay", "0") as (_, simulator):
        raw = raw_client(simulator.url)
        assert simulator.counts() == {NUMBER: 2, "13800005678": 1, "85251001234": 1}
        rows = raw.details(NUMBER)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
        assert [row["OutId"] for row in rows] == ["lost answer", "before"]
        assert raw.details("13800005678", BizId=biz_id)["TotalCount"] == 1
        assert simulator.messages(number="85251001234")[0] == message
        replay = raw.sign("QuerySmsSignList", nonce=signed.headers["x-acs-signature-nonce"])
        assert replay.send().json()["Code"] == "SignatureNonceUsed"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_a_line_cut_short_by_the_kill_is_dropped(tmp_path, raw_client):
    journal = tmp_path / "journal.jsonl"
    with running(journal=journal) as simulator:
        raw = raw_client(simulator.url)
        raw.call("SendBatchSms", raw.batch(NUMBER))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"accepted":{"api":"chi')
    for expected in (1, 2):
        with running(journal=journal) as simulator:
            assert simulator.counts() == {NUMBER: expected}
            raw = raw_client(simulator.url)
            raw.call("SendBatchSms", raw.batch(NUMBER))
    assert journal.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"accepted":{},"rows":[]}', '{"nonce":["a"]}'])
def test_a_journal_that_is_none_is_refused(tmp_path, line):
    journal = tmp_path / "journal.jsonl"
    journal.write_text(line + "\n")
    with pytest.raises(ConfigurationError, match="line 1 "), running(journal=journal):
        pass
    assert journal.read_text() == line + "\n"


def test_reset_empties_the_journal(tmp_path, raw_client):
    journal = tmp_path / "journal.jsonl"
    with running(journal=journal) as simulator:
        raw = raw_client(simulator.url)
        raw.call("SendBatchSms", raw.batch("13800005678"))
        simulator.reset()
        raw.call("SendBatchSms", raw.batch(NUMBER))
    with running(journal=journal) as simulator:
        assert simulator.counts() == {NUMBER: 1}


def test_another_account_can_be_named(raw_client):
    with started("--access-key-id", "other", "--access-key-secret", "othersecret") as (_, simulator):
        stranger, owner = (
            raw_client(simulator.url),
            raw_client(simulator.url, key_id="other", secret="othersecret"),
        )
        assert stranger.call("QuerySmsSignList").json()["Code"] == "InvalidAccessKeyId.NotFound"
        assert owner.call("QuerySmsSignList").json()["Code"] == "OK"


def test_nothing_about_a_message_reaches_the_output(raw_client):
    with started() as (process, simulator):
        raw = raw_client(simulator.url)
        raw.call("SendBatchSms", query=raw.batch(NUMBER, "13800000501"))
        raw.call("SendBatchSms", raw.batch(NUMBER))
        simulator.misbehave("drop_after")
        with pytest.raises(OSError, match="reset"):
            raw.call("SendBatchSms", raw.batch(NUMBER))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout.read() + process.stderr.read() == ""


def test_an_open_address_is_taken_only_when_named_and_with_a_warning():
    with started("--host", "0.0.0.0") as (process, _):
        process.kill()
        process.wait(10)
        assert "everyone who can reach this address" in process.stderr.read()


def test_without_a_host_only_loopback_is_taken():
    with started() as (_, simulator):
        assert simulator.url.startswith("http://127.0.0.1:")


def test_a_taken_port_is_a_plain_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [*COMMAND, "--port", str(taken.getsockname()[1])]
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("aliyunsms-simulator cannot start: ")
    assert "Traceback" not in done.stderr


def test_a_negative_delay_is_a_plain_error():
    arguments = [*COMMAND, "--port", "0", "--delivery-delay", "-1"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "delivery_delay must not be negative" in done.stderr) == (2, True)
