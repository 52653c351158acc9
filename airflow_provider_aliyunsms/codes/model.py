# SPDX-License-Identifier: Apache-2.0
"""What one row of the code tables says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CodeClass(StrEnum):
    """What a code allows the caller to conclude and to do."""

    ACCEPTED = "accepted"
    """The platform took the request over; delivery is another question."""
    RETRY = "retry"
    """Certainly not accepted; the same message may be sent again after a wait, with a new signature."""
    FLOW_CONTROL = "flow_control"
    """Not accepted because this number had enough messages for now; others are not concerned."""
    RECIPIENT = "recipient"
    """Not accepted because of a phone number."""
    REQUEST = "request"
    """Not accepted because the request as a whole is malformed."""
    CONTENT = "content"
    """Not accepted because of a text or of a template variable's value."""
    DOOMED = "doomed"
    """Not accepted for a reason that holds for the whole campaign."""
    AMBIGUOUS = "ambiguous"
    """It may or may not have been accepted."""
    NONCE_USED = "nonce_used"
    """The gateway has already seen this very request; what became of the first copy is unknown."""
    QUERY = "query"
    """Only query calls answer it: no such record, or not yet."""
    DELIVERY_OK = "delivery_ok"
    """A receipt: the message reached the phone."""
    DELIVERY_FAILED = "delivery_failed"
    """A receipt: the message did not reach the phone."""
    DELIVERY_PENDING = "delivery_pending"
    """A receipt: the carrier has not reported yet."""


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """
    One code, in plain words.

    :param code: the code as the API spells it.
    :param code_class: what may be concluded from it.
    :param meaning: what happened, in English.
    :param advice: the next step, in English.
    :param meaning_zh: what happened, in Chinese.
    :param advice_zh: the next step, in Chinese.
    :param suppress: whether the number should receive no further messages of this kind.
    """

    code: str
    code_class: CodeClass
    meaning: str
    advice: str
    meaning_zh: str
    advice_zh: str
    suppress: bool = False
