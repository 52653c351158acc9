# SPDX-License-Identifier: Apache-2.0
"""
Count the parts in which a message is sent and charged.

Written from the documentation of the APIs, apart from the count that the provider makes for its own reports, so that
the two can be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_aliyunsms.simulator.replies import Api

# The alphabet of GSM 03.38, and its extension, whose characters take two places.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = _BASIC | _EXTENSION
_LAST_SINGLE_UNIT: Final = "\uffff"

_GSM_PLACES: Final = (160, 153)
_WIDE_PLACES: Final = (70, 67)


def count_parts(text: str, *, api: Api) -> int:
    """
    Return the parts of a text, at least 1: by 70 and 67 characters in China, by the GSM alphabet elsewhere.

    :param text: as a phone shows it, the signature included.
    """
    if api == "china":
        return _divide(len(text), _WIDE_PLACES)
    if _BASIC.issuperset(text):
        return _divide(len(text), _GSM_PLACES)
    if _GSM.issuperset(text):
        return _fill((2 if character in _EXTENSION else 1 for character in text), _GSM_PLACES)
    return _fill((2 if character > _LAST_SINGLE_UNIT else 1 for character in text), _WIDE_PLACES)


def _divide(length: int, places: tuple[int, int]) -> int:
    alone, of_several = places
    return 1 if length <= alone else -(-length // of_several)


def _fill(widths: Iterable[int], places: tuple[int, int]) -> int:
    """Count parts one after the other, because a character of two places is never divided between two parts."""
    alone, of_several = places
    total, parts, used = 0, 1, 0
    for width in widths:
        total += width
        if used + width > of_several:
            parts, used = parts + 1, 0
        used += width
    return 1 if total <= alone else parts
