# SPDX-License-Identifier: Apache-2.0
"""
Judge what an experiment has seen against what the provider assumes.

The functions here have no state and make no call. What an observation does not show is never taken for a fact: it is
*not found out*.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.channels import RECORD_SLACK
from airflow_provider_aliyunsms.campaign.run import SKEW_TO_TELL
from airflow_provider_aliyunsms.codes import CodeClass, look_up_code
from airflow_provider_aliyunsms.verify.experiment import MARGIN
from airflow_provider_aliyunsms.verify.observations import AnswerKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.verify.observations import Answer, Observations, Sighting

_NO_PARAMETER: Final = re.compile(r"(?:isv\.)?Missing(?:To|Message)", re.IGNORECASE)
_STEP: Final = 10.0
_REPORT: Final = "No parameter helps. Please report this with the request id; until then do not send with it."


class Result(StrEnum):
    """Say whether a fact is as the provider assumes."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    UNKNOWN = "not found out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    One fact, in words for a user.

    :param name: a short name that stays the same in all reports.
    :param fact: what it is about.
    :param seen: what was seen.
    :param assumed: what the provider assumes.
    :param advice: what to do when it differs or could not be found out; else empty.
    :param settings: parameters of the send operators with the values that they need.
    """

    name: str
    fact: str
    result: Result
    seen: str
    assumed: str
    advice: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """Hold the name and the words of a fact; the methods add one of the three results."""

    name: str
    fact: str
    assumed: str

    def is_so(self, seen: str) -> Fact:
        return self._with(Result.AS_ASSUMED, seen)

    def differs(self, seen: str, *, advice: str, settings: Mapping[str, float] | None = None) -> Fact:
        return self._with(Result.DIFFERS, seen, advice=advice, settings=settings or {})

    def unknown(self, seen: str, *, advice: str) -> Fact:
        return self._with(Result.UNKNOWN, seen, advice=advice)

    def _with(self, result: Result, seen: str, **more: Any) -> Fact:
        return Fact(name=self.name, fact=self.fact, assumed=self.assumed, result=result, seen=seen, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """
    The settings of the user's tasks, in seconds.

    :param settle_time: the parameter of that name.
    :param refusal_wait: the parameter of that name.
    """

    settle_time: float
    refusal_wait: float


def judge(seen: Observations, *, assumed: Assumed) -> list[Fact]:
    """Return the facts of one experiment, in a fixed order for each product."""
    if seen.product == "globe":
        return [form_body(seen), used_nonce(seen), late_status(seen), failed_list(seen), clock(seen)]
    return [
        used_nonce(seen),
        late_records(seen, assumed=assumed),
        labels(seen),
        record_time(seen),
        refused_batch(seen, assumed=assumed),
        clock(seen),
    ]


def exit_code(facts: Sequence[Fact]) -> int:
    """Return 0 when all is as assumed, 1 when something differs, else 2: something could not be found out."""
    results = {fact.result for fact in facts}
    if Result.DIFFERS in results:
        return 1
    return 2 if Result.UNKNOWN in results else 0


def used_nonce(seen: Observations) -> Fact:
    """Judge whether the same signed request, made again, is refused."""
    about = _About(
        name="used_nonce",
        fact="The same signed request made twice sends one message",
        assumed="the second is refused: SignatureNonceUsed",
    )
    answer = seen.replay
    if answer is None:
        why = "the AccessKey was renewed in between" if seen.key_changed else ""
        return _unknown(about, seen, why)
    if answer.kind is AnswerKind.NONCE_USED:
        text = f"refused {_seconds(seen.replayed_after or 0.0)} after the first"
        return about.is_so(text)
    if answer.is_accepted:
        text = f"sent again{_id(answer)}"
        return about.differs(text, advice=_REPORT)
    return _unknown(about, seen, _answered(answer))


def late_records(seen: Observations, *, assumed: Assumed) -> Fact:
    """Judge how long after a call its record can be found, with a margin for slower hours."""
    about = _About(
        name="late_records",
        fact="A message has a record soon (QuerySendDetails)",
        assumed=(
            f"within settle_time {_seconds(assumed.settle_time)}; "
            f"after a refusal within refusal_wait {_seconds(assumed.refusal_wait)}"
        ),
    )
    record = seen.record
    if record.after is None:
        return _no_record(about, seen, settle_time=assumed.settle_time)
    text = f"after at most {_seconds(record.after)}"
    needed = settings_for(record.after)
    missing = {
        name: value for name, value in needed.items() if MARGIN * record.after > getattr(assumed, name)
    }
    if not missing:
        return about.is_so(text)
    reach = (
        "Let retries x retry_delay last longer than settle_time."
        if "settle_time" in missing
        else "An evidence_wait as long lets one try get there; else a retry does."
    )
    advice = f"{_calls(missing)}: three times what one message took. {reach}"
    return about.differs(text, advice=advice, settings=missing)


def settings_for(late: float) -> dict[str, float]:
    """
    Return the ``settle_time`` and ``refusal_wait`` that records need which come so many seconds late.

    Both are the same: each is how long a record may take at most, and ``refusal_wait`` is never longer than
    ``settle_time``. One message is no bound, so three times its time is taken, rounded up to ten seconds.
    """
    needed = math.ceil(MARGIN * late / _STEP) * _STEP
    return {"settle_time": needed, "refusal_wait": needed}


def labels(seen: Observations) -> Fact:
    """Judge whether records show the label of their call."""
    about = _About(
        name="labels",
        fact="A record shows the OutId of its call",
        assumed="it does, so that a look-up knows its own messages",
    )
    if seen.record.labelled is None:
        return _unknown(about, seen, _missing_record(seen.record))
    if seen.record.labelled:
        return about.is_so("it does")
    advice = (
        "Nothing is sent twice, but a call without a clear answer stays unknown: no parameter helps. Look such "
        "numbers up in the console, or take resend_unknown=True and the risk of a second message."
    )
    return about.differs("it does not", advice=advice)


def record_time(seen: Observations) -> Fact:
    """Judge whether the time in a record is that of the call by the gateway's clock."""
    about = _About(
        name="record_time",
        fact="The time in a record is that of its call",
        assumed=f"by the gateway's clock, to {RECORD_SLACK:.0f} s",
    )
    apart = seen.record.apart
    if apart is None or not seen.tells_time:
        without = "record or answer has no time" if seen.record.after is not None else ""
        return _unknown(about, seen, _missing_record(seen.record) or without)
    text = f"{abs(apart):.0f} s apart"
    if abs(apart) <= RECORD_SLACK:
        return about.is_so(text)
    advice = "Records without an OutId may be taken for another call's: no parameter helps; please report it."
    return about.differs(text, advice=advice)


