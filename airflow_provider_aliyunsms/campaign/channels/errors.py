# SPDX-License-Identifier: Apache-2.0
"""
The two ways out: one channel for China, one for Globe.

This is the one room that knows the API client. A channel never raises for what the gateway answered: it says how
the call ended, so that policy stays in one place.
"""

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
    """Translate what the client raised; whatever it does not know for certain stays ambiguous."""
    code = error.code or type(error).__name__
    if isinstance(error, NotSentError):
        throttled = isinstance(error, ThrottledError)
        retry_after = error.retry_after if isinstance(error, ThrottledError) else None
        return Outcome(
            kind=OutcomeKind.RELEASED, time=time, code=code, throttled=throttled, retry_after=retry_after
        )
    if isinstance(error, CampaignDoomedError):
        return Outcome(kind=OutcomeKind.RELEASED, time=time, code=code, error=error)
    if isinstance(error, RequestRefusedError):
        return Outcome(
            kind=OutcomeKind.REFUSED, time=time, code=code, lasting=_is_lasting(error, product=product)
        )
    if not isinstance(error, AmbiguousOutcomeError):
        raise AliyunSmsError(f"a call ended in an error without a class: {type(error).__name__}") from error
    return Outcome(kind=OutcomeKind.AMBIGUOUS, time=time, code=code)


def _is_lasting(error: RequestRefusedError, *, product: Product) -> bool:
    """Whether content or number were refused: flow control and the like depend on the moment instead."""
    found = look_up_code(error.code or "", http_status=error.http_status or 200, product=product)
    return found.code_class in (CodeClass.RECIPIENT, CodeClass.REQUEST, CodeClass.CONTENT)
