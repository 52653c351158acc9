# SPDX-License-Identifier: Apache-2.0
"""Define one row of the code tables, and the classes of codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CodeClass(StrEnum):
    """The conclusion that a code allows, which decides what the caller may do next."""

    ACCEPTED = "accepted"
    """The platform accepted the request; that says nothing about the delivery."""
    RETRY = "retry"
    """Certainly not accepted; the same message may be sent again after a wait, in a newly signed request."""
    FLOW_CONTROL = "flow_control"
    """Not accepted because this number has received enough messages for now; other numbers are not affected."""
    RECIPIENT = "recipient"
    """Not accepted because of a phone number."""
    REQUEST = "request"
    """Not accepted because the request as a whole is malformed."""
    CONTENT = "content"
    """Not accepted because of a text or of a template variable's value."""
    DOOMED = "doomed"
    """Not accepted for a reason that holds for the whole campaign."""
    AMBIGUOUS = "ambiguous"
    """The request may or may not have been accepted."""
    NONCE_USED = "nonce_used"
    """The gateway has already seen a request with this nonce; the outcome of that first copy is unknown."""
    QUERY = "query"
    """Returned to query calls only: there is no such record, or not yet."""
    DELIVERY_OK = "delivery_ok"
    """A receipt: the message reached the phone."""
    DELIVERY_FAILED = "delivery_failed"
    """A receipt: the message did not reach the phone."""
    DELIVERY_PENDING = "delivery_pending"
    """A receipt: the carrier has not reported yet."""


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """
    One row of the code tables: a code with its class, meaning and advice.

    :param code: the code as the API spells it.
    :param code_class: the conclusion that it allows.
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
