# SPDX-License-Identifier: Apache-2.0
"""The examples for other languages run as they are written; those for Node in ``make clients-test``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import airflow_provider_aliyunsms

EXAMPLES = Path(airflow_provider_aliyunsms.__file__).parents[1] / "containers" / "simulator" / "examples"
NUMBER = "13800001234"


def run(*command, simulator):
    environment = {**os.environ, "SMS_ENDPOINT": simulator.endpoint}
    done = subprocess.run(
        command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_in_python_sends_one_message(simulator):
    assert run(sys.executable, "send.py", simulator=simulator) == "OK\n"
    assert simulator.counts() == {NUMBER: 1}


def test_the_script_shows_what_a_fault_does(simulator):
    said = run("sh", "check.sh", sys.executable, "send.py", simulator=simulator)
    assert said == f'OK\nthe second was refused\n{{"{NUMBER}":1}}'
    assert simulator.stats()["faults_played"] == {"throttle": 1}
