# SPDX-License-Identifier: Apache-2.0
"""Define what a guard is: an object that judges a campaign before its first call, and the verdict it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_aliyunsms.campaign.guards.facts import Facts


class Decision(StrEnum):
    """The four ways in which a guard can decide."""

    GO = "go"
    WAIT = "wait"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The decision of one guard, made by :func:`go`, :func:`wait_until`, :func:`skip` or :func:`fail`.

    :param decision: what is to happen.
    :param reason: one sentence with the figures; it is logged and kept as XCom, so it holds no number, text or value.
    :param figures: the figures by name; counts, amounts and dates only.
    :param until: with *wait*: when to judge again, with a time zone.
    :param advice: with *fail*: the next step for whoever reads the error.
    :param may_change: with *fail*: a retry may be judged otherwise, as when the vendor could not be reached.
    """

    decision: Decision
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    advice: str | None = None
    may_change: bool = False


def go(reason: str, **figures: Any) -> Verdict:
    """Return the verdict that the campaign may send."""
    return Verdict(decision=Decision.GO, reason=reason, figures=figures)


def wait_until(until: datetime, reason: str, **figures: Any) -> Verdict:
    """
    Return the verdict that nothing more may be sent before a moment; the task frees its slot until then.

    :param until: the moment, with a time zone.
    :raises ValueError: it has none.
    """
    if until.tzinfo is None:
        msg = "a guard waits until a moment with a time zone"
        raise ValueError(msg)
    return Verdict(decision=Decision.WAIT, reason=reason, figures=figures, until=until)


def skip(reason: str, **figures: Any) -> Verdict:
    """Return the verdict that the campaign is not sent, and that this is no mistake; the task is skipped."""
    return Verdict(decision=Decision.SKIP, reason=reason, figures=figures)


def fail(reason: str, *, advice: str, may_change: bool = False, **figures: Any) -> Verdict:
    """
    Return the verdict that the campaign must not be sent; the task fails.

    :param advice: the next step.
    :param may_change: let Airflow retry the task, because a later try may be judged otherwise.
    """
    return Verdict(
        decision=Decision.FAIL, reason=reason, figures=figures, advice=advice, may_change=may_change
    )


class Guard(Protocol):
    """
    Judge a campaign; what every element of ``guards=[...]`` must be.

    A guard is a small frozen object: it is made when the DAG file is parsed and is asked in each try. It must not
    call anything when it is made. A guard that cannot judge returns :func:`wait_until` or :func:`fail`; an error that
    it raises fails the task, which Airflow retries. Its ``repr`` holds no number and no secret.
    """

    def before_sending(self, facts: Facts) -> Verdict:
        """
        Judge the campaign before the first call of a try, in the main thread; not where nobody is left to send to.

        :param facts: what is known of the campaign; also by which recipients are left out or held back.
        """
        ...


@runtime_checkable
class WindowGuard(Protocol):
    """A guard that is asked again while the campaign is sent."""

    def before_window(self, facts: Facts) -> Verdict:
        """
        Judge whether more may be sent, before each window of calls; must not call anything that takes long.

        *Wait*, *skip* and *fail* let the calls in flight end, settle what is open, and end the try.
        """
        ...


@runtime_checkable
class OutcomeGuard(Protocol):
    """A guard that is told how a try ended."""

    def after_sending(self, facts: Facts) -> None:
        """
        Take note of the outcomes, however the try ended: also when another guard stopped it before its first call.

        Called in the main thread after the last call, once for each try in which :meth:`Guard.before_sending` of this
        guard was called. It may not be called at all: the process may die. An error is logged and changes nothing.
        """
        ...
