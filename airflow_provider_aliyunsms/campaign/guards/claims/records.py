# SPDX-License-Identifier: Apache-2.0
"""Define claims and the limits on them, and decide what a campaign may claim; nothing here reads or writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DAY_MS: Final = 86_400_000

LONGEST_TRY_MS: Final = DAY_MS
"""
How long after its claim a message may still leave, in milliseconds.

A claim that is not settled counts as if all its messages left that late: its campaign may be about to send them. So
it counts in a window of a minute, too, while the campaign runs, and a day longer than the window after a crash.
"""

SLACK_MS: Final = DAY_MS
"""How much longer than needed claims are kept, because the clocks of two machines may differ."""

BATCH: Final = 20_000
"""Subjects that are claimed together: one transaction, or one entry."""


class Limit(NamedTuple):
    """
    At most so much of one subject, over all campaigns.

    :param most: the largest sum of all claims.
    :param per_ms: the length of the window in milliseconds; None to count every claim there is.
    """

    most: int
    per_ms: int | None


class Want(NamedTuple):
    """
    What a campaign wants of one subject, in all.

    :param subject: a hash.
    :param used: what cannot be taken back, because it was sent or may have been.
    :param wanted: ``used`` and what is still to be sent.
    """

    subject: int
    used: int
    wanted: int


class Grant(NamedTuple):
    """
    What a campaign got of one subject.

    :param amount: in all; never less than ``used``.
    :param others: what the other campaigns have claimed within the first limit.
    """

    amount: int
    others: int


class Record(NamedTuple):
    """
    The claim of one campaign on one subject, as a store holds it.

    :param campaign: a hash.
    :param amount: how much, in all.
    :param at_ms: when it was made or settled, in milliseconds since the epoch.
    :param settled: the amount is what was sent, or may have been; until then more may be about to be sent.
    """

    campaign: int
    amount: int
    at_ms: int
    settled: bool


class Claims(Protocol):
    """
    The claims of all campaigns, as one campaign uses them; a context that closes what it holds.

    Every method raises :class:`~airflow_provider_aliyunsms.exceptions.AliyunSmsError` when the store cannot be read
    or written, and it is never taken for empty then.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def claim(self, wants: Sequence[Want], *, limits: Sequence[Limit], whole: bool = False) -> list[Grant]:
        """
        Claim as much of each subject as the limits leave, or all of it or nothing.

        Atomic over all processes for each call. A claim replaces the campaign's earlier claim on the same subject.

        :param wants: subjects that differ from each other; best :data:`BATCH` of them.
        :param whole: of a subject that does not have room for all nothing is claimed; an earlier claim on it stays.
        :returns: one for each, in the same order.
        """
        ...

    def settle(self, amounts: Sequence[tuple[int, int]], *, at_ms: int) -> None:
        """
        Replace the campaign's claims of this try by what was sent, or may have been.

        The claim of a later try of the campaign stays as it is. Nothing happens to the time of an amount that was
        settled before and is the same now.

        :param amounts: subject and amount in all.
        :param at_ms: the end of the sending: later is safer.
        """
        ...

    def own(self, subjects: Sequence[int]) -> dict[int, Record]:
        """Return the campaign's own claims on these subjects, where it has any."""
        ...

    def finish(self) -> None:
        """Make sure that everything claimed stands, and tidy up; call it before anything is sent."""
        ...


class Decided(NamedTuple):
    """
    The grants, and what has to be written for them.

    :param grants: one for each want.
    :param writes: the new amount of each subject whose record changes.
    """

    grants: list[Grant]
    writes: dict[int, int]


def decide(
    wants: Sequence[Want],
    *,
    records: Mapping[int, Sequence[Record]],
    campaign: int,
    at_ms: int,
    limits: Sequence[Limit],
    whole: bool,
) -> Decided:
    """
    Return how much of each subject a campaign gets.

    What it has sent already stays claimed even when that is over a limit: it cannot be taken back.

    :param wants: what it wants.
    :param records: all records of these subjects, the campaign's own included.
    :param campaign: its hash.
    :param at_ms: the time, in milliseconds since the epoch.
    :param limits: at least one; every one must hold.
    :param whole: all of a subject or nothing.
    """
    alone = min(limit.most for limit in limits)
    grants, writes = [], {}
    for subject, used, wanted in wants:
        found = records.get(subject)
        room, others = alone, 0
        if found:
            sums = [_others(found, campaign=campaign, at_ms=at_ms, limit=limit) for limit in limits]
            room = min([limit.most - total for limit, total in zip(limits, sums, strict=True)])
            others = sums[0]
        if whole and wanted > max(room, used):
            grants.append(Grant(used, others))
            continue
        # Not min() and max(): this runs for every recipient.
        amount = wanted if wanted <= room else room
        amount = used if amount < used else amount
        grants.append(Grant(amount, others))
        if amount > used or (used and _is_missing(found, campaign=campaign, used=used)):
            writes[subject] = amount
    return Decided(grants, writes)


def _others(records: Iterable[Record], *, campaign: int, at_ms: int, limit: Limit) -> int:
    total = 0
    for other, amount, made_ms, settled in records:
        if other == campaign:
            continue
        latest_ms = made_ms if settled else made_ms + LONGEST_TRY_MS
        # No upper bound: a record from the future is one of a machine whose clock is ahead.
        if limit.per_ms is None or latest_ms > at_ms - limit.per_ms:
            total += amount
    return total


def _is_missing(records: Sequence[Record] | None, *, campaign: int, used: int) -> bool:
    """
    Return whether the record of what was sent already is not there, or is too low.

    One that is too high stays until the try is settled; one that is right keeps its time.
    """
    return used > sum(record.amount for record in records or () if record.campaign == campaign)


def after_claim(record: Record | None, *, campaign: int, amount: int, at_ms: int) -> Record:
    """Return a campaign's record after a claim that replaces its earlier one."""
    # After a settlement not later than the claim itself, or its own settlement would take it for a later try's.
    later = record is not None and not record.settled and record.at_ms > at_ms
    return Record(campaign, amount, record.at_ms if record is not None and later else at_ms, settled=False)


def after_settlement(
    record: Record | None, *, campaign: int, amount: int, at_ms: int, claimed_ms: int
) -> Record | None:
    """
    Return a campaign's record after one of its tries was settled.

    :param claimed_ms: when that try made its claims.
    """
    if record is None:
        # Claimed by nobody, and sent all the same, as when the guard is new in a campaign that had begun.
        return Record(campaign, amount, at_ms, settled=True) if amount else None
    if record.settled and record.amount == amount:
        return record
    if record.at_ms > claimed_ms and (not record.settled or record.amount > amount):
        # A later try has claimed or settled meanwhile, and what it sends is not in this amount.
        return record
    return Record(campaign, amount, max(at_ms, record.at_ms), settled=True)


def is_over(record_ms: int, *, now_ms: int, keep_ms: int) -> bool:
    """Return whether a claim of that time counts in no window of ``keep_ms`` any more, on any machine."""
    return record_ms + LONGEST_TRY_MS + keep_ms + SLACK_MS < now_ms
