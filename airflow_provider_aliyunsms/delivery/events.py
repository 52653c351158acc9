# SPDX-License-Identifier: Apache-2.0
"""Write and read the event with which a trigger hands its result back to the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_aliyunsms.delivery.sampling import DIGITS, wilson
from airflow_provider_aliyunsms.delivery.series import Point, read_series
from airflow_provider_aliyunsms.delivery.state import Tally, ranked
from airflow_provider_aliyunsms.delivery.verdict import Silence, Verdict
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AmbiguousOutcomeError,
    ApiError,
    AudienceError,
    CampaignDoomedError,
    ConfigurationError,
    ConnectionNotMadeError,
    CredentialsError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)

ERROR = "error"
PROGRESS = "progress"
FINAL = (Verdict.SUCCESS, Verdict.TOO_FEW, Verdict.TIMED_OUT, Verdict.OUT_OF_CALLS)
"""The verdicts with which a watch can end; they are the status of a result event."""

KNOWN_ERRORS: dict[str, type[AliyunSmsError]] = {
    each.__name__: each
    for each in (
        AmbiguousOutcomeError,
        ApiError,
        AudienceError,
        CampaignDoomedError,
        ConfigurationError,
        ConnectionNotMadeError,
        CredentialsError,
        NotSentError,
        RequestRefusedError,
        ThrottledError,
    )
}
"""
Error classes an event may name.

Any other name becomes :class:`~airflow_provider_aliyunsms.exceptions.AliyunSmsError`.
"""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """
    The result of a finished watch.

    :param verdict: why it ended.
    :param campaign_id: one id, or a list of those of several campaigns.
    :param tally: the counts at that moment.
    :param calls: queries made for it, by all processes of this try.
    :param population: number of accepted messages when the tally counts only a sample of them, None when it counts
        all.
    :param silence: why no query of the last round got an answer; None when some did.
    :param series: the counts after each round, see :class:`.DeliverySeries`.
    :param groups: the counts by group of a split; None where there is none.
    :param parts: the delivered, failed and pending messages of each of several campaigns; empty for a single one, and
        where they are not known.
    """

    verdict: Verdict
    campaign_id: str | list[str]
    tally: Tally
    calls: int = 0
    population: int | None = None
    silence: Silence | None = None
    series: tuple[Point, ...] = ()
    groups: Mapping[str, Mapping[str, int]] | None = None
    parts: tuple[tuple[int, int, int], ...] = ()

    def as_event(self) -> dict[str, Any]:
        """Return the event for the task, which :func:`read_event` reads."""
        return {
            "status": self.verdict.value,
            "campaign_id": self.campaign_id,
            **self._counts(),
            "calls": self.calls,
            "population": self.population,
            **({"silence": [self.silence.code, self.silence.advice]} if self.silence else {}),
            **({"parts": [list(part) for part in self.parts]} if self.parts else {}),
            **self._more(),
        }

    def as_xcom(self) -> dict[str, Any]:
        """
        Return the sensor's XCom; among the error codes the most frequent comes first.

        The counts of a sample stand one level deeper, under ``sample``, so that they are not mistaken for those of
        the whole campaign.
        """
        if self.population is None:
            return {
                "campaign_id": self.campaign_id,
                **self._counts(),
                "calls": self.calls,
                **self._more(),
            }
        asked = self.tally.accepted
        interval = wilson(hits=self.tally.delivered, asked=asked)
        return {
            "campaign_id": self.campaign_id,
            "estimated": True,
            "accepted": self.population,
            "sample_size": asked,
            "delivered_ratio": round(self.tally.delivered / asked, DIGITS),
            "delivered_ratio_interval": [round(interval.low, DIGITS), round(interval.high, DIGITS)],
            "sample": self._counts(),
            "calls": self.calls,
            **self._more(),
        }

    def _more(self) -> dict[str, Any]:
        return {
            # One point is no course of things, and says nothing that the counts do not.
            **({"series": [list(point) for point in self.series]} if len(self.series) > 1 else {}),
            **({"groups": {name: dict(each) for name, each in self.groups.items()}} if self.groups else {}),
        }

    def _counts(self) -> dict[str, Any]:
        return {
            "delivered": self.tally.delivered,
            "failed": self.tally.failed,
            "pending": self.tally.pending,
            "errors": dict(ranked(self.tally)),
        }


def progress_event(known: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the event with which a trigger hands over what it has learned so far, without a verdict.

    The task keeps it and defers again.

    :param known: a :meth:`~airflow_provider_aliyunsms.delivery.checkpoint.Checkpoint.to_small_json`.
    """
    return {"status": PROGRESS, "known": known}


