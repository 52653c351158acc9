# SPDX-License-Identifier: Apache-2.0
"""Single scenarios: what the gateway and the worker's disk do to a campaign."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

from launcher.processes import wait_for

LETS_START = 128 * 1024
"""Bytes a spool may grow to: enough to be made, not enough for the audience."""


def restart_the_gateway(worlds, *, dag_id, size, most_unknown):
    """Kill the simulator in mid-campaign; it comes back on the same port with its journal."""
    run = worlds.campaign(dag_id, size=size).begin()
    assert run.wait_until_sent(size // 3)
    run.gateway.kill()
    run.gateway.start_again()
    return run.verdict(most_unknown=most_unknown)


def limited_spool(worlds, *, size):
    """No spool file may grow beyond a limit: the task says so before its first send, and sends when it may."""
    flag = worlds.folder / "the-disk-is-small"
    flag.touch()
    run = worlds.campaign("china", size=size, file_limit=str(LETS_START), file_limit_while=str(flag)).begin()
    return _nothing_until(run, free=flag.unlink)


def full_disk(worlds, *, size):
    """A real disk without space; None where this user may not mount one."""
    with _small_disk(worlds.folder / "small-disk") as disk:
        if disk is None:
            return None
        filler = disk / "filler"
        _fill(filler)
        run = worlds.campaign("china", size=size, temporary_directory=str(disk)).begin()
        return _nothing_until(run, free=filler.unlink)


def disk_fills_up_in_mid_send(worlds, *, size):
    """The disk is full once sending has begun: what is spooled is enough, the campaign ends without more of it."""
    with _small_disk(worlds.folder / "small-disk") as disk:
        if disk is None:
            return None
        run = worlds.campaign("china", size=size, temporary_directory=str(disk)).begin()
        assert run.wait_until_sent(size // 5)
        _fill(disk / "filler")
        return run.verdict()


def _nothing_until(run, *, free):
    wait_for(lambda: run.tries() >= 3, timeout=90, what="a third try")
    assert run.sent() == 0
    assert "working copy of the audience cannot be" in run.said()
    assert "Nothing was sent" in run.said()
    free()
    return run.verdict()


@contextmanager
def _small_disk(path):
    path.mkdir(exist_ok=True)
    mounted = os.geteuid() == 0 and _runs("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path))
    try:
        yield path if mounted else None
    finally:
        if mounted:
            # lazily: a process that is about to end may still hold its spool
            _runs("umount", "--lazy", str(path))


def _fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def _runs(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
