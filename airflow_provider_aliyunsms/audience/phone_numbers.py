# SPDX-License-Identifier: Apache-2.0
"""Phone numbers: one canonical spelling, the region they belong to, and a form that is safe to log."""

from __future__ import annotations

import re

UNKNOWN_REGION = "ZZ"

_MAINLAND = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_BARE_MAINLAND = re.compile(r"1[3-9][0-9]{9}")
_DIGITS = re.compile(r"[0-9]{5,17}")
# "1380000123.0" is a number a spreadsheet turned into a float. Dropping the dot would append a digit and
# reach a stranger, while nobody writes a one-digit last group on purpose.
_FLOAT_TAIL = re.compile(r"[0-9]\.[0-9]$")

_FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)} | {
    0xFF0B: "+",
    0xFF0D: "-",
    0xFF0E: ".",
    0xFF08: "(",
    0xFF09: ")",
    0x3000: " ",
}
# Spaces of all widths, tabs, line ends, dashes and brackets; and the invisible direction marks that come
# along when a number is copied out of a contact sheet.
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
    Drop what people put between digits and write full-width characters in ASCII.

    :returns: the text without separators, or ``""`` when it looks like a float.
    """
    if text.isdigit() and text.isascii():
        return text
    if _FLOAT_TAIL.search(text.translate(_FULL_WIDTH).strip()):
        return ""
    return text.translate(_TO_COMPACT)


def mainland_number(text: str) -> str | None:
    """
    The eleven digits of a mainland Chinese mobile number, or None when the text is something else.

    Takes ``+86``, ``0086``, ``86`` or no prefix, spaces, dashes, dots, brackets, full-width digits. Its own
    result it gives back unchanged. A plus sign in front of the bare eleven digits makes a +1 number.
    """
    found = _MAINLAND.fullmatch(text) or _MAINLAND.fullmatch(compact_number(text))
    return found.group(1) if found else None


def is_bare_mainland(text: str) -> bool:
    """Whether the text is eleven digits without prefix that read as a mainland mobile number."""
    return _BARE_MAINLAND.fullmatch(compact_number(text)) is not None


def international_number(text: str) -> str | None:
    """
    The digits of a number with its country code and no plus sign, or None when no such number can exist.

    ``+``, ``00`` and bare digits all mean that the country code comes first; a trunk zero as in
    ``+44 (0)7911`` is dropped. Only length and country code are checked, not whether anybody has the number.
    Costs about 30 microseconds.
    """
    compact = compact_number(text)
    digits = compact.removeprefix("+") if compact.startswith("+") else compact.removeprefix("00")
    if not _DIGITS.fullmatch(digits):
        return None
    # Imported here: a DAG file that only names this module must not pay a tenth of a second for it.
    import phonenumbers

    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    # is_possible_number() also takes local-only lengths, which cannot be dialled with a country code.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def region_of(number: str) -> str:
    """
    The ISO region of a number, such as ``CN``, ``US`` or ``CA``; ``ZZ`` when it is none.

    The bare eleven digits of a mainland mobile count as ``CN``; everything else goes by its country code.
    Regions sharing a country code are told apart where the numbering plan allows it, else the code's main
    region is returned, so that an unassigned +1 number counts as ``US``.
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
    """A number as logs may show it, ``138****8000``; anything that is no plain number becomes ``***``."""
    if not isinstance(text, str):
        return "***"
    digits = mainland_number(text) or compact_number(text).lstrip("+")
    if not (digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15):
        return "***"
    head, tail = (3, 4) if len(digits) >= 11 else (2, 2)
    return f"{digits[:head]}****{digits[-tail:]}"
