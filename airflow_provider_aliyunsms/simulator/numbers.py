# SPDX-License-Identifier: Apache-2.0
"""
How a number is read, and what becomes of a message to it.

The last four digits decide, so that a test picks an outcome by picking a number (table in docs/simulator.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from airflow_provider_aliyunsms.simulator.replies import Refusal

_INTERNATIONAL = re.compile(r"[0-9]{7,15}")
_MAINLAND = re.compile(r"1[3-9][0-9]{9}")
_CHINA_CODE = "86"

DeliveryWord = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class NumberBehaviour:
    """
    What the carrier does.

    :param err_code: the receipt's code; None when no receipt ever comes.
    :param slowness: how many times the usual delay the receipt takes.
    """

    err_code: str | None = "DELIVERED"
    slowness: float = 1.0


@dataclass(frozen=True, slots=True)
class MessageState:
    """A message's state at one moment; ``at`` is the receipt's time in Unix seconds."""

    verdict: DeliveryWord
    err_code: str = ""
    at: float | None = None


_USUAL = NumberBehaviour()
_FATES = {
    "0401": NumberBehaviour("MOBILE_NOT_ON_SERVICE"),
    "0402": NumberBehaviour("MOBILE_IN_BLACK"),
    "0403": NumberBehaviour("CONTENT_KEYWORD"),
    "0404": NumberBehaviour(None),
    "0405": NumberBehaviour(slowness=10.0),
}


def canonical_number(raw: str) -> str | None:
    """
    Bring the spellings of one number together; None when it is no phone number.

    :return: 11 digits for the mainland, digits with the country code for the rest.
    """
    digits = raw.removeprefix("+").removeprefix("00")
    national = digits.removeprefix(_CHINA_CODE)
    if _MAINLAND.fullmatch(national):
        return national
    return digits if _INTERNATIONAL.fullmatch(digits) else None


def is_mainland(raw: str) -> bool:
    """Tell whether a number with country code belongs to the Chinese mainland."""
    digits = raw.removeprefix("+").removeprefix("00")
    return digits.startswith(_CHINA_CODE) and _MAINLAND.fullmatch(digits[len(_CHINA_CODE) :]) is not None


def state_at(*, number: str, accepted_at: float, now: float, delivery_delay: float) -> MessageState:
    """
    Tell what became of a message by ``now``; pure, so nothing has to run in the background.

    :param accepted_at: Unix seconds.
    :param delivery_delay: seconds of an ordinary receipt.
    """
    fate = _FATES.get(number[-4:], _USUAL)
    if fate.err_code is None:
        return MessageState("pending")
    receipt_at = accepted_at + delivery_delay * fate.slowness
    if now < receipt_at:
        return MessageState("pending")
    return MessageState("delivered" if fate.err_code == "DELIVERED" else "failed", fate.err_code, receipt_at)


def china_refusal(number: str) -> Refusal | None:
    """Tell whether one number makes the China API refuse the whole request; its text names the number."""
    match number[-4:]:
        case "0501":
            return Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{number}invalid mobile number")
        case "0502":
            return Refusal("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1")
        case "0503":
            return Refusal("isv.BLACK_KEY_CONTROL_LIMIT", f"{number}黑名单管控")
    return None


def globe_refusal(number: str) -> Refusal | None:
    """Tell whether one number makes the Globe API refuse the whole request."""
    if number.endswith("0503"):
        return Refusal("MOBILE_NUMBER_ILLEGAL", f"The mobile number is illegal: {number}")
    return None


def globe_fails(number: str) -> bool:
    """Tell whether a number comes back in ``FailedList`` while the others are accepted."""
    return number.endswith("0501")
