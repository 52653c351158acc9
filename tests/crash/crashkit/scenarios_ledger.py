# SPDX-License-Identifier: Apache-2.0
"""Single scenarios: a process that stops at the worst moment, with its hand on a ledger of files."""

from __future__ import annotations

import re
import signal
import tempfile
import time
from pathlib import Path

from launcher.processes import GaveUpError, alive, kill, wait_for

TAKE_OVER = 150.0
"""Seconds within which the next try must have begun to send: heartbeat timeout, and the wait for an orphan."""

_WINDOW = re.compile(r".*\.g\d+\.w\d+\.json")


def freeze_in_the_middle_of_a_write(worlds, *, size):
    """
    Stop task and supervisor while the intents of a new window are being written, and thaw them when another try
    has sent on: what then lands in the ledger must neither be sent by the one nor confuse a later one.
    """
    ledger = Path(tempfile.mkdtemp(prefix="ledger-", dir=worlds.folder))
    run = worlds.campaign("china", size=size, ledger=str(ledger)).begin()
    assert run.wait_until_sent(size // 5)
    pid, supervisor, tried = run.sending_process()
    _stop_in_a_write(pid, ledger=ledger)
    kill(supervisor, signal.SIGSTOP)
    try:
        wait_for(lambda: run.tries() > tried, timeout=60, what="another try beside the frozen one")
        sent = run.sent()
        # well into the windows that the frozen process would number the same
        wait_for(lambda: run.sent() > sent + size // 3, timeout=TAKE_OVER, what="the other try sends")
    finally:
        kill(pid, signal.SIGCONT)
        kill(supervisor, signal.SIGCONT)
    wait_for(lambda: not alive(pid), timeout=60, what="the thawed process is gone")
    if (process := run.sending_process()) is not None:
        # a third try reads what the thawed one has left behind
        kill(process[0], signal.SIGKILL)
    return run.verdict()


def _stop_in_a_write(pid, *, ledger):
    """Stop a process between the first byte of a new window and the moment it gets its name."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if _begun_window(ledger) is None:
            continue
        kill(pid, signal.SIGSTOP)
        wait_for(lambda: _stopped(pid), timeout=5, what="the process has stopped")
        if _begun_window(ledger) is not None:
            return
        kill(pid, signal.SIGCONT)
    raise GaveUpError("no write was caught in the middle")


def _begun_window(ledger):
    """Return the name of a window that is being written for the first time, None when there is none."""
    names = [path.name for path in ledger.glob("*/*")]
    begun = {name[1:].rpartition(".")[0] for name in names if name.startswith(".")}
    return next((name for name in begun - set(names) if _WINDOW.fullmatch(name)), None)


def _stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
