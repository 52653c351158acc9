# SPDX-License-Identifier: Apache-2.0
"""Real processes: start them in a session of their own, find all they left behind, end them by pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

POLL = 0.05
"""Seconds between two looks at a condition: quick enough for a random moment, and no load of its own."""


class GaveUpError(AssertionError):
    """A condition did not come true in time."""


def wait_for(condition, *, timeout, what, poll=POLL):
    """Return the first true value of ``condition()``; look again until ``timeout`` seconds have passed."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise GaveUpError(f"not within {timeout:.0f} s: {what}")
        time.sleep(poll)


def stays(condition, *, seconds, what):
    """Watch a condition that must not become false; a "never again" has no event to wait for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"for {seconds:.0f} s it should have stayed so: {what}")
        time.sleep(POLL)


def free_ports(count):
    """Find ports nobody listens on; all are open at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Component:
    """
    A command that can be started, killed and started again.

    It leads a session of its own: whoever it forks keeps the session id even as an orphan, so that nothing
    survives :meth:`end`.

    :param name: for messages, and for the name of the log file.
    :param command: the argument vector.
    :param environment: the whole environment.
    :param folder: where the log goes.
    """

    def __init__(self, *, name, command, environment, folder):
        self.name = name
        self.log = Path(folder) / f"{name}.log"
        self._command = command
        self._environment = environment
        self._process = None
        self._sessions = set()

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._sessions.add(self._process.pid)

    def kill(self):
        """Kill the process itself with SIGKILL; its children become orphans and live on."""
        self._process.kill()
        self._process.wait(10)

    def end(self):
        """Kill the process and everything that it ever forked."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        wait_for(self._nobody_left, timeout=20, what=f"every process of {self.name} is gone")

    def tail(self, lines=30):
        """Return the end of its log, for the message of a failed test."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _nobody_left(self):
        left = [pid for pid in psutil.pids() if session_of(pid) in self._sessions]
        for pid in left:
            kill(pid, signal.SIGKILL)
        return not left


def session_of(pid):
    """Return the session of a living process, None when it is gone; a zombie is nobody's business any more."""
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        return os.getsid(pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


def kill(pid, number):
    """Send a signal; False when the process was gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def alive(pid):
    """Whether a process runs or is stopped; a zombie is dead."""
    return session_of(pid) is not None


def parent_of(pid):
    """Return the pid of the parent, None when the process is gone."""
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return None
