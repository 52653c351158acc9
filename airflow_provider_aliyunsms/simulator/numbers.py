# SPDX-License-Identifier: Apache-2.0
"""
Read phone numbers and decide, by the last four digits, on refusal and delivery of a message.

A test chooses an outcome by choosing a number; docs/simulator.md has the table.
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
Carrier = Literal["mobile", "unicom", "telecom"]

# The first three digits; numbers that were ported to another carrier are not known here.
_UNICOM = {"130", "131", "132", "145", "155", "156", "166", "167", "175", "176", "185", "186", "196"}
_TELECOM = {"133", "149", "153", "173", "177", "180", "181", "189", "190", "191", "193", "199"}


@dataclass(frozen=True, slots=True)
class NumberBehaviour:
    """
    The delivery of messages to some numbers.

    :param err_code: the code of the carrier's receipt; None if there never is one.
    :param slowness: the delay of the receipt, as a multiple of the usual delay.
    """

    err_code: str | None = "DELIVERED"
    slowness: float = 1.0

    def verdict_after(self, age: float, *, delivery_delay: float) -> DeliveryWord:
        """Return the delivery of a message of some age; both times are in seconds."""
        if self.err_code is None or age < delivery_delay * self.slowness:
            return "pending"
        return "delivered" if self.err_code == "DELIVERED" else "failed"


@dataclass(frozen=True, slots=True)
class MessageState:
    """
    The delivery of one message at one moment.

    :param verdict: pending, delivered or failed.
    :param err_code: the code of the carrier's receipt; empty while there is none.
    :param at: the time of that receipt in seconds since the epoch; None while there is none.
    """

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
    Return the one spelling that stands for all spellings of a phone number.

    :returns: 11 digits for the Chinese mainland, digits with the country code for other numbers, None if the text is
        no phone number.
    """
    digits = raw.removeprefix("+").removeprefix("00")
    national = digits.removeprefix(_CHINA_CODE)
    if _MAINLAND.fullmatch(national):
        return national
    return digits if _INTERNATIONAL.fullmatch(digits) else None


def is_mainland(raw: str) -> bool:
    """Return whether a number with its country code belongs to the Chinese mainland."""
    digits = raw.removeprefix("+").removeprefix("00")
    return digits.startswith(_CHINA_CODE) and _MAINLAND.fullmatch(digits[len(_CHINA_CODE) :]) is not None


def carrier_of(number: str) -> Carrier | None:
    """Return the carrier of a canonical mainland number by its first digits, None for a number elsewhere."""
    if not _MAINLAND.fullmatch(number):
        return None
    if number[:3] in _UNICOM:
        return "unicom"
    return "telecom" if number[:3] in _TELECOM else "mobile"


def behaviour_of(*, number: str, carrier_error: str = "") -> NumberBehaviour:
    """
    Return how messages to a number are delivered.

    :param carrier_error: the code with which the carrier refuses it, whatever the number; empty for none.
    """
    return NumberBehaviour(carrier_error) if carrier_error else _FATES.get(number[-4:], _USUAL)


def state_at(
    *, number: str, accepted_at: float, now: float, delivery_delay: float, carrier_error: str = ""
) -> MessageState:
    """
    Return the delivery of a message at the moment ``now``.

    It is computed from the arguments alone, so nothing has to run in the background.

    :param number: the phone number; its last four digits decide.
    :param accepted_at: the time of acceptance in seconds since the epoch.
    :param now: seconds since the epoch.
    :param delivery_delay: seconds from acceptance to the usual receipt.
    :param carrier_error: the code with which the carrier refuses it, whatever the number; empty for none.
    """
    behaviour = behaviour_of(number=number, carrier_error=carrier_error)
    verdict = behaviour.verdict_after(now - accepted_at, delivery_delay=delivery_delay)
    if verdict == "pending" or behaviour.err_code is None:
        return MessageState("pending")
    return MessageState(verdict, behaviour.err_code, accepted_at + delivery_delay * behaviour.slowness)


def china_refusal(number: str) -> Refusal | None:
    """
    Return the refusal of a whole China request for one of its numbers, or None if the number is fine.

    The text of some refusals names the number, as the real gateway's texts do.
    """
    match number[-4:]:
        case "0501":
            return Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{number}invalid mobile number")
        case "0502":
            return Refusal("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1")
        case "0503":
            return Refusal("isv.BLACK_KEY_CONTROL_LIMIT", f"{number}黑名单管控")
    return None


def globe_refusal(number: str) -> Refusal | None:
    """Return the refusal of a whole Globe request for one of its numbers, or None if the number is fine."""
    if number.endswith("0503"):
        return Refusal("MOBILE_NUMBER_ILLEGAL", f"The mobile number is illegal: {number}")
    return None


def globe_fails(number: str) -> bool:
    """Return whether the Globe API puts a number into ``FailedList`` and accepts the others."""
    return number.endswith("0501")