def read_progress(event: Any) -> Mapping[str, Any] | None:
    """
    Return what a progress event says was learned.

    :returns: an empty mapping when that part is unreadable; None when it is no progress event.
    """
    if isinstance(event, Mapping) and event.get("status") == PROGRESS:
        known = event.get("known")
        return known if isinstance(known, Mapping) else {}
    return None


def error_event(error: Exception) -> dict[str, Any]:
    """
    Return the event of a watch that ended in an error.

    Of an error that is not from this package only the class name is passed on: its text may hold secrets or phone
    numbers.
    """
    if isinstance(error, AliyunSmsError):
        return {
            "status": ERROR,
            "error": type(error).__name__,
            "message": error.message,
            "code": error.code,
            "request_id": error.request_id,
            "advice": error.advice,
        }
    return {
        "status": ERROR,
        "error": type(error).__name__,
        "message": f"the delivery could not be watched: {type(error).__name__}",
        "advice": "The triggerer's log has the details.",
    }


def read_event(event: Any) -> DeliveryResult:
    """
    Return the result that an event of the trigger holds.

    :raises AliyunSmsError: the trigger reported an error, which is raised with its own class where that is in
        :data:`KNOWN_ERRORS`; or the event is not one of this package.
    """
    if not isinstance(event, Mapping):
        raise AliyunSmsError("the trigger came back without a result", advice="Clear the task to ask again.")
    if event.get("status") == ERROR:
        raise _error(event)
    if event.get("status") not in FINAL:
        raise AliyunSmsError(
            "the trigger came back with an unknown status", advice="Clear the task to ask again."
        )
    population = event.get("population")
    return DeliveryResult(
        verdict=Verdict(event["status"]),
        campaign_id=event.get("campaign_id", ""),
        tally=_tally(event),
        calls=event["calls"] if _is_count(event.get("calls")) else 0,
        population=population if _is_count(population) else None,
        silence=_silence(event.get("silence")),
        series=read_series(event.get("series")),
        groups=_groups(event.get("groups")),
        parts=_parts(event.get("parts")),
    )


def _parts(value: Any) -> tuple[tuple[int, int, int], ...]:
    """Return the counts of several campaigns; none when they are damaged: they are for the campaign page only."""
    if not isinstance(value, list | tuple):
        return ()
    parts: list[tuple[int, int, int]] = []
    for part in value:
        if not isinstance(part, list | tuple) or len(part) != 3 or not all(_is_count(one) for one in part):
            return ()
        parts.append((part[0], part[1], part[2]))
    return tuple(parts)


def _groups(value: Any) -> Mapping[str, Mapping[str, int]] | None:
    if not isinstance(value, Mapping) or not all(isinstance(each, Mapping) for each in value.values()):
        return None
    return value if all(_is_count(count) for each in value.values() for count in each.values()) else None


def _silence(value: Any) -> Silence | None:
    if not isinstance(value, list | tuple) or len(value) != len(("code", "advice")):
        return None
    return Silence(code=str(value[0]), advice=str(value[1]))


def _error(event: Mapping[str, Any]) -> AliyunSmsError:
    kind = KNOWN_ERRORS.get(str(event.get("error")), AliyunSmsError)
    facts = {name: event.get(name) for name in ("code", "advice")}
    message = str(event.get("message") or "the delivery could not be watched")
    if issubclass(kind, AudienceError):
        return kind(message, **facts)
    return kind(message, request_id=event.get("request_id"), **facts)


def _tally(event: Mapping[str, Any]) -> Tally:
    counts = [event.get(name) for name in ("delivered", "failed", "pending")]
    errors = event.get("errors")
    if not all(_is_count(count) for count in counts) or not isinstance(errors, Mapping):
        raise AliyunSmsError("the trigger came back without counts", advice="Clear the task to ask again.")
    if not all(_is_count(count) for count in errors.values()):
        raise AliyunSmsError("the trigger came back without counts", advice="Clear the task to ask again.")
    return Tally(
        delivered=event["delivered"], failed=event["failed"], pending=event["pending"], errors=dict(errors)
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
