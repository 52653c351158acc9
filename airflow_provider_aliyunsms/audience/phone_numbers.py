# SPDX-License-Identifier: Apache-2.0
"""Normalise phone numbers to one spelling, find their region, and mask them for logs."""

from __future__ import annotations

import re

UNKNOWN_REGION = "ZZ"
LONGEST_NUMBER = 15
"""Digits of the longest number with its country code, by ITU-T E.164."""


_MAINLAND = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_BARE_MAINLAND = re.compile(r"1[3-9][0-9]{9}")
_DIGITS = re.compile(r"[0-9]{5,17}")
# "1380000123.0" is a number that a spreadsheet turned into a float. Without the dot it would have one digit more, and
# might be the phone of another person. A last group of one digit is no usual way to write a number.
_FLOAT_TAIL = re.compile(r"[0-9]\.[0-9]$")

_FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)} | {
    0xFF0B: "+",
    0xFF0D: "-",
    0xFF0E: ".",
    0xFF08: "(",
    0xFF09: ")",
    0x3000: " ",
}
# Spaces of all widths, tabs, line ends, dashes and brackets; and the invisible direction marks that are copied along
# with a number from a contact sheet.
_SEPARATORS = (
    " \t\r\n\u00a0\u2002\u2003\u2007\u2009\u202f"
    "-\u2010\u2011\u2012\u2013\u2014\u2212()."
    "\u200b\u200e\u200f\u202a\u202c\u202d\ufeff"
)
_TO_COMPACT = {
    code: None if ascii_form in " -.()" else ascii_form for code, ascii_form in _FULL_WIDTH.items()
} | {ord(separator): None for separator in _SEPARATORS}


def compact_number(text: str) -> str:
    """
    Remove separators (spaces, dashes, dots, brackets) and write full-width digits and signs in ASCII.

    :returns: the text without separators, or ``""`` when it looks like a float such as ``1380000123.0``.
    """
    if text.isdigit() and text.isascii():
        return text
    if _FLOAT_TAIL.search(text.translate(_FULL_WIDTH).strip()):
        return ""
    return text.translate(_TO_COMPACT)


def mainland_number(text: str) -> str | None:
    """
    Return the eleven digits of a mainland Chinese mobile number, or None when the text is something else.

    Accepts the prefixes ``+86``, ``0086`` and ``86`` or none, and spaces, dashes, dots, brackets and full-width
    digits. A result of this function comes back unchanged. A plus sign directly before the eleven digits makes the
    text a +1 number, for which the result is None.
    """
    found = _MAINLAND.fullmatch(text) or _MAINLAND.fullmatch(compact_number(text))
    return found.group(1) if found else None


def is_bare_mainland(text: str) -> bool:
    """Return whether the text is eleven digits without a prefix that read as a mainland mobile number."""
    return _BARE_MAINLAND.fullmatch(compact_number(text)) is not None


def international_number(text: str) -> str | None:
    """
    Return the digits of a number with its country code and no plus sign, or None when no such number can exist.

    ``+``, ``00`` and bare digits all mean that the country code comes first; a trunk zero as in ``+44 (0)7911`` is
    dropped. Only the length and the country code are checked, not whether the number is in use. Costs far more CPU
    than :func:`mainland_number`, because the ``phonenumbers`` library parses the number.
    """
    compact = compact_number(text)
    digits = compact.removeprefix("+") if compact.startswith("+") else compact.removeprefix("00")
    if not _DIGITS.fullmatch(digits):
        return None
    # Imported here and not at the top: a DAG file that imports this module must not wait for this large package.
    import phonenumbers

    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    # is_possible_number() also accepts lengths that only work locally and cannot be dialled with a country code.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    # Some numbers within one country are longer; from another country they cannot be dialled.
    return found if len(found) <= LONGEST_NUMBER else None


def region_of(number: str) -> str:
    """
    Return the ISO region of a number, such as ``CN``, ``US`` or ``CA``; ``ZZ`` when the text is no possible number.

    The bare eleven digits of a mainland mobile count as ``CN``; for all other numbers the country code decides.
    Regions that share a country code are told apart where the numbering plan allows it. Otherwise the main region of
    the code is returned, so that an unassigned +1 number counts as ``US``.
    """
    if mainland_number(number) is not None:
        return "CN"
    digits = international_number(number)
    if digits is None:
        return UNKNOWN_REGION
    import phonenumbers

    parsed = phonenumbers.parse("+" + digits)
    exact = phonenumbers.region_code_for_number(parsed)
    return str(exact or phonenumbers.region_code_for_country_code(parsed.country_code or 0))


def mask_number(text: object) -> str:
    """
    Return a number as logs may show it, such as ``138****8000``.

    The first three and last four digits stay; of a number with 8 to 10 digits the first two and last two.

    :returns: ``***`` for anything that is not a plain number of 8 to 15 digits.
    """
    if not isinstance(text, str):
        return "***"
    digits = mainland_number(text) or compact_number(text).lstrip("+")
    if not (digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15):
        return "***"
    head, tail = (3, 4) if len(digits) >= 11 else (2, 2)
    return f"{digits[:head]}****{digits[-tail:]}"
