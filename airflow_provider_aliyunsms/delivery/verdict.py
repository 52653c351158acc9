# SPDX-License-Identifier: Apache-2.0
"""
Decide whether a campaign was delivered well enough, and when that is certain.

The ratio is ``delivered / accepted``: what the gateway refused is the send task's verdict, not this one's.
The rules, in this order:

1. Nothing is pending: it ends. Reached, or no ratio asked for: success. Otherwise: too few.
2. Even if every pending message were delivered, the ratio would be missed: it ends at once, too few.
3. The ratio is reached and ``stop_when_reached`` is set: success.
4. The deadline has passed: success when the ratio is reached, or none was asked for; otherwise: timed out.
5. Otherwise it waits. That includes a ratio that is reached already: the counts shall be as final as the
   deadline allows.

A campaign of which nothing was accepted has nothing to deliver and ends at once with success.

With a sample, "reached" and "missed" mean the share within the sample where it ends anyway (1 and 4): the best guess
there is, as often too high as too low. Where it would end early, the 95 percent confidence interval has to lie
wholly on one side: its upper end, with every pending message delivered, below the ratio (2), or its lower end, with
none of them delivered, not below it (3).
"""

from __future__ import annotations

import math
from enum import StrEnum
from fractions import Fraction

from airflow_provider_aliyunsms.delivery.sampling import wilson
from airflow_provider_aliyunsms.delivery.state import Tally, ranked
from airflow_provider_aliyunsms.exceptions import ConfigurationError, DeliveryError, DeliveryTimeoutError

SHOWN_CODES = 5
"""Codes named in an error text; the XCom has them all."""


class Verdict(StrEnum):
    """What the counts mean at this moment."""

    WAIT = "wait"
    SUCCESS = "success"
    TOO_FEW = "too_few"
    TIMED_OUT = "timed_out"
    OUT_OF_CALLS = "out_of_calls"


def check_ratio(ratio: float | None, *, stop_when_reached: bool = False) -> None:
    """
    Refuse a ratio outside 0..1, and one that shall be reached but is not given.

    :raises ConfigurationError: most likely a percentage was given.
    """
    if ratio is None:
        if stop_when_reached:
            raise ConfigurationError(
                "stop_when_reached needs min_delivered_ratio", advice="Say which ratio shall be reached."
            )
        return
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
        raise ConfigurationError(
            "min_delivered_ratio must be a number between 0 and 1",
            advice="Write 0.95 for 95 percent, or leave it out to accept any result.",
        )


def needed(*, accepted: int, ratio: float | None) -> int:
    """Return how many messages must be delivered; exact, where ``0.07 * 100`` would ask for eight."""
    return 0 if ratio is None else math.ceil(Fraction(str(ratio)) * accepted)


def judge(
    *,
    tally: Tally,
    ratio: float | None,
    expired: bool,
    stop_when_reached: bool = False,
    estimated: bool = False,
) -> Verdict:
    """
    Apply the rules at the top of this file.

    :param ratio: the smallest acceptable ``delivered / accepted``, None when any result will do.
    :param expired: the deadline has passed, or nothing can change any more.
    :param estimated: the counts are those of a sample.
    """
    if _hopeless(tally=tally, ratio=ratio, estimated=estimated):
        return Verdict.TOO_FEW
    if not tally.pending or (stop_when_reached and _certain(tally=tally, ratio=ratio, estimated=estimated)):
        return Verdict.SUCCESS
    if not expired:
        return Verdict.WAIT
    reached = tally.delivered >= needed(accepted=tally.accepted, ratio=ratio)
    return Verdict.SUCCESS if reached else Verdict.TIMED_OUT


def _hopeless(*, tally: Tally, ratio: float | None, estimated: bool) -> bool:
    at_best = tally.delivered + tally.pending
    if estimated and tally.pending and ratio is not None:
        return wilson(hits=at_best, asked=tally.accepted).high < ratio
    return at_best < needed(accepted=tally.accepted, ratio=ratio)


def _certain(*, tally: Tally, ratio: float | None, estimated: bool) -> bool:
    if ratio is None:
        return False
    if estimated:
        return wilson(hits=tally.delivered, asked=tally.accepted).low >= ratio
    return tally.delivered >= needed(accepted=tally.accepted, ratio=ratio)


def describe_counts(*, tally: Tally, ratio: float | None, population: int | None = None) -> str:
    """
    Say in one sentence what the counts are.

    :param population: the accepted messages of which these are a sample, None when they are all.
    """
    of = f"{tally.accepted} accepted messages"
    if population is not None:
        of = f"a sample of {tally.accepted} of {population} accepted messages"
    text = f"of {of} {tally.delivered} were delivered, {tally.failed} failed and {tally.pending} are pending"
    if population is not None:
        low, high = wilson(hits=tally.delivered, asked=tally.accepted)
        text += f", which stands for {low:.2%} to {high:.2%} delivered"
    if ratio is not None:
        text += f"; {needed(accepted=tally.accepted, ratio=ratio)} deliveries were asked for"
    return text


def error_of(
    *, verdict: Verdict, tally: Tally, ratio: float | None, population: int | None = None
) -> DeliveryError | None:
    """Return the error a verdict ends in, None for success."""
    text = describe_counts(tally=tally, ratio=ratio, population=population)
    if verdict is Verdict.TOO_FEW:
        reasons = ranked(tally)[:SHOWN_CODES]
        codes = ", ".join(f"{code} {count}" for code, count in reasons)
        return DeliveryError(
            f"too few messages were delivered: {text}",
            code=reasons[0][0] if reasons else None,
            advice=f"The carriers' most frequent reasons: {codes}. The table of codes says what to do about each."
            if codes
            else None,
        )
    if verdict is Verdict.TIMED_OUT:
        return DeliveryTimeoutError(
            f"the deadline passed: {text}",
            advice="Receipts can take hours: raise the sensor's timeout, or clear this task to ask again once.",
        )
    if verdict is Verdict.OUT_OF_CALLS:
        return DeliveryTimeoutError(
            f"the calls allowed by max_calls were used up: {text}",
            advice="Raise max_calls or poke_interval, set sample_size, or clear this task to go on.",
        )
    return None
