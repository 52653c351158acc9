# SPDX-License-Identifier: Apache-2.0
"""Normalise phone numbers to one spelling, find their region, and mask them for logs."""

from __future__ import annotations

import re
import struct
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_aliyunsms.products import Product

UNKNOWN_REGION = "ZZ"
MAINLAND_CODE = "86"
"""The country calling code of the mainland."""

_MAINLAND_DIGITS = 11

LONGEST_NUMBER = 15
"""Digits of the longest number with its country code, by ITU-T E.164."""


_MAINLAND = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
LONGEST_CODE = 3
"""Digits of the longest country calling code."""

_BARE_MAINLAND = re.compile(r"1[3-9][0-9]{9}")
_DIGITS = re.compile(r"[0-9]{5,17}")

# A number that a program stored as a float, or a spreadsheet shows with decimals: "13800001234.0".
_DECIMAL = re.compile(r"(\+?)([0-9]+)[.,]([0-9]+)")
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_LEAST_DIGITS = 7
_GROUPS = re.compile(r"[0-9]+")
# A last group of one digit is no usual way to write a number.
_FLOAT_TAIL = re.compile(r"[0-9]\.[0-9]")
# What spreadsheets and exports put around a number so that it stays text: ="138...", '138..., `138..., "138...".
_FORMULA = re.compile(r'="([^"]*)"')
_TEXT_MARKS = "'`\u2018\u2019\u00b4"
# Left at the end by a list that was cut at its commas.
_LOOSE_END = ",;\u3001"
_SPACE, _DASH, _BRACKET = " ", "-", "("
_WRITTEN_LIKE_A_DASH = "\u2212"
_INVISIBLE_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"


class _Plain(dict[int, str | None]):
    """
    Map each character of a number cell to ASCII, or to nothing if it is invisible, as ``str.translate`` needs it.

    Decided by the Unicode class when a character is first met: a list of them would always lack some.
    """

    def __missing__(self, code: int) -> str | None:
        plain = _plain(chr(code))
        self[code] = plain
        return plain


def _plain(character: str) -> str | None:
    kind = unicodedata.category(character)
    if character.isspace() or kind in ("Zs", "Zl", "Zp"):
        return _SPACE
    # Format characters, and variation selectors, which are the marks of no letter here.
    if kind == "Cf" or (kind == "Mn" and unicodedata.name(character, "").find("VARIATION SELECTOR") >= 0):
        return None
    if character in _INVISIBLE_LETTERS:
        return None
    if kind == "Pd" or character == _WRITTEN_LIKE_A_DASH:
        return _DASH
    if kind in ("Ps", "Pe"):
        return _BRACKET
    if "\uff01" <= character <= "\uff5e":  # the full-width forms of ASCII
        return _plain(chr(ord(character) - 0xFEE0))
    return character


_TO_PLAIN = _Plain()
_SEPARATORS = str.maketrans("", "", f"{_SPACE}{_DASH}{_BRACKET}._")


def compact_number(text: str) -> str:
    """
    Return the digits of a number, after a plus sign if it has one, without anything that only lays it out.

    Removed are spaces and invisible characters of all kinds, dashes, dots, brackets and underscores, a decimal part
    of zeros, and the marks with which spreadsheets keep a number text (``'138``, ``="138"``). Full-width characters
    become ASCII.

    :returns: the text without these, or ``""`` when the digits may not be those of the number: it has a decimal part
        other than zeros, begins with a minus sign (the result of a formula), or lost digits as a 32-bit float. What
        is no number at all comes back with its other characters in it.
    """
    if text.isdigit() and text.isascii():
        return text
    plain = _unwrapped(text.translate(_TO_PLAIN))
    if plain.startswith(_DASH):
        return ""
    found = _DECIMAL.fullmatch(plain)
    if found is not None:
        sign, whole, fraction = found.groups()
        if len(whole) >= _LEAST_DIGITS:
            lost = fraction.strip("0") != "" or lost_digits(int(whole))
            return "" if lost else sign + whole
        if len(fraction) == 1:
            return ""
    elif _ends_like_a_float(plain):
        return ""
    return plain.translate(_SEPARATORS)


def _unwrapped(plain: str) -> str:
    text = plain.strip()
    found = _FORMULA.fullmatch(text)
    if found is not None:
        text = found.group(1).strip()
    elif len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if text[:1] and text[0] in _TEXT_MARKS:
        text = text[1:].lstrip()
    return text.rstrip(_LOOSE_END + _SPACE)


def _ends_like_a_float(plain: str) -> bool:
    head, dot, tail = plain.rpartition(".")
    if not dot or not (tail.isascii() and tail.isdigit()):
        return False
    if len(tail) == 1 and head[-1:].isdigit():
        return True
    # "138 0000 1234.00" is a decimal part, "852 5123.0000" may be the last group: it cannot be told.
    return not tail.strip("0") and "." not in head and sum(map(str.isdigit, head)) >= _LEAST_DIGITS


