# SPDX-License-Identifier: Apache-2.0
"""How many billed parts a text has."""

from __future__ import annotations

MAX_CHINA_LENGTH = 500

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("|^€{}[]~\\\f")
_GSM = _BASIC | _EXTENDED


def china_parts(length: int) -> int:
    """
    The parts of a message on the China site: 70 characters in one, else 67 in each.

    :param length: characters of the signature with its brackets 【】 and of the finished text, each counts 1.
    :raises ValueError: when it is negative or above the 500 the platform takes.
    """
    if not 0 <= length <= MAX_CHINA_LENGTH:
        msg = f"a message has 0 to {MAX_CHINA_LENGTH} characters, not {length}"
        raise ValueError(msg)
    return _parts([1] * length, single=70, multi=67)


def globe_parts(text: str) -> int:
    """
    The parts of an international message: 160 GSM-7 characters in one, else 153 in each.

    A character of the GSM-7 extension table counts 2. One character outside GSM-7 turns the whole text into
    UCS-2 with 70 and 67, where an emoji counts 2. A character that counts 2 is never cut in two.
    """
    if _GSM.issuperset(text):
        return _parts([2 if character in _EXTENDED else 1 for character in text], single=160, multi=153)
    return _parts([2 if ord(character) > 0xFFFF else 1 for character in text], single=70, multi=67)


def _parts(weights: list[int], *, single: int, multi: int) -> int:
    if sum(weights) <= single:
        return 1 if weights else 0
    parts, used = 1, 0
    for weight in weights:
        if used + weight > multi:
            parts, used = parts + 1, 0
        used += weight
    return parts
