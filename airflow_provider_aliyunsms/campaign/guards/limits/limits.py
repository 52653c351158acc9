# SPDX-License-Identifier: Apache-2.0
"""Judge a campaign by its size: messages, billing parts, cost, and what is usual."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.guards.daily import DailyTotal
from airflow_provider_aliyunsms.campaign.guards.limits.prices import REST, Money, PriceList, read_money
from airflow_provider_aliyunsms.campaign.guards.protocol import fail, go, wait_until
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError
from airflow_provider_aliyunsms.parameter_checks import check_number, check_whole
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.report import PartsCount
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts, Share
    from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict

_TEN_THOUSANDTHS: Final = 10_000
"""Parts of a unit of money, such as a yuan, in which a daily total counts."""


@dataclass(frozen=True)
class MaxMessages:
    """
    Stop a campaign with too many messages before its first call.

    Counted are those whom earlier tries have sent to or may have sent to, those who would be sent to now, and those
    whom a guard holds back until later. It costs nothing; with ``daily`` two uses of its store. A store that cannot
    be used fails the task, which Airflow retries.

    :param most: the largest number that is right. Unit: messages. Example: ``100_000``.
    :param daily: makes ``most`` the limit of a day over all campaigns that share it. A campaign that goes on on a
        later day claims what it has not sent yet. One that sends over midnight stops there, and goes on at once
        with a claim for the new day; without a ledger that lasts it counts on the day on which it began. Example:
        ``DailyTotal(store="sql:crm")``.
    :raises ConfigurationError: ``most`` is no positive integer, or ``daily`` is something else.
    """

    most: int
    _: KW_ONLY
    daily: DailyTotal | None = None

    def __post_init__(self) -> None:
        check_whole("most", self.most, low=1)
        _check_daily(self.daily)

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare the messages of the campaign with the limit."""
        return _judged(facts, unit="messages", amount=facts.message_count, most=self.most, daily=self.daily)

    def before_window(self, facts: Facts) -> Verdict:
        """Let what is left be claimed for the new day, when one has begun."""
        return _same_day(facts, self.daily)

    def after_sending(self, facts: Facts) -> None:
        """Tell the shared total how many were sent to, or may have been."""
        if self.daily is not None and not facts.dry_run:
            self.daily.settle(facts, unit="messages", amount=facts.already)


