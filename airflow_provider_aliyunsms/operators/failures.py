# SPDX-License-Identifier: Apache-2.0
"""Log the result of a try and turn errors that no retry would fix into ones that Airflow does not retry."""

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
    LedgerConflictError,
    OutcomeUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.campaign.plan import Result

log = logging.getLogger(__name__)

SHOWN_CODES = 10
"""The number of codes that the log explains; the XCom has all of them."""


class FinalConfigurationError(ConfigurationError, AirflowFailException):
    """A :class:`ConfigurationError` that is not retried: the try has sent nothing, and no retry would fix it."""


class FinalCredentialsError(CredentialsError, FinalConfigurationError):
    """A :class:`CredentialsError` that is not retried: the try has sent nothing, and no retry would fix it."""


class FinalAudienceError(AudienceError, AirflowFailException):
    """An :class:`AudienceError` that is not retried: its list of recipients is the same in every try."""


class FinalLedgerConflictError(LedgerConflictError, AirflowFailException):
    """A :class:`LedgerConflictError` that is not retried: the record is the same in every try."""


def final(error: ConfigurationError | AudienceError | LedgerConflictError) -> AliyunSmsError:
    """Return the same error as an instance of a class that Airflow does not retry."""
    if isinstance(error, LedgerConflictError):
        return FinalLedgerConflictError(error.message, code=error.code, advice=error.advice)
    if isinstance(error, AudienceError):
        return FinalAudienceError(
            error.message, row=error.row, field=error.field, code=error.code, advice=error.advice
        )
    kind = FinalCredentialsError if isinstance(error, CredentialsError) else FinalConfigurationError
    return kind(error.message, code=error.code, request_id=error.request_id, advice=error.advice)


@contextmanager
def without_retries() -> Iterator[None]:
    """
    Run a block that comes before the first call, and fail the task without retries for a wrong configuration.

    The next try would find the same wrong parameter or connection, and the same record of the shards. Credentials
    that were refused are retried: they may be granted a little later.

    :raises FinalConfigurationError: instead of a :class:`ConfigurationError`.
    :raises FinalCredentialsError: instead of a :class:`CredentialsError`.
    :raises FinalLedgerConflictError: instead of a :class:`LedgerConflictError`.
    :raises CredentialsRefusedError: unchanged, so that Airflow retries the task.
    """
    try:
        yield
    # Before its base class ConfigurationError: after it, this branch would never be reached.
    except CredentialsRefusedError:
        raise
    except (ConfigurationError, LedgerConflictError) as error:
        raise final(error) from error


def read_without_retries(blocks: Iterable[Block]) -> Iterator[Block]:
    """
    Yield the blocks of the audience; a wrong configuration found on the way is not retried.

    The whole audience is read before the first call, so nothing has been sent when this fails.
    """
    with without_retries():
        yield from blocks


def say_result(summary: Mapping[str, Any]) -> None:
    """Log the counts of a campaign and the meaning of its most frequent codes."""
    from airflow_provider_aliyunsms.campaign.endings import explain_code, frequent_codes

    log.info(
        "Campaign %s: %d accepted, %d rejected, %d skipped, %d unknown of %d.",
        summary["campaign_id"],
        summary["accepted"],
        summary["rejected"],
        summary["skipped"],
        summary["unknown"],
        summary["total"],
    )
    for code, count in frequent_codes(summary, all_codes=True)[:SHOWN_CODES]:
        info = explain_code(code, summary)
        log.info("%d x %s: %s %s", count, code, info.meaning, info.advice)


def unknown_error(result: Result) -> Exception:
    """
    Return the error for a try that ended with unknown outcomes.

    :returns: an :class:`OutcomeUnknownError`, which Airflow retries, if a later try can still settle some of them;
        else an ``AirflowFailException``.
    """
    from airflow_provider_aliyunsms.campaign.endings import explain_ending

    summary = result.summary
    error = OutcomeUnknownError(
        f"for {summary['unknown']} of {summary['total']} recipients it is not known whether they were sent to",
        advice="Everybody else was served. A retry looks for evidence again and sends nothing twice."
        if result.still_open
        else "Everybody else was served. Look their numbers up in the receipts and in the SMS console; "
        "resend_unknown=True sends to them again.",
    )
    explain_ending(error, summary)
    return error if result.still_open else AirflowFailException(f"OutcomeUnknownError: {error}")
