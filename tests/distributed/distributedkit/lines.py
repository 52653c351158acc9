# SPDX-License-Identifier: Apache-2.0
"""What is done to which campaign, and what came of it."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Any

from distributedkit.blows import strike
from distributedkit.campaign import CHUNK_SIZES
from distributedkit.worker import WORKERS
from launcher.processes import wait_for


@dataclass(frozen=True)
class Line:
    """
    What one campaign came to.

    :param ledger: where its ledger was.
    :param blows: what was done to it, in order.
    :param verdicts: one for each mapped send; empty when it could not be judged.
    :param sensors: what the sensors said, by mode.
    :param trouble: why it failed; None when all is well.
    """

    name: str
    ledger: str
    blows: tuple[Any, ...]
    tries: int
    verdicts: tuple[Any, ...]
    sensors: dict[str, Any]
    seconds: float
    trouble: str | None


def struck_campaigns(cluster, *, plans, kinds, chance):
    """
    Run campaigns side by side, do something to the first one at random moments, and judge all of them.

    :param plans: for each campaign its DAG, the sizes of its mapped sends and whether its ledger is on storage.
    :param kinds: what is done, in order; the last campaigns suffer from it by chance only.
    :param chance: the source of the moments.
    """
    began = time.monotonic()
    runs = [
        cluster.campaign(dag_id, sizes=sizes, on_storage=on_storage).begin()
        for dag_id, sizes, on_storage in plans
    ]
    blows, trouble = [], None
    try:
        for position, kind in enumerate(kinds):
            if not runs[0].wait_for_share((position + 0.1 + 0.6 * chance.random()) / len(kinds)):
                break
            blow = strike(kind, cluster=cluster, run=runs[0])
            if blow is None:
                break
            print(f"    {blow}", flush=True)
            blows.append(blow)
    except Exception as error:  # noqa: BLE001 - it becomes the line's result
        traceback.print_exc()
        trouble = f"{type(error).__name__}: {str(error)[:200]}"
    for position, run in enumerate(runs):
        yield _judged(
            run,
            blows=tuple(blows),
            own=position == 0,
            began=began,
            trouble=trouble if position == 0 else None,
        )


def _judged(run, *, blows, own, began, trouble):
    verdicts, sensors, tries = (), {}, 0
    try:
        # Globe has no look-up: the call that is in flight at a blow may stay unknown.
        most_unknown = CHUNK_SIZES["globe"] * max(1, len(blows)) if run.dag_id == "globe" else 0
        verdicts = tuple(run.verdicts(most_unknown=most_unknown))
        sensors, tries = run.delivered(), run.tries()
        complaints = [text for verdict in verdicts for text in verdict.complaints]
        complaints += about_sensors(sensors, unknown=sum(verdict.unknown for verdict in verdicts))
        trouble = "; ".join([*filter(None, [trouble]), *complaints]) or None
    except Exception as error:  # noqa: BLE001 - it becomes the line's result
        traceback.print_exc()
        trouble = f"{trouble or ''} {type(error).__name__}: {str(error)[:200]}".strip()
    return Line(
        name=f"China, {run.mapped} shards" if run.sharded else f"{run.dag_id.title()}, {run.mapped} mapped",
        ledger="object storage" if run.conf["ledger"] else "Airflow's database",
        blows=blows if own else (),
        tries=tries,
        verdicts=verdicts,
        sensors=sensors,
        seconds=time.monotonic() - began,
        trouble=trouble,
    )


def about_sensors(sensors, *, unknown):
    """Yield what is wrong with the sensors: each mode must end well, unless a send did not."""
    if unknown:
        return
    for name, (state, result) in sensors.items():
        counts = (result or {}).get("sample", result) or {}
        if state != "success" or counts.get("failed") or counts.get("pending") or not counts.get("delivered"):
            yield f"{name} ended as {state} with {counts}"
    if len(sensors) != 3:
        yield f"{len(sensors)} sensors"


def local_places(cluster, *, size):
    """
    Keep ledger and receipts on one machine's disk, and take that machine away: nothing is sent again, and it is said.

    :returns: what is wrong; empty when all is as promised.
    """
    run = cluster.campaign(
        "china", sizes=[size], storage=None, ledger=str(cluster.own_disk / "ledger")
    ).begin()
    assert run.wait_for_share(0.3), "it had ended before"
    lost = cluster.machine_of(run.wait_until_running()[0].pid)
    lost.kill()
    try:
        wait_for(lambda: run.sends_are_over(), timeout=300, what="the send has ended on the other machine")
        state, calls = run.sends()[0]["state"], run.calls()
        log = run.said()
    finally:
        lost.start()
    problems = []
    if state != "failed":
        problems.append(f"the send ended as {state}")
    if "may run tasks on others" not in log:
        problems.append("nobody was warned of the local ledger_path")
    if "there is no ledger that says what it sent" not in log:
        problems.append("the second machine did not say that it finds no ledger")
    counts = cluster.gateway.client.counts()
    if any(counts.get(number, 0) > 1 for number in run.audiences[0].everybody):
        problems.append("somebody got two messages")
    if run.calls() != calls:
        problems.append("it sent on")
    return problems


def local_receipts(cluster, *, size):
    """
    Let the receipts be on the disk of the machine that sent, with the sensor elsewhere: its error names both.

    :returns: what is wrong; empty when all is as promised.
    """
    run = cluster.campaign("elsewhere", sizes=[size], storage=None).begin()
    run.wait_until_over()
    states = {each["task_id"]: each["state"] for each in run.instances()}
    problems = []
    if states != {"audiences": "success", "send": "success", "delivered_poke": "failed"}:
        problems.append(f"it ended as {states}")
    error = run.said().partition("ConfigurationError")[2].partition("Task failed")[0]
    if WORKERS[0] not in error or "receipts_path" not in error:
        problems.append("the sensor did not name host and remedy")
    return problems