@dataclass(frozen=True)
class MaxParts:
    """
    Stop a campaign with too many billing parts before its first call.

    Each message is rendered with the values of its row; of those who were sent to and left the audience since, the
    text is not known, and they are not counted. China: 70 characters with the signature and its brackets are
    one part, longer messages have 67 in each. Elsewhere: 160 characters of the GSM alphabet (those of its extension
    count two) or 153 in each, and 70 or 67 when one character is not in it. Messages count as in
    :class:`MaxMessages`. It costs a pass over the audience, and for China one free
    read call; with ``daily`` a second pass and two uses of its store. Where the text of the template, or the
    value of one of its variables, is not known it fails.

    :param most: the largest number that is right. Unit: billing parts. Example: ``150_000``.
    :param daily: makes ``most`` the limit of a day, as in :class:`MaxMessages`. Example:
        ``DailyTotal(store="sql:crm")``.
    :raises ConfigurationError: ``most`` is no positive integer, or ``daily`` is something else.
    """

    most: int
    _: KW_ONLY
    daily: DailyTotal | None = None

    def __post_init__(self) -> None:
        check_whole("most", self.most, low=1)
        _check_daily(self.daily)

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare the parts of the campaign with the limit."""
        found = facts.parts(of="all")
        if found is None or found.missing:
            return _cannot_count(found)
        figures: dict[str, Any] = {"messages": found.messages, "longest": found.longest}
        return _judged(facts, unit="parts", amount=found.parts, most=self.most, daily=self.daily, **figures)

    def before_window(self, facts: Facts) -> Verdict:
        """Let what is left be claimed for the new day, when one has begun."""
        return _same_day(facts, self.daily)

    def after_sending(self, facts: Facts) -> None:
        """Tell the shared total how many parts were sent, or may have been."""
        if self.daily is None or facts.dry_run:
            return
        found = facts.parts(of="already")
        # Without the text nothing was sent in this try; the claim of an earlier one stays as it is.
        if found is not None:
            self.daily.settle(facts, unit="parts", amount=found.parts)


@dataclass(frozen=True)
class MaxCost:
    """
    Stop a campaign that costs too much before its first call.

    The cost is the price of one part times the parts of :class:`MaxParts`, exact, and shown rounded up to two
    decimals. What the account really pays depends on its contract and on the carriers' reports: give the price that
    it pays at most. Costs, and fails, as :class:`MaxParts`; and where a region has no price, or a price
    stands under no region.

    :param most: the largest amount that is right. Unit: money. Example: ``"1200 CNY"``.
    :param price: the price of one part: a text such as ``0.045 CNY``; or texts by ISO region (``SG``), by calling
        code (``65``), and ``*`` for the rest. A region wins over its calling code. Unit: money for one part.
        Example: ``{"SG": "0.3 CNY", "*": "0.9 CNY"}``.
    :param daily: makes ``most`` the limit of a day, as in :class:`MaxMessages`; counted in ten-thousandths.
        Example: ``DailyTotal(store="sql:crm")``.
    :raises ConfigurationError: an amount cannot be read, a price is in another currency, or a key is no region.
    """

    most: str
    _: KW_ONLY
    price: str | Mapping[str, str] = field(hash=False)
    daily: DailyTotal | None = None

    def __post_init__(self) -> None:
        limit = read_money(self.most, name="most")
        PriceList(self.price, currency=limit.currency)
        _check_daily(self.daily)
        if isinstance(self.price, Mapping):
            # What the DAG file does with its mapping later must not change a guard.
            object.__setattr__(self, "price", dict(self.price))

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare the cost of the campaign with the limit."""
        limit = read_money(self.most, name="most")
        prices = PriceList(self.price, currency=limit.currency)
        strange = prices.strange_keys()
        if strange:
            return fail(
                f"price names {', '.join(strange)}, which is no region and no calling code",
                advice="Write the region's ISO code, such as GB, or its calling code, such as 44.",
            )
        found = _priced_parts(facts, prices, of="all")
        if found is None or found.missing:
            return _cannot_count(found)
        by_group = _by_price(found, prices)
        missing = sorted(group for group in by_group if prices.of(group) is None)
        if missing:
            return fail(
                f"there is no price for {', '.join(missing[:10])}"
                f"{f' and {len(missing) - 10} more' if len(missing) > 10 else ''}",
                advice="Give each region a price, or * for the rest.",
                regions=len(missing),
            )
        cost = Money(_cost(by_group, prices), limit.currency)
        return self._judged(facts, cost=cost, limit=limit, parts=found.parts)

    def _judged(self, facts: Facts, *, cost: Money, limit: Money, parts: int) -> Verdict:
        shown = str(cost.rounded_up())
        figures: dict[str, Any] = {
            "cost": shown,
            "most": str(limit),
            "parts": parts,
            "currency": limit.currency,
        }
        told = f"{parts} parts cost {shown}"
        if cost.amount > limit.amount:
            return fail(f"{told}, more than {limit}", advice=_TOO_MANY, **figures)
        if self.daily is None:
            return go(f"{told}, of {limit} at most", **figures)
        most = int(limit.amount * _TEN_THOUSANDTHS)
        claimed = self.daily.claim(facts, unit=_unit_of(limit), amount=_in_units(cost), most=most)
        others = Money(Decimal(claimed.others) / _TEN_THOUSANDTHS, limit.currency).rounded_up()
        figures["others"] = str(others)
        told = f"{told}, the other campaigns of the day {others}"
        if not claimed.ok:
            return fail(f"{told}, together more than {limit}", advice=_TOO_MANY_TODAY, **figures)
        return go(f"{told}, of {limit} at most", **figures)

    def before_window(self, facts: Facts) -> Verdict:
        """Let what is left be claimed for the new day, when one has begun."""
        return _same_day(facts, self.daily)

    def after_sending(self, facts: Facts) -> None:
        """Tell the shared total what was spent, or may have been."""
        if self.daily is None or facts.dry_run:
            return
        limit = read_money(self.most, name="most")
        prices = PriceList(self.price, currency=limit.currency)
        found = _priced_parts(facts, prices, of="already")
        # Without text or prices nothing was sent in this try; the claim of an earlier one stays as it is.
        by_group = {} if found is None else _by_price(found, prices)
        if found is not None and all(prices.of(group) is not None for group in by_group):
            spent = Money(_cost(by_group, prices), limit.currency)
            self.daily.settle(facts, unit=_unit_of(limit), amount=_in_units(spent))


