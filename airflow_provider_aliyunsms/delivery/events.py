# SPDX-License-Identifier: Apache-2.0
"""What a trigger hands back to its task: written here, checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_aliyunsms.delivery.sampling import DIGITS, wilson
from airflow_provider_aliyunsms.delivery.state import Tally, ranked
from airflow_provider_aliyunsms.delivery.verdict import Verdict
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


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """
    How a watch came to its end.

    :param campaign_id: one id, or those of several campaigns.
    :param calls: queries made for it, by all processes of this try.
    :param population: the accepted messages of which the tally counts a sample, None when it counts all.
    """

    verdict: Verdict
    campaign_id: str | list[str]
    tally: Tally
    calls: int = 0
    population: int | None = None

    def as_event(self) -> dict[str, Any]:
        """Return the event that :func:`read_event` reads."""
        return {
            "status": self.verdict.value,
            "campaign_id": self.campaign_id,
            **self._counts(),
            "calls": self.calls,
            "population": self.population,
        }

    def as_xcom(self) -> dict[str, Any]:
        """
        Return the result of the sensor; the most frequent code comes first.

        The counts of a sample lie one level deeper, so that nobody takes them for those of the campaign.
        """
        if self.population is None:
            return {"campaign_id": self.campaign_id, **self._counts(), "calls": self.calls}
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
        }

    def _counts(self) -> dict[str, Any]:
        return {
            "delivered": self.tally.delivered,
            "failed": self.tally.failed,
            "pending": self.tally.pending,
            "errors": dict(ranked(self.tally)),
        }


def progress_event(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a leg that ended without a verdict: the task keeps what is known and defers again."""
    return {"status": PROGRESS, "known": known}


def read_progress(event: Any) -> Mapping[str, Any] | None:
    """Return what a leg has learned, None when the event is another one."""
    if isinstance(event, Mapping) and event.get("status") == PROGRESS:
        known = event.get("known")
        return known if isinstance(known, Mapping) else {}
    return None


def error_event(error: Exception) -> dict[str, Any]:
    """Return the event of a watch that broke; a foreign error's text stays behind, it may hold anything."""
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
    Return what an event says.

    :raises AliyunSmsError: the trigger reported an error, which is raised as what it was, or the event is
        not one of ours.
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
    )


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
