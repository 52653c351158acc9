# SPDX-License-Identifier: Apache-2.0
"""
Decide whether one more message to a phone number would break the platform's limits per number.

The limits are those of accounts that have not changed them in the console:

* OTP: one number gets, under one signature of one account, 1 message a minute, 5 an hour and 10 a day; and 40 a day
  from all accounts together.
* any other kind: 50 messages a day of one template under one signature of one account.

Minutes and hours are those of the clock, a day is the last 24 hours. Every accepted message counts, whatever the
carrier did with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.memory.templates import TemplateKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sent:
    """
    One message to a number, as far as the limits are concerned.

    :param at: when it was accepted, in seconds since the epoch.
    """

    at: float
    account: str
    sign_name: str
    template_code: str | None


@dataclass(frozen=True, slots=True)
class Broken:
    """
    The limit that a message would break.

    :param level: ``分钟级``, ``小时级`` or ``天级``, as the gateway's text names it.
    :param permits: the messages that the limit allows.
    """

    level: str
    permits: int


def broken_limit(
    message: Sent, *, earlier: Iterable[Sent], kind_of: Callable[[str | None], TemplateKind]
) -> Broken | None:
    """
    Return the narrowest limit that a message would break, None when it breaks none.

    Costs a pass over the messages of the last 24 hours to this number.

    :param message: the message that is to be accepted now.
    :param earlier: the messages to the same number before it, newest first.
    :param kind_of: returns the kind of a template by its code.
    """
    recent = [*_last_day(earlier, now=message.at)]
    if kind_of(message.template_code) is TemplateKind.OTP:
        return _broken_by_otp(
            message, [one for one in recent if kind_of(one.template_code) is TemplateKind.OTP]
        )
    alike = sum(_same_sender(one, message) and one.template_code == message.template_code for one in recent)
    return Broken("天级", 50) if alike >= 50 else None


def _broken_by_otp(message: Sent, recent: list[Sent]) -> Broken | None:
    own = [one.at for one in recent if _same_sender(one, message)]
    # Minutes and hours of UTC+8 begin with those of UTC, so that no time zone is needed here.
    in_minute = sum(at // MINUTE_S == message.at // MINUTE_S for at in own)
    in_hour = sum(at // HOUR_S == message.at // HOUR_S for at in own)
    for count, level, permits in (
        (in_minute, "分钟级", 1),
        (in_hour, "小时级", 5),
        (len(own), "天级", 10),
        (len(recent), "天级", 40),
    ):
        if count >= permits:
            return Broken(level, permits)
    return None


def _last_day(earlier: Iterable[Sent], *, now: float) -> Iterator[Sent]:
    for one in earlier:
        if one.at <= now - DAY_S:
            return
        yield one


def _same_sender(one: Sent, other: Sent) -> bool:
    return (one.account, one.sign_name) == (other.account, other.sign_name)
