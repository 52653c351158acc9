# SPDX-License-Identifier: Apache-2.0
"""Run one cell: a campaign, a misbehaving gateway, and as many tries as Airflow and its user would make."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from faultmatrix.campaigns import SkippingClock, SmallCampaign, audience_of, poison_of
from faultmatrix.columns import CHUNKS, SEND
from faultmatrix.judge import fates, hit_fate, honest, nobody_twice

from airflow_provider_aliyunsms.exceptions import AliyunSmsError

TRIES = 3
_PATIENCE = 10.0


@dataclass
class Seen:
    """
    What a cell ended in.

    :ivar ends: how the chunks that were hit stood after each try.
    :ivar extra: send requests beyond one per chunk.
    :ivar played: how often each fault happened.
    :ivar problems: broken promises.
    :ivar strays: calls that ended badly though no fault was meant for them.
    """

    ends: list[str] = field(default_factory=list)
    extra: int = 0
    played: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    summary: dict | None = None

    @property
    def complete(self):
        return self.summary is not None and not self.summary["unknown"]


def observe(cell, *, simulator):
    """Run a cell to its end and judge it after every try."""
    simulator.reset()
    for wish in cell.wishes:
        simulator.misbehave(**wish)
    clock = SkippingClock(simulator=simulator, before_skip=_let_finish(cell, simulator))
    campaign = SmallCampaign(cell=cell, simulator=simulator, clock=clock)
    seen = Seen()
    for number in range(1, TRIES + 1):
        _try(campaign, seen=seen)
        _finish_late_requests(cell, simulator)
        _judge(cell, seen=seen, phones=simulator.counts(), first=number == 1)
        if seen.complete:
            break
        if cell.spoils_look_ups and number >= cell.column.bad_tries:
            simulator.behave()
        clock.sleep(cell.column.pause)
    stats = simulator.stats()
    seen.extra = stats["requests"][SEND[cell.api]] - CHUNKS
    seen.played = stats["faults_played"]
    return seen


def _try(campaign, *, seen):
    try:
        seen.summary = campaign.run()
        seen.ends.append(hit_fate(fates(seen.summary)))
    except AliyunSmsError as error:
        seen.summary = None
        seen.ends.append(f"stopped ({error.code or type(error).__name__})")


def _judge(cell, *, seen, phones, first):
    seen.problems += nobody_twice(phones=phones)
    if seen.summary is None:
        return
    seen.problems += honest(
        summary=seen.summary, phones=phones, audience=audience_of(cell), poison=poison_of(cell)
    )
    hit = {index for index, fate in enumerate(fates(seen.summary)) if fate != "accepted"}
    if first and cell.column.at_once == 1 and not hit <= set(cell.column.hit):
        seen.strays.append(f"chunks {hit} suffer from a fault that met {cell.column.hit}")
    if first and len(hit) > len(cell.column.hit):
        seen.strays.append(f"{len(hit)} chunks suffer from a fault that met {len(cell.column.hit)}")


def _let_finish(cell, simulator):
    """Give what lets a late request in before evidence is sought, for the rows where it is not overtaken."""
    if cell.row.fault != "delay_before" or cell.row.overtaken:
        return None
    return lambda: _finish_late_requests(cell, simulator)


def _finish_late_requests(cell, simulator):
    """Wait until every request the gateway has received has been accepted or refused."""
    if cell.row.fault != "delay_before":
        return
    deadline = time.monotonic() + _PATIENCE
    while _unfinished(cell, simulator):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{cell}: the gateway did not finish its late requests")


def _unfinished(cell, simulator):
    stats = simulator.stats()
    label = "out_id" if cell.api == "china" else "task_id"
    taken = {(message[label], message["accepted_at"]) for message in simulator.messages()}
    arrived = stats["requests"].get(SEND[cell.api], 0) - stats["faults_played"].get("drop_before", 0)
    return arrived - sum(stats["refused"].values()) - len(taken)
