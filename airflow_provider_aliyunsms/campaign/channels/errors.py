# SPDX-License-Identifier: Apache-2.0
"""Translate the errors of the API client into outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.codes import CodeClass, look_up_code
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.products import Product


def outcome_of(error: ApiError, *, time: str, product: Product) -> Outcome:
    """
    Return the outcome of a call for which the client raised an error.

    The class of the error decides. Only an error that proves that nothing was accepted becomes *released* or
    *refused*; :class:`AmbiguousOutcomeError` stays *ambiguous*.

    :param error: the error of the client.
    :param time: when the call ended, ``2026-01-02T03:04:05Z``.
    :param product: the product that was called; its table says what the code means.
    :raises AliyunSmsError: the error belongs to none of the classes that say what may be concluded from it.
    """
    code = error.code or type(error).__name__
    if isinstance(error, NotSentError):
        throttled = isinstance(error, ThrottledError)
        retry_after = error.retry_after if isinstance(error, ThrottledError) else None
        return Outcome(
            kind=OutcomeKind.RELEASED,
            time=time,
            code=code,
            throttled=throttled,
            retry_after=retry_after,
            cause=error,
        )
    if isinstance(error, CampaignDoomedError):
        # Released, not refused: when the cause is corrected, a later try sends to the same recipients.
        return Outcome(kind=OutcomeKind.RELEASED, time=time, code=code, error=error)
    if isinstance(error, RequestRefusedError):
        return Outcome(
            kind=OutcomeKind.REFUSED, time=time, code=code, lasting=_is_lasting(error, product=product)
        )
    if not isinstance(error, AmbiguousOutcomeError):
        raise AliyunSmsError(f"a call ended in an error without a class: {type(error).__name__}") from error
    return Outcome(kind=OutcomeKind.AMBIGUOUS, time=time, code=code)


def _is_lasting(error: RequestRefusedError, *, product: Product) -> bool:
    """Return whether every copy of the request would have been refused; flow control depends on the moment."""
    found = look_up_code(error.code or "", http_status=error.http_status or 200, product=product)
    return found.code_class in (CodeClass.RECIPIENT, CodeClass.REQUEST, CodeClass.CONTENT)