def number_problem(text: str) -> str | None:
    """Return in words why a text is no phone number, if it shows one of the usual faults; else None."""
    plain = _unwrapped(text.translate(_TO_PLAIN))
    compact = plain.translate(_SEPARATORS)
    found = _DECIMAL.fullmatch(plain)
    if _SCIENTIFIC.fullmatch(compact) or _SCIENTIFIC.fullmatch(plain):
        return "the phone number is in scientific notation, so its last digits are lost"
    if plain.startswith(_DASH):
        return "the phone number begins with a minus sign, so it is the result of a formula"
    if found is not None and not found.group(3).strip("0") and lost_digits(int(found.group(2))):
        return LOST_DIGITS
    if found is not None or _ends_like_a_float(plain):
        return "the phone number has a decimal part"
    if sum(len(group) >= _LEAST_DIGITS for group in _GROUPS.findall(plain)) > 1:
        return "the cell holds several phone numbers"
    return None


LOST_DIGITS = (
    "the phone number was stored as a 32-bit float, which cannot hold all its digits; it may be a stranger's"
)

# From here on not every whole number is a 32-bit float.
_ALL_SINGLES = 1 << 24
# From here on not every whole number is a 64-bit float.
_ALL_DOUBLES = 1 << 53


def lost_digits(number: float) -> bool:
    """
    Return whether a whole number that was a float may stand for other numbers.

    That is a number that a 32-bit float holds exactly, unless it is so small that such a float holds all of its size;
    and any number from 2**53 on. Of real numbers with eleven digits about one in a thousand is of this kind.
    """
    return number >= _ALL_DOUBLES or (number >= _ALL_SINGLES and as_single(number) == number)


def like_single(number: float) -> bool:
    """
    Return whether a whole number is one of those that a column of 32-bit floats leaves, in full or as short text.

    About one real number in 500 is, and more of the round ones, so it says something of many numbers together only.
    """
    if number < _ALL_SINGLES:
        return False
    single = as_single(number)
    return number in (single, float(single_text(single)))


def as_single(number: float) -> float:
    """Return the number that is left after this one was stored in a 32-bit float."""
    try:
        (single,) = struct.unpack("f", struct.pack("f", number))
    except (OverflowError, struct.error):
        # A whole number of some hundred digits is no float at all.
        return float("inf")
    return float(single)


def single_text(single: float) -> str:
    """Return the shortest text for a value that was stored in a 32-bit float, such as ``12.1``."""
    for digits in range(6, 9):
        text = f"{single:.{digits}g}"
        if as_single(float(text)) == single:
            return text
    return f"{single:.9g}"


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


def national_number(text: str, *, region: str) -> str | None:
    """
    Return the digits of a number of one region with its country code, or None when no such number exists there.

    Not only the length is checked: without a country code, other digits could be a number of any country.

    :param text: the number as it is dialled in the region; its country code may come first, with or without a plus.
    :param region: the ISO region, see :func:`is_region`.
    """
    compact = compact_number(text)
    if compact.startswith("00"):
        compact = f"+{compact.removeprefix('00')}"
    if not _DIGITS.fullmatch(compact.removeprefix("+")):
        return None
    import phonenumbers

    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        return None
    if number.country_code != phonenumbers.country_code_for_region(region):
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return international_number(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def is_region(text: str) -> bool:
    """Return whether the text is the ISO code of a region that has phone numbers, such as ``SG``."""
    import phonenumbers

    return text in phonenumbers.SUPPORTED_REGIONS


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


def is_mainland(number: str) -> bool:
    """
    Return whether a recipient's number of the China API is a mainland mobile; any other has its country code.

    Not for numbers of the international API, where the same eleven digits are a number in North America.
    """
    # What the expression for such a mobile says of eleven digits, at a fraction of its cost.
    return len(number) == _MAINLAND_DIGITS and number[0] == "1" and number[1] >= "3"


def with_country_code(number: str, *, product: Product) -> str:
    """
    Return the digits of a recipient's number with its country code: the one rule by which numbers are compared.

    :param number: as the rules of the product made it: that of a mainland mobile has no country code in China's API.
    """
    return MAINLAND_CODE + number if product is not GLOBE and is_mainland(number) else number


def with_country_codes(numbers: Iterable[str], *, product: Product) -> list[str]:
    """Return :func:`with_country_code` of each number."""
    if product is GLOBE:
        return [*numbers]
    return [MAINLAND_CODE + number if is_mainland(number) else number for number in numbers]


@lru_cache(maxsize=2048)
def calling_code(head: str) -> str:
    """
    Return the country calling code with which a number begins, ``""`` when there is none.

    No calling code begins another one, so the first digits decide.

    :param head: the first three digits of a number with its country code.
    """
    import phonenumbers

    for length in range(1, LONGEST_CODE + 1):
        code = head[:length]
        if code.isascii() and code.isdigit() and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return code
    return ""


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
