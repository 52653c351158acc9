# SPDX-License-Identifier: Apache-2.0
"""Campaigns that are killed several times at random moments."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from crashkit.kills import strike
from launcher.processes import wait_for

CHUNK_SIZES = {"china": 25, "china_timed": 25, "globe": 50}


@dataclass(frozen=True)
class Line:
    """
    What one campaign, or one scenario, came to.

    :param kills: the deaths, in order.
    :param verdict: None when it could not be judged.
    :param trouble: why it failed; None when all is well.
    """

    name: str
    airflow: str
    kills: tuple[Any, ...]
    tries: int
    verdict: Any
    seconds: float
    trouble: str | None


def killed_campaign(worlds, *, dag_id, size, kinds, chance, **conf):
    """
    Run a campaign and kill it once in every way of ``kinds``, each at a moment of its own.

    :param chance: the source of the moments.
    :returns: the kills that came in time, and the verdict.
    """
    run = worlds.campaign(dag_id, size=size, **conf).begin()
    kills = []
    for position, kind in enumerate(kinds):
        if not _wait_for_moment(run, chance=chance, size=size, share=(position, len(kinds))):
            break
        kill = strike(kind, run=run)
        if kill is None:
            break
        print(f"    {kill}", flush=True)
        kills.append(kill)
    # Globe has no look-up: a call that was in flight, one for every kill at most, may stay unknown.
    most_unknown = CHUNK_SIZES[dag_id] * len(kills) if dag_id == "globe" else 0
    return tuple(kills), run.verdict(most_unknown=most_unknown)


def _wait_for_moment(run, *, chance, size, share):
    """Wait for the moment of the next kill; False when the campaign ended before it came."""
    position, count = share
    kind = chance.random()
    if position == 0 and kind < 0.2:
        # the audience is loaded, the first intents are being written, the first calls made
        return _while_it_starts(run, seconds=chance.uniform(0.0, 1.0))
    if position > 0 and kind < 0.25:
        # the try before has just made its first call: it is looking for evidence
        return not run.finished()
    if position == count - 1 and kind > 0.8:
        # everybody has been sent to; outcomes, summary and XCom are still to be written
        return run.wait_until_sent(size)
    return run.wait_until_sent(int(size * (position + chance.random()) / count))


def _while_it_starts(run, *, seconds):
    wait_for(
        lambda: "Audience: rows: " in run.said() or run.finished(), timeout=90, what="the audience is loaded"
    )
    moment = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= moment, timeout=seconds + 5, what="the random moment")
    return not run.finished()