@dataclass(frozen=True)
class ExpectedCount:
    """
    Stop a campaign whose audience is not about as large as expected, in either direction.

    Counted are the rows that can be sent to: without rejected ones and repetitions, with those who were sent to by
    earlier tries, so that a retry is judged as the first try was. Costs nothing.

    :param expected: how many. Unit: recipients. Example: ``50_000``.
    :param tolerance: by which share of it the audience may differ; 0.2 allows 800 to 1200 of 1000. Unit: share.
        Example: ``0.1``.
    :raises ConfigurationError: ``expected`` is no positive integer, or ``tolerance`` is no number from 0 on.
    """

    expected: int
    _: KW_ONLY
    tolerance: float = 0.2

    def __post_init__(self) -> None:
        check_whole("expected", self.expected, low=1)
        check_number("tolerance", self.tolerance, low=0)

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare the rows that can be sent to with the expected number."""
        return _compared(
            facts.ready,
            usual=self.expected,
            tolerance=self.tolerance,
            what="recipients that can be sent to",
            usually="expected",
        )


@dataclass(frozen=True, kw_only=True)
class LikeLastRun:
    """
    Stop a campaign whose audience is not about as large as in the last run of this task, in either direction.

    Compared are all rows of the two audiences, as ``total`` of the summary counts them, with rejected rows and
    repetitions: it is the one figure that a run has in full also when it stopped half way, or held people back. An
    earlier run without rows says nothing. Costs one query to Airflow's database. Where that fails, the task fails
    and Airflow retries it.

    :param tolerance: by which share of the last run's rows they may differ; 0.5 allows 500 to 1500 after 1000.
        Unit: share. Example: ``0.3``.
    :param first_most: the most rows for a run without an earlier one; None fails such a run. Unit: rows. Example:
        ``60_000``.
    :raises ConfigurationError: ``tolerance`` is no number from 0 on, or ``first_most`` is no positive integer.
    """

    tolerance: float = 0.5
    first_most: int | None = None

    def __post_init__(self) -> None:
        check_number("tolerance", self.tolerance, low=0)
        if self.first_most is not None:
            check_whole("first_most", self.first_most, low=1)

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare the rows of the audience with those of the last run."""
        try:
            last = facts.surroundings.last_run()
        except AliyunSmsError as error:
            return fail(
                f"the last run of this task cannot be read: {error.message}",
                advice=error.advice or "Let the task retry.",
                may_change=True,
            )
        rows = facts.counts.total
        usual = None if last is None else last.get("total")
        if usual is None or usual == 0:
            return self._first(rows)
        if not isinstance(usual, int) or isinstance(usual, bool) or usual < 0:
            return fail(
                "the summary of the last run does not say how many rows it had",
                advice="Look at the XCom of the last run; ExpectedCount needs none.",
            )
        return _compared(rows, usual=usual, tolerance=self.tolerance, what="rows", usually="the last run had")

    def _first(self, rows: int) -> Verdict:
        if self.first_most is None:
            return fail(
                f"there is no earlier run to compare {rows} rows with",
                advice="Set first_most to the most rows that the first run may have.",
                rows=rows,
            )
        figures: dict[str, Any] = {"rows": rows, "first_most": self.first_most}
        if rows > self.first_most:
            return fail(
                f"{rows} rows in a run without an earlier one, more than first_most={self.first_most}",
                advice="Look at the audience. If it is right, raise first_most.",
                **figures,
            )
        return go(f"{rows} rows in a run without an earlier one, of {self.first_most} at most", **figures)


