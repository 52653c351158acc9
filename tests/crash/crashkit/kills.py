# SPDX-License-Identifier: Apache-2.0
"""The ways in which a try of a campaign dies, and how long the next one takes to go on sending."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from launcher.processes import alive, kill, wait_for

RETRY = 90.0
"""Seconds within which the next try must be there."""


@dataclass(frozen=True)
class Kill:
    """
    One death.

    :param kind: one of :data:`KINDS`.
    :param at: messages of the campaign accepted when it came.
    :param orphan: seconds for which the task's process outlived the blow.
    :param recovered: seconds until the next try made its first call, or the campaign had ended.
    """

    kind: str
    at: int
    orphan: float
    recovered: float


def strike(kind, *, run):
    """Kill the running try in the way of ``kind`` and wait until the next one calls; None when it had ended."""
    process = run.sending_process()
    if process is None:
        return None
    pid, supervisor, tried = process
    at = run.sent()
    struck = time.monotonic()
    KINDS[kind](pid=pid, supervisor=supervisor, run=run, tried=tried)
    wait_for(lambda: not alive(pid), timeout=RETRY, what=f"the process of try {tried} is gone after {kind}")
    orphan = time.monotonic() - struck
    _wait_for_calls(run)
    return Kill(kind=kind, at=at, orphan=orphan, recovered=time.monotonic() - struck)


def _wait_for_calls(run):
    calls = run.gateway.calls()
    wait_for(
        lambda: run.gateway.calls() > calls or run.finished(),
        timeout=RETRY,
        what="another try calls the gateway, or the campaign has ended",
    )


def _kill_task(*, pid, supervisor, run, tried):
    kill(pid, signal.SIGKILL)


def _kill_supervisor(*, pid, supervisor, run, tried):
    kill(supervisor, signal.SIGKILL)


def _kill_both(*, pid, supervisor, run, tried):
    kill(supervisor, signal.SIGKILL)
    kill(pid, signal.SIGKILL)


def _terminate_task(*, pid, supervisor, run, tried):
    kill(pid, signal.SIGTERM)


def _terminate_supervisor(*, pid, supervisor, run, tried):
    kill(supervisor, signal.SIGTERM)


def _freeze(*, pid, supervisor, run, tried):
    """Stop supervisor and task until Airflow has given them up and the next try sends, then let them go on."""
    _let_others_take_over(frozen=(supervisor, pid), run=run, tried=tried)


def _freeze_supervisor(*, pid, supervisor, run, tried):
    """The same for the supervisor alone: the task sends on until its next write."""
    _let_others_take_over(frozen=(supervisor,), run=run, tried=tried)


def _let_others_take_over(*, frozen, run, tried):
    for each in frozen:
        kill(each, signal.SIGSTOP)
    try:
        wait_for(lambda: run.tries() > tried, timeout=RETRY, what="another try beside the frozen one")
        run.sending_process()
        _wait_for_calls(run)
    finally:
        for each in reversed(frozen):
            kill(each, signal.SIGCONT)


def _restart_scheduler(*, pid, supervisor, run, tried):
    """Kill the scheduler; supervisor and task live on as orphans, and the next scheduler resets the task."""
    scheduler = run.world.components["scheduler"]
    scheduler.kill()
    scheduler.start()


KINDS = {
    "kill -9 task": _kill_task,
    "kill -9 supervisor": _kill_supervisor,
    "kill -9 both": _kill_both,
    "SIGTERM task": _terminate_task,
    "SIGTERM supervisor": _terminate_supervisor,
    "freeze both, thaw": _freeze,
    "freeze supervisor, thaw": _freeze_supervisor,
    "kill -9 scheduler": _restart_scheduler,
}
