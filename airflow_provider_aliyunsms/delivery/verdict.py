# SPDX-License-Identifier: Apache-2.0
"""
Decide whether a campaign was delivered well enough, and when that is certain.

The ratio is ``delivered / accepted``. Recipients that the gateway refused do not count: the send task has already
judged them. The rules, in this order:

1. Nothing is pending: the watch ends. Success when the ratio is reached or none was set, otherwise too few.
2. Even if every pending message were delivered, the ratio would be missed: the watch ends at once with too few.
3. The ratio is reached and ``stop_when_reached`` is set: success.
4. The deadline has passed: success when the ratio is reached or none was set, otherwise timed out.
5. Otherwise the watch waits, even when the ratio is already reached, so that the counts are as final as the deadline
   allows.

A campaign without accepted messages has nothing to deliver and ends at once: with success if no ratio was set, else
with too few, because 0 of 0 is no share of anything.

With a sample, rules 1 and 4 compare the ratio with the share within the sample, which is the best estimate and as
often too high as too low. The rules that end a watch early need the whole 95 percent confidence interval on one side
of the ratio: its upper end, with every pending message counted as delivered, below the ratio (2), or its lower end,
with no pending message counted as delivered, not below it (3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from airflow_provider_aliyunsms.delivery.sampling import wilson
from airflow_provider_aliyunsms.delivery.state import Tally, ranked
from airflow_provider_aliyunsms.exceptions import ConfigurationError, DeliveryError, DeliveryTimeoutError

_LOOK_AT_RECEIPTS = "Look the messages up in the SMS console."

SHOWN_CODES = 5
"""The largest number of error codes in an error text; the XCom holds all of them."""


@dataclass(frozen=True, slots=True)
class Silence:
    """
    Why no query of the last round got an answer.

    :param code: the code of the last query.
    :param advice: what the error of that query advises.
    """

    code: str
    advice: str


class Verdict(StrEnum):
    """The meaning of the counts at one moment: wait, or end in one of four ways."""

    WAIT = "wait"
    SUCCESS = "success"
    TOO_FEW = "too_few"
    TIMED_OUT = "timed_out"
    OUT_OF_CALLS = "out_of_calls"


def check_ratio(ratio: float | None, *, stop_when_reached: bool = False) -> None:
    """
    Raise an error unless the ratio is None or a number from 0 to 1, and set if ``stop_when_reached`` needs it.

    :raises ConfigurationError: it is anything else; most likely a percentage was given.
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
    """
    Return how many messages must be delivered to reach a ratio; 0 when there is none.

    Computed with fractions: as a float, ``0.07 * 100`` is a little more than 7 and would be rounded up to 8.
    """
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
    Return the verdict on the counts, by the rules at the top of this module.

    :param tally: the counts, of all campaigns together.
    :param ratio: the smallest acceptable ``delivered / accepted``, None to accept any result.
    :param expired: the deadline has passed, or the counts cannot change any more.
    :param stop_when_reached: end with success as soon as the ratio is reached.
    :param estimated: the counts are those of a sample.
    :returns: any verdict but ``OUT_OF_CALLS``, which only the watch itself can know.
    """
    if not tally.accepted and ratio:
        return Verdict.TOO_FEW
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
    Return the counts as one sentence, for logs and error texts.

    :param ratio: the smallest acceptable ``delivered / accepted``, None to accept any result.
    :param population: number of accepted messages when the tally counts only a sample of them, None when it counts
        all.
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
    *,
    verdict: Verdict,
    tally: Tally,
    ratio: float | None,
    population: int | None = None,
    silence: Silence | None = None,
) -> DeliveryError | None:
    """
    Return the error in which a verdict ends the task, with advice; None for success.

    :param ratio: the smallest acceptable ``delivered / accepted``, None to accept any result.
    :param population: number of accepted messages when the tally counts only a sample of them, None when it counts
        all.
    :param silence: why no query of the last round got an answer; None when some did.
    """
    text = describe_counts(tally=tally, ratio=ratio, population=population)
    if verdict is Verdict.TOO_FEW:
        return _too_few(tally, text)
    if verdict not in (Verdict.TIMED_OUT, Verdict.OUT_OF_CALLS):
        return None
    what = "the deadline passed"
    advice = "Receipts can take hours: raise the sensor's timeout, or clear this task to ask again once."
    if verdict is Verdict.OUT_OF_CALLS:
        what = "the calls allowed by max_calls were used up"
        advice = "Raise max_calls or poke_interval, set sample_size, or clear this task to go on."
    if silence is None:
        return DeliveryTimeoutError(f"{what}: {text}", advice=advice)
    return DeliveryTimeoutError(
        f"{what}, and no query of the last round got an answer ({silence.code}): {text}",
        code=silence.code,
        advice=f"{silence.advice} Then clear this task to ask again once.".strip(),
    )


def _too_few(tally: Tally, text: str) -> DeliveryError:
    if not tally.accepted:
        return DeliveryError(
            "no message was accepted, so that nothing can be delivered, and min_delivered_ratio is not met",
            advice="Look at the codes in the result of the send task.",
        )
    # Here, because a DAG file that imports the sensor must not load the tables of codes.
    from airflow_provider_aliyunsms.codes import explain

    reasons = ranked(tally)[:SHOWN_CODES]
    error = DeliveryError(
        f"too few messages were delivered: {text}",
        code=reasons[0][0] if reasons else None,
        advice=explain(reasons[0][0]).advice if reasons else _LOOK_AT_RECEIPTS,
    )
    if reasons:
        codes = ", ".join(f"{count} x {code} ({_plain(explain(code).meaning)})" for code, count in reasons)
        error.details = (f"The carriers' most frequent reasons: {codes}",)
    return error


def _plain(sentence: str) -> str:
    return sentence.rstrip(".")