_TOO_MANY = "Look at the audience and the text. If they are right, raise the limit of the guard."
_TOO_MANY_TODAY = "Send on another day, or raise the limit of the day in all guards that share it."


def _judged(
    facts: Facts, *, unit: str, amount: int, most: int, daily: DailyTotal | None, **more: Any
) -> Verdict:
    figures: dict[str, Any] = {unit: amount, "most": most, **more}
    if amount > most:
        return fail(f"{amount} {unit}, more than {most}", advice=_TOO_MANY, **figures)
    if daily is None:
        return go(f"{amount} {unit}, of {most} at most", **figures)
    claimed = daily.claim(facts, unit=unit, amount=amount, most=most)
    figures["others"] = claimed.others
    told = f"{amount} {unit} beside {claimed.others} of the day's other campaigns"
    if not claimed.ok:
        return fail(f"{told}, together more than {most}", advice=_TOO_MANY_TODAY, **figures)
    return go(f"{told}, of {most} at most", **figures)


def _same_day(facts: Facts, daily: DailyTotal | None) -> Verdict:
    # Without a ledger that lasts the campaign could not go on, and counts on the day on which it began.
    if daily is None or not facts.can_wait or not daily.day_is_over(facts):
        return go("the day is that of the claim")
    return wait_until(facts.now, "another day has begun, and what is left is claimed for it")


def _compared(count: int, *, usual: int, tolerance: float, what: str, usually: str) -> Verdict:
    # In decimals as they are written: 0.2 as a float is a little more, and 1000 rows would allow 1201 at some sizes.
    margin = Decimal(str(tolerance)) * usual
    least, most = max(0, math.ceil(usual - margin)), math.floor(usual + margin)
    figures: dict[str, Any] = {"count": count, "usual": usual, "least": least, "most": most}
    told = f"{count} {what}, {usually} {usual}"
    if least <= count <= most:
        return go(f"{told}, {least} to {most} are right", **figures)
    return fail(
        f"{told}, and only {least} to {most} are right",
        advice="Look at the audience. If it is right, change the number or the tolerance of the guard.",
        **figures,
    )


def _priced_parts(facts: Facts, prices: PriceList, *, of: Share) -> PartsCount | None:
    if prices.only:
        return facts.parts(of=of)
    return facts.parts(of=of, group=partial(prices.group, china=facts.product is CHINA))


def _by_price(found: PartsCount, prices: PriceList) -> Mapping[str, int]:
    return {REST: found.parts} if prices.only else found.by_group


def _cost(by_group: Mapping[str, int], prices: PriceList) -> Decimal:
    return sum(((prices.of(group) or Decimal(0)) * parts for group, parts in by_group.items()), Decimal(0))


def _unit_of(limit: Money) -> str:
    return f"cost_{limit.currency.lower()}_e4"


def _in_units(money: Money) -> int:
    return int((money.amount * _TEN_THOUSANDTHS).to_integral_value(rounding=ROUND_CEILING))


def _cannot_count(found: PartsCount | None) -> Verdict:
    if found is None:
        return fail(
            "the text of the template is not known, so nobody can count its parts",
            advice="Look whether the template exists and has a text in the console, or leave this guard out.",
        )
    return fail(
        f"{len(found.missing)} variables of the template have no value in some rows, so nobody can count the parts",
        advice="Give the variables defaults in template_param, or values in every row; Preflight names them.",
        missing=len(found.missing),
    )


def _check_daily(daily: object) -> None:
    if daily is not None and not isinstance(daily, DailyTotal):
        raise ConfigurationError(
            "daily must be a DailyTotal",
            advice='Write daily=DailyTotal("s3://aws@bucket/sms"), or leave it out.',
        )
