# SPDX-License-Identifier: Apache-2.0
"""What each error of the client means for the chunk of its call."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.campaign.channels.errors import outcome_of
from airflow_provider_aliyunsms.campaign.outcomes import OutcomeKind
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    ConnectionNotMadeError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)
from airflow_provider_aliyunsms.products import CHINA, GLOBE

TIME = "2026-01-02T03:04:05Z"


def outcome(error, *, product=CHINA):
    return outcome_of(error, time=TIME, product=product)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotSentError("x"), OutcomeKind.RELEASED),
        (ConnectionNotMadeError("x"), OutcomeKind.RELEASED),
        (ThrottledError("x"), OutcomeKind.RELEASED),
        (CampaignDoomedError("x"), OutcomeKind.RELEASED),
        (RequestRefusedError("x"), OutcomeKind.REFUSED),
        (AmbiguousOutcomeError("x"), OutcomeKind.AMBIGUOUS),
    ],
)
def test_the_class_of_an_error_decides(error, kind):
    found = outcome(error)
    assert (found.kind, found.time) == (kind, TIME)
    assert found.code == type(error).__name__, "without a code the class is told"


def test_only_a_doom_carries_its_error_and_only_throttling_its_wait():
    doom = CampaignDoomedError("no balance", code="isv.AMOUNT_NOT_ENOUGH")
    assert outcome(doom).error is doom
    assert outcome(doom).code == "isv.AMOUNT_NOT_ENOUGH"
    throttled = outcome(ThrottledError("busy", retry_after=2.5))
    assert (throttled.throttled, throttled.retry_after) == (True, 2.5)
    passing = outcome(NotSentError("no network"))
    assert (passing.throttled, passing.retry_after, passing.error) == (False, None, None)


@pytest.mark.parametrize(
    ("code", "http_status", "lasting"),
    [
        ("isv.MOBILE_NUMBER_ILLEGAL", 200, True),
        ("isv.TEMPLATE_MISSING_PARAMETERS", 200, True),
        ("MissingPhoneNumbers", 400, True),
        # Flow control and a code that nobody knows depend on the moment.
        ("isv.BUSINESS_LIMIT_CONTROL", 200, False),
        ("isv.NEVER_HEARD_OF", 200, False),
        (None, None, False),
    ],
)
def test_a_refusal_lasts_only_if_every_copy_would_have_been_refused(code, http_status, lasting):
    refused = outcome(RequestRefusedError("x", code=code, http_status=http_status))
    assert (refused.kind, refused.lasting) == (OutcomeKind.REFUSED, lasting)


@pytest.mark.parametrize("product", [CHINA, GLOBE])
def test_an_error_of_no_class_is_no_outcome(product):
    with pytest.raises(AliyunSmsError, match="without a class: ApiError"):
        outcome(ApiError("x"), product=product)
