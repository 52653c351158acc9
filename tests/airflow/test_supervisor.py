# SPDX-License-Identifier: Apache-2.0
"""A task notices that its supervisor is gone, also as the first process of a PID namespace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

TASK = """
import os, socket, sys, time
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder

task_runner.SUPERVISOR_COMMS = CommsDecoder()
from airflow_provider_aliyunsms.operators.supervisor import Supervisor

supervisor = Supervisor()
print("began", os.getpid(), os.getppid(), supervisor.is_gone, flush=True)
deadline = time.monotonic() + 60
while not supervisor.is_gone and time.monotonic() < deadline:
    time.sleep(0.02)
print("ended", os.getppid(), supervisor.is_gone, flush=True)
"""

# Airflow's supervisor talks to the task by a socket at its standard input.
SUPERVISOR = """
import socket, subprocess, sys
ours, theirs = socket.socketpair()
subprocess.Popen(sys.argv[1:], stdin=theirs.fileno())
theirs.close()
ours.recv(1)
"""


def can_unshare():
    command = ["unshare", "--pid", "--fork", "true"]
    return (
        shutil.which("unshare") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("alone", [False, True], ids=["ordinary", "as the first process of a namespace"])
def test_a_task_whose_supervisor_is_killed_notices_it(alone):
    if alone and not can_unshare():
        pytest.skip("this machine lets nobody make a PID namespace")
    task = [*(["unshare", "--pid", "--fork"] if alone else []), sys.executable, "-c", TASK]
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, *task], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    with supervisor.stdout as printed:
        began = printed.readline().split()
        assert began[0] == "began", began
        assert began[3] == "False"
        if alone:
            assert began[1:3] == ["1", "0"]
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait(10)
        ended = printed.readline().split()
    assert ended[0] == "ended"
    assert ended[2] == "True"
    if alone:
        # Its parent number tells nothing.
        assert ended[1] == "0"
