# SPDX-License-Identifier: Apache-2.0
"""Find the time zones of a number, cheaply for millions of them."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_aliyunsms.audience.phone_numbers import LONGEST_CODE, calling_code

MAINLAND_ZONE = "Asia/Shanghai"


@lru_cache(maxsize=512)
def zones_of_code(code: str) -> tuple[str, ...] | None:
    """
    Return the time zones that every number of a calling code has; None where they differ from number to number.

    :param code: as :func:`calling_code` returns it.
    """
    from phonenumbers.tzdata import TIMEZONE_DATA

    whole = tuple(map(str, TIMEZONE_DATA.get(code, ())))
    if not code or not whole:
        return ()
    found = {tuple(zones) for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith(code)}
    return whole if found == {whole} else None


@lru_cache(maxsize=512)
def all_zones_of_code(code: str) -> tuple[str, ...]:
    """Return every time zone that some number of a calling code has."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    found = {
        str(zone): None
        for prefix, zones in TIMEZONE_DATA.items()
        if code and prefix.startswith(code)
        for zone in zones
    }
    return tuple(found)


def zones_of(number: str) -> tuple[str, ...]:
    """
    Return all time zones in which a number may be; none when nobody can tell.

    Those of its first digits where it is bound to a place, else those of the whole country: a mobile in Russia, or a
    number that no plan knows. Costs little where a calling code has the same zones throughout, and a search by the
    whole number elsewhere.

    :param number: its digits with the country code, without a plus.
    """
    code = calling_code(number[:LONGEST_CODE])
    zones = zones_of_code(code)
    return _zones_by_plan(number, code) if zones is None else zones


def _zones_by_plan(number: str, code: str) -> tuple[str, ...]:
    import phonenumbers
    from phonenumbers import timezone
    from phonenumbers.tzdata import TIMEZONE_DATA

    national = number[len(code) :]
    zeros = len(national) - len(national.lstrip("0"))
    # Not parsed from text, which costs more than all the rest.
    parsed = phonenumbers.PhoneNumber(
        country_code=int(code),
        national_number=int(national or 0),
        italian_leading_zero=zeros > 0 or None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
    found = tuple(map(str, timezone.time_zones_for_number(parsed)))
    if found != (timezone.UNKNOWN_TIMEZONE,):
        return found
    return tuple(map(str, TIMEZONE_DATA.get(code, ())))
