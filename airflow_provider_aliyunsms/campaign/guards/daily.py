# SPDX-License-Identifier: Apache-2.0
"""Count what all campaigns together take of one day, for guards with a limit a day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_aliyunsms.campaign.guards.claims import Claims, Record
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts

_DAYS: Final = 8
"""How many days back the campaign's own earlier claims are looked for."""

_KEEP_MS: Final = _DAYS * 86_400_000


class Claimed(NamedTuple):
    """
    The answer to a claim on a day.

    :param ok: it was claimed; else nothing was.
    :param others: what other campaigns have claimed of the day.
    """

    ok: bool
    others: int


@dataclass(frozen=True, slots=True)
class DailyTotal:
    """
    The sum of what all campaigns take of one day, of any unit that is counted in whole numbers.

    Each call opens the store: for a database some queries, for a folder a read of its entries. The claims of several
    campaigns add up exactly, whatever happens at the same time.

    :param store: a folder (path or URI) that exists, ``sql:<conn_id>``, or ``sql:<conn_id>/<prefix of the
        tables>``. Example: ``"sql:crm"``.
    :param tz: the time zone of the days. Campaigns that name different ones do not share a sum. Example:
        ``"Europe/Berlin"``.
    :raises ConfigurationError: the store has no such form, or there is no such time zone.
    """

    store: str = field(repr=False)
    tz: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        from airflow_provider_aliyunsms.campaign.guards.claims import check_place

        check_place(self.store)
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, TypeError) as error:
            raise ConfigurationError(
                "tz is no time zone that this machine knows", advice="Write it like Asia/Shanghai."
            ) from error

    def claim(self, facts: Facts, *, unit: str, amount: int, most: int) -> Claimed:
        """
        Claim an amount of today, all of it or nothing; in a dry run nothing is claimed, it only looks.

        A retry on the same day replaces the campaign's claim. On a later day it claims what earlier days do not have
        already, as far as those were settled; what a dead try left unsettled is claimed once more, to be safe.

        :param facts: the campaign, the time and the deployment.
        :param unit: what is counted, such as ``messages``; amounts of different units do not add up.
        :param amount: what the whole campaign will have taken in the end: what was accepted or may have been, and
            what is still to be sent. Money in its smallest part.
        :param most: the limit of the day over all campaigns.
        :raises AliyunSmsError: the store cannot be used; nothing may be sent.
        """
        from airflow_provider_aliyunsms.campaign.guards.claims import Limit, Want

        facts.notes[self] = self._today(facts)
        with self._open(facts) as claims:
            days = self._own(claims, facts, unit=unit)
            earlier = sum(record.amount for record in days[1:] if record and record.settled)
            share = max(amount - earlier, 0)
            today = self._subjects(facts, unit=unit)[0]
            (grant,) = claims.claim([Want(today, 0, share)], limits=[Limit(most, None)], whole=True)
            claims.finish()
        return Claimed(ok=grant.amount == share, others=grant.others)

    def day_is_over(self, facts: Facts) -> bool:
        """Return whether another day has begun since the claim of this try, which is for that day alone."""
        claimed = facts.notes.get(self)
        return claimed is not None and claimed != self._today(facts)

    def settle(self, facts: Facts, *, unit: str, amount: int) -> None:
        """
        Replace the campaign's claim by what was really taken, on the day of that claim; nothing in a dry run.

        :param facts: the same object as that of the claim.
        :param unit: the same as that of the claim.
        :param amount: what the whole campaign has taken so far: accepted, or may have been.
        :raises AliyunSmsError: the store cannot be used; then the claim stays as it was.
        """
        if facts.dry_run:
            return
        with self._open(facts) as claims:
            days = self._own(claims, facts, unit=unit)
            latest = next((place for place, record in enumerate(days) if record), 0)
            earlier = sum(record.amount for record in days[latest + 1 :] if record and record.settled)
            subject = self._subjects(facts, unit=unit)[latest]
            claims.settle([(subject, max(amount - earlier, 0))], at_ms=int(facts.now.timestamp() * 1000))
            claims.finish()

    def _open(self, facts: Facts) -> Claims:
        from airflow_provider_aliyunsms.campaign.guards.claims import open_claims

        return open_claims(self.store, facts=facts, keep_ms=_KEEP_MS)

    def _own(self, claims: Claims, facts: Facts, *, unit: str) -> list[Record | None]:
        """Return the campaign's own claims on today and the days before, today first."""
        subjects = self._subjects(facts, unit=unit)
        found = claims.own(subjects)
        return [found.get(subject) for subject in subjects]

    def _today(self, facts: Facts) -> date:
        return facts.now.astimezone(ZoneInfo(self.tz)).date()

    def _subjects(self, facts: Facts, *, unit: str) -> tuple[int, ...]:
        from airflow_provider_aliyunsms.campaign.guards.claims import Hashes

        today = self._today(facts)
        days = [(today - timedelta(days=back)).isoformat() for back in range(_DAYS)]
        return Hashes(facts.secret).of_all([f"{self.tz} {day} {unit}" for day in days], kind="day")
