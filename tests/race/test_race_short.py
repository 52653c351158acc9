# SPDX-License-Identifier: Apache-2.0
"""Forked processes start one campaign together, and some are killed. The long version is ``make race-test``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

COUNTS = re.compile(r"^(\d+) (rounds|killed campaigns), (\d+) kills: (.*); \d+ s$", re.MULTILINE)
NOTHING = "0 with duplicates, 0 duplicates, 0 losses, 0 with trouble"


@pytest.mark.parametrize(
    ("storage", "rounds", "kills"),
    [
        ("local", 12, 0),
        ("s3", 5, 0),
        ("s3-unconditional", 2, 0),
        ("s3", 0, 2),
        ("oss", 5, 0),
        ("oss-versioned", 2, 0),
        ("oss", 0, 2),
    ],
)
def test_one_sends_and_the_others_refuse_and_nobody_gets_two_messages(storage, rounds, kills):
    """In a process of its own: this one has threads and an Airflow, with which it must not be forked."""
    command = [sys.executable, str(Path(__file__).with_name("long.py")), "--storage", storage]
    ended = subprocess.run(
        [*command, "--rounds", str(rounds), "--kills", str(kills)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    last = {
        what: (int(count), int(killed), rest) for count, what, killed, rest in COUNTS.findall(ended.stdout)
    }
    if rounds:
        assert last["rounds"] == (rounds, 0, NOTHING)
    if kills:
        assert last["killed campaigns"][2] == NOTHING
