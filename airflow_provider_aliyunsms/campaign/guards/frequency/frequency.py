# SPDX-License-Identifier: Apache-2.0
"""Limit how many messages a phone number gets from all campaigns together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict, fail, go
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.parameter_checks import as_duration, check_whole, check_word
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.audience.spool import SpoolRows
    from airflow_provider_aliyunsms.campaign.guards.claims import Claims, Hashes, Limit
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts
    from airflow_provider_aliyunsms.campaign.guards.frequency.subject_rows import SortedRows, SubjectRows

Scope = Literal["number", "signature", "template"]
Kind = Literal["otp", "notification", "promotion"]
Window = tuple[int, timedelta]

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

_PLATFORM: Final[Mapping[Kind, tuple[Scope, tuple[Window, ...]]]] = {
    "otp": ("signature", ((1, _MINUTE), (5, _HOUR), (10, _DAY))),
    "notification": ("template", ((50, _DAY),)),
    "promotion": ("template", ((50, _DAY),)),
}
"""
What the platform allows one number by default, by the kind of the template.

The platform's minutes and hours are those of the clock, and its days any 24 hours. Windows that roll are stricter
than those of the clock: whatever keeps to them keeps to both.
"""

_SIGNATURE_ENDS: Final = ',"sms_up_extend_code":'
"""What stands behind the signature in the content of a row. It cannot stand in a value, whose quotes are escaped."""

_ADVICE: Final = "Mend the store of the guard, then clear the task: it resumes. Nothing was sent now."


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """
    Leave out those who have got enough messages from all campaigns together, counted at one place.

    Before the sending each number's messages of this campaign are claimed: those that were accepted or may have been,
    and those that are to be sent. What is over the cap is left out, with the code ``local.FREQUENCY_CAP``; of a
    number's several messages the first ones go. Two campaigns never get the same room, whatever happens at the same
    time. After the sending the claim becomes what was accepted or may have been, counted once for each message,
    however often the task was tried. What a resend sends again counts on top, and so does another run with the same
    campaign id and a ledger of its own. A dry run looks and claims nothing; it has no ledger, and leaves out of the
    count what was sent under its campaign id. Put it behind the guards that leave people out for other reasons: whom
    they leave out, it claims nothing for.

    Costs a pass over the audience before and one after the sending, and for each million numbers about 60 MB in a
    database, or 22 MB in a folder; see the guide to guards for the time. When the store cannot be used the campaign
    fails, and a retry is judged anew. A try that died leaves its claims: they count until its campaign is tried
    again, or a day longer than the period. A number that earlier tries sent to, and that is not in the audience any
    more, keeps the claim it had.

    :param most: messages that a number may get. Unit: messages. Example: ``4``.
    :param per: within any time of this length. Unit: timedelta, or seconds. Example: ``timedelta(days=7)``.
    :param store: where the counts are: a folder (path or URI) that exists, ``sql:<conn_id>``, or
        ``sql:<conn_id>/<prefix of the tables>``. Campaigns that name the same place count together. Example:
        ``"sql:crm"``.
    :param also: further limits that hold at the same time, each a number of messages and a length of time.
        Example: ``((1, timedelta(hours=12)),)``.
    :param scope: what is counted together: all messages to a number, those with the same signature, or those with
        the same signature and template. Example: ``"signature"``.
    :raises ConfigurationError: a value is out of range, or the store has no such form.
    """

    most: int
    per: timedelta = field(kw_only=True)
    store: str = field(kw_only=True, repr=False)
    also: tuple[Window, ...] = field(default=(), kw_only=True)
    scope: Scope = field(default="number", kw_only=True)

    template_fields: ClassVar[tuple[str, ...]] = ("store",)

    def __post_init__(self) -> None:
        from airflow_provider_aliyunsms.campaign.guards.claims import check_place

        check_place(self.store)
        check_whole("most", self.most, low=1)
        object.__setattr__(self, "per", as_duration("per", self.per, above=True))
        for most, _ in self.also:
            check_whole("also", most, low=1)
        also = tuple((most, as_duration("also", per, above=True)) for most, per in self.also)
        object.__setattr__(self, "also", also)
        check_word("scope", self.scope, words=("number", "signature", "template"))

    @classmethod
    def platform(cls, kind: Kind, *, store: str) -> FrequencyCap:
        """
        Return a guard with the platform's own limits for a kind of template; China only.

        It leaves out those whom the gateway would refuse with ``isv.BUSINESS_LIMIT_CONTROL``, as far as this
        deployment has sent to them: what others have sent to a number, only the platform knows. Verification codes
        (``otp``): 1 a minute, 5 an hour, 10 a day, by signature. Notifications and promotions: 50 a day, by signature
        and template. Where the limits of the account were changed in the console, write a cap of your own.

        :param kind: ``otp``, ``notification`` or ``promotion``. Example: ``"promotion"``.
        :param store: as that of :class:`FrequencyCap`. Example: ``"sql:crm"``. (templated)
        :raises ConfigurationError: there is no such kind, or the store has no such form.
        """
        check_word("kind", kind, words=tuple(_PLATFORM))
        scope, ((most, per), *also) = _PLATFORM[kind]
        return cls(most, per=per, store=store, also=tuple(also), scope=scope)

    def before_sending(self, facts: Facts) -> Verdict:
        """Claim for everybody who would be sent to, and leave out those over the cap."""
        if unfit := self._unfit(facts):
            return unfit
        try:
            claimed, over = self._claim(facts)
        except AliyunSmsError as error:
            return fail(
                f"the messages of all campaigns could not be counted: {error.message}",
                advice=error.advice or _ADVICE,
                may_change=True,
            )
        return go(
            f"{over} messages are over the frequency cap and are left out, {claimed} are within it",
            claimed=claimed,
            over_the_cap=over,
        )

    def after_sending(self, facts: Facts) -> None:
        """
        Replace the claims by what was accepted, or may have been.

        :raises AliyunSmsError: the store cannot be used; then the claims stay as they were.
        """
        if self._unfit(facts):
            return
        now_ms = int(facts.now.timestamp() * 1000)
        with self._open(facts) as claims, self._sorted(facts) as rows:
            for batch in rows.batches(_batch_size()):
                claims.settle([(one.subject, one.used) for one in batch], at_ms=now_ms)
            claims.finish()

    def _unfit(self, facts: Facts) -> Verdict | None:
        """Return the verdict against a campaign whose messages cannot be counted by this scope."""
        if self.scope != "number" and facts.product is not CHINA:
            return fail(
                "signatures and templates are those of the China API, and this campaign uses another",
                advice='Use scope="number", or leave this guard out.',
            )
        if self.scope == "template" and len(facts.template_codes) != 1:
            return fail(
                "the groups of a split get several templates, and this guard counts for one",
                advice='Use scope="signature" or "number", or leave this guard out.',
            )
        return None

    @property
    def _windows(self) -> tuple[Window, ...]:
        return ((self.most, self.per), *self.also)

    def _claim(self, facts: Facts) -> tuple[int, int]:
        """Claim for the whole audience; return how many messages are within the cap, and how many over it."""
        # Here, because a DAG file imports this module when it is parsed.
        from airflow_provider_aliyunsms.codes import LocalCode

        claimed = over = 0
        with self._open(facts) as claims, self._sorted(facts) as rows:
            for batch in rows.batches(_batch_size()):
                left_out = self._claim_batch(claims, batch)
                rows.leave_out(left_out)
                over += len(left_out)
                claimed += sum(len(one.pending) for one in batch) - len(left_out)
            claims.finish()
            for places in rows.left_out(_batch_size()):
                facts.leave_out(places, code=LocalCode.FREQUENCY_CAP.value)
        return claimed, over

    def _claim_batch(self, claims: Claims, batch: Sequence[SubjectRows]) -> list[int]:
        """Claim for some subjects; return the places of the rows that are over the cap."""
        from airflow_provider_aliyunsms.campaign.guards.claims import Want

        some = [one for one in batch if one.used or one.pending]
        wants = [Want(one.subject, one.used, one.used + len(one.pending)) for one in some]
        left_out = []
        for one, grant in zip(some, claims.claim(wants, limits=self._limits()), strict=True):
            # In the order of the rows, so that of a number's messages the first ones go.
            left_out += one.pending[grant.amount - one.used :]
        return left_out

    def _limits(self) -> list[Limit]:
        from airflow_provider_aliyunsms.campaign.guards.claims import Limit

        return [Limit(most, _ms(per)) for most, per in self._windows]

    def _open(self, facts: Facts) -> Claims:
        from airflow_provider_aliyunsms.campaign.guards.claims import open_claims

        return open_claims(self.store, facts=facts, keep_ms=max(_ms(per) for _, per in self._windows))

    def _sorted(self, facts: Facts) -> SortedRows:
        from airflow_provider_aliyunsms.campaign.guards.claims import Hashes
        from airflow_provider_aliyunsms.campaign.guards.frequency.subject_rows import SortedRows

        hashes, found = Hashes(facts.secret), SortedRows()
        try:
            for rows in facts.rows():
                found.add(
                    subjects=self._subjects(rows, facts=facts, hashes=hashes),
                    outcomes=rows.outcomes,
                    places=rows.places,
                )
        except BaseException:
            found.__exit__()
            raise
        return found

    def _subjects(self, rows: SpoolRows, *, facts: Facts, hashes: Hashes) -> tuple[int, ...]:
        from airflow_provider_aliyunsms.audience.phone_numbers import with_country_codes

        numbers = rows.members.numbers
        if self.scope == "number":
            # The same digits are a mobile in the mainland for one API and a number in North America for the other.
            product = facts.product
            return hashes.of_all(with_country_codes(numbers, product=product), kind="number")
        # Of a split that has one template, the task has none of its own.
        template = "" if self.scope == "signature" else facts.template_codes[0]
        # The signature as the content writes it, which is one way for each.
        signatures = [content.partition(_SIGNATURE_ENDS)[0] for content in rows.members.contents]
        texts = [
            f"{number} {template} {signature}" for number, signature in zip(numbers, signatures, strict=True)
        ]
        return hashes.of_all(texts, kind=self.scope)


def _batch_size() -> int:
    from airflow_provider_aliyunsms.campaign.guards import claims

    return claims.BATCH


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1) or 1
