# SPDX-License-Identifier: Apache-2.0
"""Rounds in which processes start one campaign together, and campaigns whose process is killed again and again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from launcher.processes import wait_for
from racekit.processes import FORK, Try

SIZE = 40
KILLED_SIZE = 200


@dataclass(frozen=True)
class Verdict:
    """
    What became of one audience.

    :param duplicates: messages beyond the first, over all numbers.
    :param losses: numbers without a message.
    :param trouble: what does not fit, None when all is as promised.
    :param kills: how often its process was killed.
    :param shared: two processes have sent: the second one took over from the first.
    """

    duplicates: int
    losses: int
    trouble: str | None
    kills: int = 0
    shared: bool = False


def race(world, *, processes, chance):
    """Let some processes start one campaign at the same moment, or within a few milliseconds."""
    people, place = world.people(SIZE), world.place()
    start = FORK.Barrier(processes)
    widest = chance.choice([0.0, 0.0, 0.005, 0.02, 0.3])
    tries = [
        Try(
            people=people,
            place=place,
            run_id=f"manual__{position}",
            start=start,
            offset=chance.uniform(0.0, widest),
        )
        for position in range(processes)
    ]
    endings = [each.ending() for each in tries]
    if world.refused:
        return _judge_refusal(world, people, endings)
    finished = [each.summary for each in endings if each.summary is not None]
    refused = [each for each in endings if each.has_refused]
    trouble = None
    if len(finished) + len(refused) != processes:
        trouble = f"neither sent nor refused: {[each.error for each in endings if each.error]}"
    elif not finished:
        trouble = "everybody refused"
    elif any(not _is_whole(summary, size=SIZE) for summary in finished):
        trouble = f"a summary is not whole: {[_counts(summary) for summary in finished]}"
    elif len(finished) > 1 and len({summary["finished_at"] for summary in finished}) > 1:
        trouble = "two processes have finished it, each by itself"
    return _judge(world, people, trouble=trouble, kills=0)


def kill_again_and_again(world, *, kills, chance):
    """Kill the process of one campaign at random moments; the next try goes on."""
    people, place = world.people(KILLED_SIZE), world.place()
    work = {"people": people, "place": place, "run_id": "manual__1", "max_tries": kills}
    killed = 0
    for number in range(1, kills + 1):
        total = world.gateway.total()
        running = Try(try_number=number, **work)
        # The first try must have sent: one that dies before it has claimed the campaign is rightly refused a retry.
        early = number > 1 and chance.random() < 0.25
        _wait_for_moment(
            world, running, chance=chance, total=total, left=KILLED_SIZE // (kills + 1), early=early
        )
        killed += running.process.is_alive()
        running.kill()
    ending = Try(try_number=kills + 1, **work).ending()
    trouble = None
    if ending.summary is None:
        trouble = f"the last try did not end well: {ending.error}"
    elif not _is_whole(ending.summary, size=KILLED_SIZE):
        trouble = f"the summary is not whole: {_counts(ending.summary)}"
    return _judge(world, people, trouble=trouble, kills=killed)


def _wait_for_moment(world, running, *, chance, total, left, early):
    """Wait until some messages were accepted, or, when it is to die early, until a moment after the start."""
    if early:
        running.process.join(chance.uniform(0.0, 1.5))
        return
    wanted = total + chance.randint(1, left)
    wait_for(
        lambda: world.gateway.total() >= wanted or not running.process.is_alive(),
        timeout=60,
        what="some messages are accepted",
    )


def _judge_refusal(world, people, endings):
    """
    On a storage that is none for a ledger nobody may send, and somebody must say why.

    Who finds the claim of another one there gives way to it, and that one finds the storage out.
    """
    others = [each.error or "sent" for each in endings if not (each.has_refused or each.has_refused_storage)]
    counts = world.gateway.client.counts()
    sent = sum(counts.get(number, 0) for number in people)
    trouble = None
    if sent or others or not any(each.has_refused_storage for each in endings):
        trouble = f"{sent} messages sent; neither refused nor gave way: {others}"
    return Verdict(duplicates=0, losses=0, trouble=trouble)


def _judge(world, people, *, trouble, kills):
    counts = world.gateway.client.counts()
    taken = Counter({number: counts.get(number, 0) for number in people})
    duplicates = sum(count - 1 for count in taken.values() if count > 1)
    losses = sum(count == 0 for count in taken.values())
    if duplicates or losses:
        trouble = (
            f"{duplicates} duplicates, {losses} losses; {trouble or 'and everybody says that all is well'}"
        )
    return Verdict(duplicates=duplicates, losses=losses, trouble=trouble, kills=kills)


def _is_whole(summary, *, size):
    return _counts(summary) == {"accepted": size, "rejected": 0, "skipped": 0, "unknown": 0}


def _counts(summary):
    return {name: summary[name] for name in ("accepted", "rejected", "skipped", "unknown")}
