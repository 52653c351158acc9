# SPDX-License-Identifier: Apache-2.0
"""How a try ends: what its log says, and the errors after which Airflow shall not try again."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AudienceError,
    ConfigurationError,
    CredentialsError,
    CredentialsRefusedError,
    OutcomeUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.campaign.plan import Result

log = logging.getLogger(__name__)

SHOWN_CODES = 10
"""Codes explained in the log; the XCom has them all."""


class FinalConfigurationError(ConfigurationError, AirflowFailException):
    """A :class:`ConfigurationError` of a try that has sent nothing, which no retry would mend."""


class FinalCredentialsError(CredentialsError, FinalConfigurationError):
    """A :class:`CredentialsError` of a try that has sent nothing, which no retry would mend."""


class FinalAudienceError(AudienceError, AirflowFailException):
    """An :class:`AudienceError` over a list that every try would be given."""


def final(error: ConfigurationError | AudienceError) -> AliyunSmsError:
    """Give the same error as one that Airflow does not retry."""
    if isinstance(error, AudienceError):
        return FinalAudienceError(
            error.message, row=error.row, field=error.field, code=error.code, advice=error.advice
        )
    kind = FinalCredentialsError if isinstance(error, CredentialsError) else FinalConfigurationError
    return kind(error.message, code=error.code, request_id=error.request_id, advice=error.advice)


@contextmanager
def without_retries() -> Iterator[None]:
    """
    Run what comes before the first call; a wrong parameter or connection found there fails the task for good.

    The next try, five minutes later, would find the same. Only credentials that were refused may be given then.
    """
    try:
        yield
    except CredentialsRefusedError:
        raise
    except ConfigurationError as error:
        raise final(error) from error


def read_without_retries(blocks: Iterable[Block]) -> Iterator[Block]:
    """Read the audience, all of which is read before the first call, in the same way."""
    with without_retries():
        yield from blocks


def say_result(summary: Mapping[str, Any]) -> None:
    """Log the counts, and what the most frequent codes mean."""
    from airflow_provider_aliyunsms.codes import explain

    log.info(
        "Campaign %s: %d accepted, %d rejected, %d skipped, %d unknown of %d.",
        summary["campaign_id"],
        summary["accepted"],
        summary["rejected"],
        summary["skipped"],
        summary["unknown"],
        summary["total"],
    )
    ranked = sorted(summary["errors"].items(), key=lambda item: (-item[1], item[0]))
    for code, count in ranked[:SHOWN_CODES]:
        info = explain(code, api=summary["api"])
        log.info("%d x %s: %s %s", count, code, info.meaning, info.advice)


def unknown_error(result: Result) -> Exception:
    """Give the error of a try that leaves recipients of unknown fate; only with evidence to come it is retried."""
    summary = result.summary
    text = f"for {summary['unknown']} of {summary['total']} recipients nobody knows whether they were sent to"
    if result.still_open:
        return OutcomeUnknownError(
            text,
            advice="Everybody else was served. A retry looks for evidence again and sends nothing twice.",
        )
    return AirflowFailException(
        f"OutcomeUnknownError: {text}. Everybody else was served. Next step: look their numbers up in the "
        "receipts and in the SMS console; resend_unknown=True sends to them again."
    )