def refused_batch(seen: Observations, *, assumed: Assumed) -> Fact:
    """Judge whether a batch that is refused for one number reaches the others."""
    about = _About(
        name="refused_batch",
        fact="A batch refused for one number reaches nobody",
        assumed=f"nothing: it looks for records until refusal_wait ({_seconds(assumed.refusal_wait)}) is over",
    )
    answer, reached = seen.batch, seen.reached
    if answer is None or answer.kind in (AnswerKind.UNCLEAR, AnswerKind.NONCE_USED):
        return _unknown(about, seen, _missing_record(seen.record) if answer is None else _answered(answer))
    if answer.is_accepted:
        return _unknown(about, seen, "the batch was not refused: the invalid number fails alone")
    if look_up_code(answer.code or "").code_class is not CodeClass.RECIPIENT:
        return _unknown(about, seen, f"refused for another reason than its number ({answer.code})")
    if reached.after is not None:
        text = f"refused ({answer.code}), but the other number has a record after {_seconds(reached.after)}"
        settings = {"refusal_wait": max(assumed.refusal_wait, settings_for(reached.after)["refusal_wait"])}
        advice = f"{_calls(settings)} or more: a shorter wait sends to such people twice."
        return about.differs(text, advice=advice, settings=settings)
    if reached.doubtful or reached.watched < MARGIN * (seen.record.after or math.inf):
        return _unknown(about, seen, "the look-ups failed or were too few")
    text = f"refused ({answer.code}), and the other number has no record after {_seconds(reached.watched)}"
    return about.is_so(text)


def form_body(seen: Observations) -> Fact:
    """Judge whether the Globe API reads parameters from the body of a request."""
    about = _About(
        name="form_body",
        fact="BatchSendMessageToGlobe reads its parameters from the body",
        assumed="it does, so that no number stands in a URL that proxies log",
    )
    answer = seen.first
    if answer is None:
        return _unknown(about, seen, "")
    if answer.is_accepted:
        return about.is_so("it does")
    if _NO_PARAMETER.fullmatch(answer.code or ""):
        text = f"it does not: {answer.code}{_id(answer)}"
        return about.differs(text, advice=_REPORT)
    return _unknown(about, seen, _answered(answer))


