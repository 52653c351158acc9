# SPDX-License-Identifier: Apache-2.0
"""A Celery worker that seems to be a machine of its own: other name, other disk, other /tmp."""

from __future__ import annotations

import functools
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from launcher.processes import Component, kill, session_of, wait_for

CHECKOUT = Path(__file__).parents[3]

WORKERS = ("worker-1", "worker-2")
"""Host names; each is the name of a queue as well, which this worker alone serves."""

DISK = "aliyun_sms_receipts"
"""The folder of each machine's own, where receipts go without a ``receipts_path``."""

_READY = "ready."


@functools.cache
def namespaces():
    """Return the start of a command that gets mounts and a host name of its own; empty where that is not allowed."""
    for more in ((), ("--map-root-user",)):
        command = ["unshare", *more, "--mount", "--uts"]
        try:
            made = subprocess.run(
                [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
            )
        except FileNotFoundError:
            return ()
        if made.returncode == 0:
            return tuple(command)
    return ()


class Worker:
    """
    A Celery worker of an Airflow, with everything that runs on its machine.

    :param name: its host name, where the system allows it one.
    :param airflow: the environment of the Airflow.
    :param folder: the folder that all machines see; below it, in :data:`DISK`, each sees a disk of its own.
    :param concurrency: tasks at a time.
    """

    def __init__(self, *, name, environment, folder, concurrency=4):
        self.name = name
        own = Path(folder) / name
        (own / "disk").mkdir(parents=True)
        (own / "tmp").mkdir()
        # As /tmp is: for everybody, and for nobody else's files.
        (own / "tmp").chmod(0o1777)
        seen = Path(folder) / DISK
        seen.mkdir(exist_ok=True)
        command = [
            *(sys.executable, "-m", "airflow", "celery", "worker", "--concurrency", str(concurrency)),
            *("--celery-hostname", f"{name}@%h", "--queues", f"default,{name}", "--skip-serve-logs"),
        ]
        if namespaces():
            script = _own_machine(name=name, own=own, folder=Path(folder), seen=seen)
            command = [*namespaces(), "bash", "-c", f"{script}\nexec {shlex.join(command)}"]
        self._component = Component(
            name=name,
            command=command,
            environment=environment | ({} if namespaces() else {"TMPDIR": str(own / "tmp")}),
            folder=folder,
        )

    @property
    def running(self):
        return self._component.running

    @property
    def log(self):
        return self._component.log.read_text(errors="replace") if self._component.log.exists() else ""

    def start(self):
        """Start it, and wait until it takes tasks."""
        before = self.log.count(_READY)
        self._component.start()
        wait_for(
            lambda: self.log.count(_READY) > before or not self.running,
            timeout=90,
            what=f"{self.name} is ready",
        )
        if not self.running:
            raise AssertionError(self._component.tail())

    def processes(self):
        """Return the pids of everything on this machine, the worker first."""
        others = [pid for pid in psutil.pids() if session_of(pid) == self._component.pid]
        return [self._component.pid, *(pid for pid in others if pid != self._component.pid)]

    def kill(self):
        """Take the machine away: every process dies at once."""
        self.signal(signal.SIGKILL)
        self._component.end()

    def signal(self, number):
        """Send a signal to everything on this machine."""
        for pid in self.processes():
            kill(pid, number)

    def retire(self):
        """Ask it to end when its tasks have, as a deployment does; returns at once."""
        os.kill(self._component.pid, signal.SIGTERM)

    def end(self):
        """End everything, also what is frozen."""
        self._component.end()


def _own_machine(*, name, own, folder, seen):
    """Return the script that makes it: the checkout and the common folder are seen, and no other file of /tmp."""
    lines = [
        "set -e",
        "mount --make-rprivate /",
        f"hostname {shlex.quote(name)}",
        "mount -t tmpfs tmpfs /mnt",
    ]
    lines.append(f"mount --bind {shlex.quote(str(own / 'disk'))} {shlex.quote(str(seen))}")
    kept = [
        path for path in dict.fromkeys((folder, CHECKOUT, Path(sys.prefix))) if path.is_relative_to("/tmp")
    ]
    for position, path in enumerate(kept):
        place = shlex.quote(str(path))
        lines.append(f"mkdir /mnt/{position}; mount --rbind {place} /mnt/{position}")
    lines.append(f"mount --bind {shlex.quote(str(own / 'tmp'))} /tmp")
    for position, path in enumerate(kept):
        place = shlex.quote(str(path))
        lines.append(f"mkdir -p {place}; mount --rbind /mnt/{position} {place}")
    return "\n".join(lines)
