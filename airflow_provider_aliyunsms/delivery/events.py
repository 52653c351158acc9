# SPDX-License-Identifier: Apache-2.0
"""What a trigger hands back to its task: written here, checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_aliyunsms.delivery.verdict import Tally, Verdict, ranked
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
FINAL = (Verdict.SUCCESS, Verdict.TOO_FEW, Verdict.TIMED_OUT)
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
class Ending:
    """
    How a watch came to its end.

    :param campaign_id: one id, or those of several campaigns.
    """

    verdict: Verdict
    campaign_id: str | list[str]
    tally: Tally

    def as_event(self) -> dict[str, Any]:
        """Return the event that :func:`read_event` reads."""
        return {"status": self.verdict.value, **self.as_xcom()}

    def as_xcom(self) -> dict[str, Any]:
        """Return the result of the sensor; the most frequent code comes first."""
        return {
            "campaign_id": self.campaign_id,
            "delivered": self.tally.delivered,
            "failed": self.tally.failed,
            "pending": self.tally.pending,
            "errors": dict(ranked(self.tally)),
        }


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


def read_event(event: Any) -> Ending:
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
    return Ending(
        verdict=Verdict(event["status"]), campaign_id=event.get("campaign_id", ""), tally=_tally(event)
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