def late_status(seen: Observations) -> Fact:
    """Judge whether a message of the Globe API can be asked for by its id."""
    about = _About(
        name="late_records",
        fact="A message can be asked for by its id (QueryMessage)",
        assumed="that it can some time; only the delivery sensor asks",
    )
    if seen.record.after is None:
        return _unknown(about, seen, _missing_record(seen.record))
    return about.is_so(f"after at most {_seconds(seen.record.after)}")


def failed_list(seen: Observations) -> Fact:
    """Judge whether a Globe batch names the numbers that it did not accept."""
    about = _About(
        name="refused_batch",
        fact="A batch with an invalid number serves the others and names it",
        assumed="FailedList names it; a batch that is refused reaches nobody",
    )
    answer = seen.batch
    if answer is None:
        return _unknown(about, seen, "")
    if answer.is_accepted and answer.names_invalid:
        return about.is_so("accepted; FailedList names the invalid number alone")
    if answer.is_accepted:
        return _unknown(about, seen, "accepted, but FailedList does not name the invalid number")
    if answer.kind is AnswerKind.NOT_ACCEPTED:
        why = (
            f"refused ({answer.code}); no call can tell whether your number was reached. Your phone can: it should "
            f"have {seen.accepted} message(s)"
        )
        return _unknown(about, seen, why)
    return _unknown(about, seen, _answered(answer))


def clock(seen: Observations) -> Fact:
    """Judge whether the gateway tells its time, and how far this machine's clock is off."""
    about = _About(
        name="clock",
        fact="The gateway tells its time, and this machine's clock agrees",
        assumed=f"answers have a Date; more than {SKEW_TO_TELL:.0f} s is a warning in the log",
    )
    if not seen.tells_time or seen.skew is None:
        if seen.access is None or not seen.access.is_accepted:
            return _unknown(about, seen, "")
        advice = (
            "Nothing is replayed, and each wait takes 15 minutes longer. Does a proxy remove the Date header?"
        )
        return about.differs("answers have no Date", advice=advice)
    word = "ahead of" if seen.skew > 0 else "behind"
    text = f"this machine is {abs(seen.skew):.0f} s {word} the gateway"
    if abs(seen.skew) <= SKEW_TO_TELL:
        return about.is_so(text)
    advice = "Set the clock of every worker by NTP; requests dated more than 15 minutes off are refused."
    return about.differs(text, advice=advice)


def _no_record(about: _About, seen: Observations, *, settle_time: float) -> Fact:
    record = seen.record
    # Only a wait as long as the setting shows that the setting is too short.
    if seen.first is None or not seen.first.is_accepted or record.doubtful or record.watched < settle_time:
        return _unknown(about, seen, _missing_record(record), advice="Run it again with a longer --wait.")
    text = f"none after {_seconds(record.watched)}"
    advice = "settle_time must be longer than records take. Run it again with --wait 3600 to learn how long."
    return about.differs(text, advice=advice)


def _missing_record(record: Sighting) -> str:
    if record.after is not None or not (record.watched or record.doubtful):
        return ""
    if not record.watched:
        return "the answer had no id to ask for"
    return "the look-ups failed" if record.doubtful else f"no record after {_seconds(record.watched)}"


def _unknown(about: _About, seen: Observations, why: str, *, advice: str = "") -> Fact:
    """Return a fact that was not found out; where the reason is an earlier answer, that is the reason."""
    for answer, what in (
        (seen.access, "the free call"),
        (seen.first, "the first message"),
        (seen.replay, "the second call"),
    ):
        if answer is not None and not why and answer.kind not in (AnswerKind.ACCEPTED, AnswerKind.NONCE_USED):
            why, advice = f"stopped by {what}: {answer.kind} ({answer.code})", answer.advice or advice
    return about.unknown(why or "stopped before", advice=advice)


def _answered(answer: Answer) -> str:
    words = {
        AnswerKind.NOT_ACCEPTED: "not accepted",
        AnswerKind.UNCLEAR: "no clear answer; it may have been sent",
    }
    return f"{words.get(answer.kind, answer.kind.value)} ({answer.code}){_id(answer)}"


def _id(answer: Answer) -> str:
    return f", request id {answer.request_id}" if answer.request_id else ""


def _calls(settings: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:.0f}" for name, value in settings.items())


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
