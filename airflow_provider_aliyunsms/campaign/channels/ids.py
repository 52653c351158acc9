# SPDX-License-Identifier: Apache-2.0
"""Keep phone numbers out of the ids that the gateway gives, because ids are stored where no number may be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGITS: Final = re.compile(r"\d{7,}")
"""As many digits as a phone number has at least."""


def without_numbers(ids: Sequence[str | None], *, numbers: Sequence[str]) -> tuple[str | None, ...]:
    """
    Return ids with None in the place of each that begins or ends a run of digits with a number of the request.

    :param ids: what the gateway called its messages.
    :param numbers: the numbers of the request, digits only.
    """
    known = frozenset(numbers)
    lengths = sorted({*map(len, known)})
    return tuple(
        None if one is not None and _holds_one(one, known=known, lengths=lengths) else one for one in ids
    )


def _holds_one(one: str, *, known: frozenset[str], lengths: Sequence[int]) -> bool:
    return any(
        run[:length] in known or run[-length:] in known for run in _DIGITS.findall(one) for length in lengths
    )
