# SPDX-License-Identifier: Apache-2.0
"""What happens to a campaign on several machines while it sends, and how long until somebody sends again."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from launcher.processes import alive, kill, wait_for

RETRY = 150.0
"""Seconds within which somebody must send again."""

AWAY = 15.0
"""Seconds for which a server is away that does not come back at once."""


@dataclass(frozen=True)
class Blow:
    """
    One blow.

    :param kind: one of :data:`KINDS`.
    :param at: calls of the campaign made when it came.
    :param back: seconds until another try of the struck send ran; None where the blow ends no try.
    """

    kind: str
    at: int
    back: float | None


def strike(kind, *, cluster, run):
    """Do it to the campaign, and wait until it goes on; None when all had been sent before."""
    running = run.wait_until_running()
    if not running:
        return None
    victim, at, struck = running[0], run.calls(), time.monotonic()
    KINDS[kind](cluster=cluster, run=run, victim=victim)
    back = None
    if kind in ENDING:
        wait_for(
            lambda: run.is_back(victim) or run.sends_are_over(),
            timeout=RETRY,
            what=f"another try after {kind}",
            poll=1,
        )
        back = time.monotonic() - struck
    calls = run.calls()
    wait_for(
        lambda: run.calls() > calls or run.sends_are_over(),
        timeout=RETRY,
        what=f"it sends again after {kind}",
    )
    return Blow(kind=kind, at=at, back=back)


def _gone(pid):
    wait_for(lambda: not alive(pid), timeout=RETRY, what="the process of the send is gone")


def _kill_task(*, cluster, run, victim):
    kill(victim.pid, signal.SIGKILL)
    _gone(victim.pid)


def _kill_supervisor(*, cluster, run, victim):
    """Kill the process of the worker's pool: the task lives on as an orphan until it notices."""
    kill(victim.supervisor, signal.SIGKILL)
    _gone(victim.pid)


def _kill_worker(*, cluster, run, victim):
    """Take a whole machine away, with everything that runs on it; a new one comes in its place."""
    worker = cluster.machine_of(victim.pid)
    worker.kill()
    worker.start()


def _freeze_worker(*, cluster, run, victim):
    """Stop a whole machine until another try of its task sends, then let it go on: both are there at once."""
    worker = cluster.machine_of(victim.pid)
    worker.signal(signal.SIGSTOP)
    try:
        wait_for(
            lambda: run.tries_of(victim.map_index) > victim.tried or run.sends_are_over(),
            timeout=RETRY,
            what="another try beside the frozen one",
        )
        calls = run.calls()
        wait_for(
            lambda: run.calls() > calls or run.sends_are_over(), timeout=RETRY, what="the other try sends"
        )
    finally:
        worker.signal(signal.SIGCONT)


def _retire_worker(*, cluster, run, victim):
    """Shut a worker down as a deployment does: it takes nothing new, and what runs may end; then cut it off."""
    worker = cluster.machine_of(victim.pid)
    worker.retire()
    deadline = time.monotonic() + AWAY
    wait_for(lambda: not worker.running or time.monotonic() > deadline, timeout=AWAY + 5, what="it has ended")
    worker.kill()
    worker.start()


def _revoke(*, cluster, run, victim):
    """Revoke the task at Celery, which ends the process of the pool that runs it."""
    label = cluster.celery_task(run=run, map_index=victim.map_index)
    cluster.celery.control.revoke(label, terminate=True, signal="SIGTERM")
    _gone(victim.pid)


def _restart_redis(*, cluster, run, victim):
    """Kill Redis, queue and paces with it; it comes back with nothing in it."""
    cluster.redis.kill()
    cluster.redis.start()


def _redis_away(*, cluster, run, victim):
    cluster.redis.kill()
    time.sleep(AWAY)
    cluster.redis.start()


def _restart_postgres(*, cluster, run, victim):
    cluster.postgres.end()
    cluster.postgres.start()


def _postgres_away(*, cluster, run, victim):
    """Let the database be away for a while: no ledger is written and no heartbeat is taken."""
    cluster.postgres.end()
    time.sleep(AWAY)
    cluster.postgres.start()


def _restart_scheduler(*, cluster, run, victim):
    # the cluster starts it again
    cluster.airflow.components["scheduler"].kill()


def _restart_api_server(*, cluster, run, victim):
    cluster.airflow.components["api-server"].kill()


def _wait_for_redelivery(*, cluster, run, victim):
    """Wait until Redis has given a task that still runs to a worker once more, and the worker has refused it."""
    before = cluster.redelivered()
    wait_for(
        lambda: cluster.redelivered() > before or run.sends_are_over(),
        timeout=RETRY,
        what="a task is given out twice",
    )


def _clear(*, cluster, run, victim):
    """Clear the task while it sends: its next try begins beside the one that does not know yet."""
    run.clear(victim.map_index)
    wait_for(
        lambda: run.tries_of(victim.map_index) > victim.tried or run.sends_are_over(),
        timeout=RETRY,
        what="the cleared task runs again",
    )


KINDS = {
    "kill -9 task": _kill_task,
    "kill -9 supervisor": _kill_supervisor,
    "kill -9 a whole worker": _kill_worker,
    "freeze a whole worker, thaw": _freeze_worker,
    "warm shutdown of a worker": _retire_worker,
    "revoke at Celery": _revoke,
    "Redis killed, back empty": _restart_redis,
    "Redis away for 15 s": _redis_away,
    "PostgreSQL killed and back": _restart_postgres,
    "PostgreSQL away for 15 s": _postgres_away,
    "scheduler killed and back": _restart_scheduler,
    "API server killed and back": _restart_api_server,
    "given out twice (visibility timeout)": _wait_for_redelivery,
    "cleared in mid-send": _clear,
}
ENDING = {
    "kill -9 task",
    "kill -9 supervisor",
    "kill -9 a whole worker",
    "freeze a whole worker, thaw",
    "warm shutdown of a worker",
    "revoke at Celery",
    "cleared in mid-send",
}
"""Those after which the struck send has another try."""
