# SPDX-License-Identifier: Apache-2.0
"""Read amounts of money and prices for one billing part, and find the price for a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from airflow_provider_aliyunsms.audience.phone_numbers import (
    MAINLAND_CODE,
    calling_code,
    is_mainland,
    is_region,
    region_of,
)
from airflow_provider_aliyunsms.exceptions import ConfigurationError

REST: Final = "*"
"""The key of the price for every region that has none of its own."""

_MONEY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,8})?) ([A-Z]{3})")
_KEY = re.compile(r"\*|[A-Z]{2}|\+?[1-9][0-9]{0,2}")
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with its currency."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        """Write it with at least two decimals."""
        digits = self.amount.normalize()
        exponent = digits.as_tuple().exponent
        places = max(2, -exponent if isinstance(exponent, int) else 0)
        return f"{digits:.{places}f} {self.currency}"

    def rounded_up(self) -> Money:
        """Return it with two decimals, rounded up."""
        return Money(self.amount.quantize(_CENT, rounding=ROUND_CEILING), self.currency)


def read_money(text: str, *, name: str) -> Money:
    """
    Return the amount that a text such as ``1200 CNY`` or ``0.045 CNY`` names.

    :param name: the name of the parameter, for the error.
    :raises ConfigurationError: when it is anything else.
    """
    found = _MONEY.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ConfigurationError(
            f"{name}={text!r} is no amount of money.",
            advice="Write a number, a space and the three letters of the currency, such as 0.045 CNY.",
        )
    return Money(Decimal(found.group(1)), found.group(2))


class PriceList:
    """
    The prices of one billing part by region.

    :param prices: one text such as ``0.045 CNY`` for all numbers; or texts by ISO region (``SG``), calling code
        (``65``) or ``*`` for the rest. A region wins over the calling code, both win over the rest.
    :param currency: what all of them must be in.
    :raises ConfigurationError: one of them is no price, is in another currency, or stands under no such key.
    """

    def __init__(self, prices: str | Mapping[str, str], *, currency: str) -> None:
        given = {REST: prices} if isinstance(prices, str) else prices
        if not isinstance(given, Mapping) or not given:
            raise ConfigurationError("price is neither a text nor a mapping of regions to texts.")
        self.only = isinstance(prices, str)
        self._prices: dict[str, Decimal] = {}
        for key, text in given.items():
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                raise ConfigurationError(
                    f"price has the key {key!r}, which is no region.",
                    advice="Write a region such as SG, a calling code such as 65, or * for the rest.",
                )
            price = read_money(text, name="price" if self.only else f"price[{key!r}]")
            if price.currency != currency:
                raise ConfigurationError(
                    f"price is in {price.currency}, the limit in {currency}.",
                    advice="Write both in one currency.",
                )
            if key.removeprefix("+") in self._prices:
                raise ConfigurationError(f"price has the key {key!r} twice, with and without a plus.")
            self._prices[key.removeprefix("+")] = price.amount

    def strange_keys(self) -> list[str]:
        """
        Return the keys that are no region and no calling code of any number, such as ``UK``.

        Not asked when the list is made, because it loads a large package.
        """
        return [
            key
            for key in self._prices
            if not (key == REST or (calling_code(key) == key if key.isdigit() else is_region(key)))
        ]

    def of(self, group: str) -> Decimal | None:
        """Return the price of a group of :meth:`group`, None when it has none."""
        return self._prices.get(group)

    def group(self, number: str, *, china: bool) -> str:
        """
        Return the key under which the price of a number stands; its region or calling code when it has none.

        Costs much more where regions with a price of their own share a calling code.

        :param number: as a recipient has it.
        :param china: it is a number of the China API, where a mainland mobile has no calling code.
        """
        code = MAINLAND_CODE if china and is_mainland(number) else calling_code(number[:3])
        region = self._region(number, code)
        for key in (region, code, REST):
            if key in self._prices:
                return key
        return region or (f"+{code}" if code else "an unknown region")

    def _region(self, number: str, code: str) -> str:
        """Return the region of a number where a price may depend on it."""
        if not code:
            return ""
        import phonenumbers

        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)]
        if len(regions) == 1:
            # A code that no country has, such as one of a satellite, stands under a number.
            return str(regions[0]) if str(regions[0]).isalpha() else ""
        return region_of("+" + number) if not self._prices.keys().isdisjoint(regions) else ""
