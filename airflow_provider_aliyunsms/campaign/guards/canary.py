# SPDX-License-Identifier: Apache-2.0
"""
Send to a few first, with the guards ``Canary``, ``Sample`` and ``AfterSample``.

``Canary`` judges the delivery of the few and goes on with everybody else. ``Sample`` stops after them, and another
task with ``AfterSample`` goes on.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict, fail, go, wait_until
from airflow_provider_aliyunsms.parameter_checks import as_duration, check_share, check_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.campaign.guards.facts import Facts

MOST: Final = 10_000
"""The largest sample: each of its messages costs a query."""

_SHOWN_CODES: Final = 3


def sample(facts: Facts, *, size: int) -> frozenset[str]:
    """
    Return the numbers of a random sample that is the same in every try and every task of the campaign.

    Whether a number is in it follows from a hash of campaign and number: neither the order of the rows nor who else
    is there matters, as long as the numbers with the smallest hashes stay. Rows that get nothing, such as those that
    a guard asked before has left out, do not count. With shards each has a sample of its own. Costs a pass over the
    audience.
    """
    from airflow_provider_aliyunsms.audience.spool import SKIPPED

    key = hashlib.blake2b(facts.campaign_id.encode("utf-8", "surrogatepass"), digest_size=32).digest()

    def hashed() -> Iterator[tuple[bytes, str]]:
        empty = hashlib.blake2b(digest_size=8, key=key, person=b"sample")
        for rows in facts.rows():
            for number, outcome in zip(rows.members.numbers, rows.outcomes, strict=True):
                if outcome == SKIPPED:
                    continue
                copy = empty.copy()
                copy.update(number.encode())
                yield copy.digest(), number

    # Some numbers stand in several rows. They come as often here, so that more are kept than are wanted.
    kept: dict[str, bytes] = {}
    for digest, number in hashed():
        kept[number] = digest
        if len(kept) >= 2 * size + _SPARE:
            kept = dict(heapq.nsmallest(size, kept.items(), key=_by_hash))
    return frozenset(number for number, _ in heapq.nsmallest(size, kept.items(), key=_by_hash))


_SPARE: Final = 1000


def _by_hash(item: tuple[str, bytes]) -> bytes:
    return item[1]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """
    Send to a random sample only, the same in every try; another task sends to everybody else.

    The receipts of everybody else are ``skipped`` with ``local.NOT_IN_SAMPLE``. A task with the same ``campaign_id``
    and ``ledger_path``, and :class:`AfterSample` instead of this guard, sends to them, and to nobody of the sample
    again.

    :param size: numbers in the sample, 1 to 10,000; all of them get all their messages. Unit: numbers. Example:
        ``500``.
    """

    size: int

    def __post_init__(self) -> None:
        check_whole("size", self.size, low=1, high=MOST)

    def before_sending(self, facts: Facts) -> Verdict:
        """Leave everybody out who is not in the sample."""
        from airflow_provider_aliyunsms.codes import LocalCode

        numbers = sample(facts, size=self.size)
        left_out = 0
        for places in _outside(facts, numbers):
            facts.leave_out(places, code=LocalCode.NOT_IN_SAMPLE.value)
            left_out += len(places)
        return go(
            f"only the {len(numbers)} numbers of the sample get it now, {left_out} messages are left to another task",
            sample=len(numbers),
            left_out=left_out,
        )


@dataclass(frozen=True)
class AfterSample:
    """
    Send only where the ledger tells whom an earlier task has sent to, as the one with :class:`Sample` does.

    For the task that sends to everybody else: without the ledger of the first one, as when ``campaign_id`` or
    ``ledger_path`` come out differently in the two, all of the sample would get the message again. It then fails,
    and goes on failing after a Clear. Costs nothing. In a dry run, which has no ledger, it goes.
    """

    def before_sending(self, facts: Facts) -> Verdict:
        """Look whether an earlier task of the campaign has sent to anybody."""
        if facts.dry_run or facts.resumed:
            return go("the ledger of the sample is there")
        return fail(
            "the ledger does not tell whom the sample was, so all of it would get the message again",
            advice="Give both tasks the same campaign_id and ledger_path, without anything that differs from task to "
            "task, and bring the ledger back if it was lost.",
        )


@dataclass(frozen=True, kw_only=True)
class Canary:
    """
    Send to a random sample first, wait, judge its delivery, and only then send to everybody else.

    While it waits, the task's slot is free. Then it asks for the delivery of each message of the sample: some free
    read calls for each. A message that is still under way counts as not delivered, and so does one that the gateway
    refused. Too few: the campaign fails with the carriers' codes, and nobody else gets it. The sample is the same in
    every try, and who was sent to is not sent to again.

    :param size: numbers in the sample, 1 to 10,000. Unit: numbers. Example: ``500``.
    :param min_delivered_ratio: the share of the sample's messages that must have been delivered, 0 to 1. Unit:
        share of the sample. Example: ``0.95``.
    :param wait: how long the carriers get after the last message of the sample was accepted. Unit: timedelta, or
        seconds. Example: ``timedelta(minutes=30)``.
    """

    size: int = 200
    min_delivered_ratio: float = 0.9
    wait: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        check_whole("size", self.size, low=1, high=MOST)
        check_share("min_delivered_ratio", self.min_delivered_ratio)
        object.__setattr__(self, "wait", as_duration("wait", self.wait))

    def before_sending(self, facts: Facts) -> Verdict:
        """Hold everybody else back while somebody of the sample is to be sent to; after that, judge the delivery."""
        numbers = sample(facts, size=self.size)
        waiting = sum(number in numbers for rows in facts.pending() for number in rows.members.numbers)
        if waiting:
            return self._send_sample(facts, numbers=numbers, waiting=waiting)
        last = facts.last_accepted(numbers)
        if last is not None and facts.now < last + self.wait:
            return wait_until(
                last + self.wait,
                f"the carriers have until then to deliver {len(numbers)} messages",
                sample=len(numbers),
            )
        return self._judge(facts, numbers=numbers)

    def _send_sample(self, facts: Facts, *, numbers: frozenset[str], waiting: int) -> Verdict:
        from airflow_provider_aliyunsms.codes import LocalCode

        held = 0
        for places in _outside(facts, numbers):
            facts.hold(places, until=facts.now + self.wait, code=LocalCode.WAITS_FOR_CANARY.value)
            held += len(places)
        return go(
            f"{waiting} messages to a sample go first, {held} wait for their delivery",
            sample=waiting,
            held=held,
        )

    def _judge(self, facts: Facts, *, numbers: frozenset[str]) -> Verdict:
        from airflow_provider_aliyunsms.campaign.ports import Fate
        from airflow_provider_aliyunsms.codes import explain

        fates = Counter[str]()
        codes = Counter[str]()
        for delivery in facts.deliveries(numbers):
            fates[delivery.fate.value] += 1
            if delivery.fate is Fate.FAILED:
                codes[delivery.code] += 1
        others = Counter(
            outcome
            for rows in facts.rows()
            for number, outcome in zip(rows.members.numbers, rows.outcomes, strict=True)
            if number in numbers
        )
        refused = others["rejected"] + others["unknown"]
        total = fates.total() + refused
        delivered = fates[Fate.DELIVERED.value]
        figures: dict[str, Any] = {
            "sample": total,
            "delivered": delivered,
            "failed": fates[Fate.FAILED.value],
            "pending": fates[Fate.PENDING.value],
            "not_accepted": refused,
            "codes": dict(codes),
        }
        told = f"{delivered} of {total} messages of the sample were delivered"
        least = self.min_delivered_ratio * total
        if total and delivered >= least:
            return go(told, **figures)
        named = "; ".join(
            f"{count} x {code} ({explain(code, api=facts.api).meaning})"
            for code, count in codes.most_common(_SHOWN_CODES)
        )
        return fail(
            f"{told}, fewer than min_delivered_ratio={self.min_delivered_ratio:g} asks for"
            + (f": {named}" if named else ""),
            advice="Nobody else gets it. Mend the cause and clear the task, or lower min_delivered_ratio; the sample "
            "is not sent to again.",
            # Evidence of what is open is looked for in this try; the next one may find that it was accepted.
            may_change=bool(others["unknown"]) and delivered + others["unknown"] >= least,
            **figures,
        )


def _outside(facts: Facts, numbers: frozenset[str]) -> Iterator[list[int]]:
    for rows in facts.pending():
        pairs = zip(rows.places, rows.members.numbers, strict=True)
        if places := [place for place, number in pairs if number not in numbers]:
            yield places
