# SPDX-License-Identifier: Apache-2.0
"""Log the result of a try and turn errors that no retry would fix into ones that Airflow does not retry."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AudienceError,
    CampaignDoomedError,
    ConfigurationError,
    CredentialsError,
    CredentialsRefusedError,
    GuardError,
    LedgerConflictError,
    LedgerMissingError,
    OutcomeUnknownError,
    TooManyRefusedError,
)
from airflow_provider_aliyunsms.log_lines import say, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.campaign.plan import Result

log = logging.getLogger(__name__)

SHOWN_CODES = 10
"""The number of codes that the log names; the XCom has all of them."""

ADVISED_CODES = 3
"""The number of codes for which the log says what to do."""

_WAIT_FOR_DELIVERY: Final = "None needed. A delivery sensor tells what reached the phones."


class FinalConfigurationError(ConfigurationError, AirflowFailException):
    """A :class:`ConfigurationError` that is not retried: the try has sent nothing, and no retry would fix it."""


class FinalCredentialsError(CredentialsError, FinalConfigurationError):
    """A :class:`CredentialsError` that is not retried: the try has sent nothing, and no retry would fix it."""


class FinalAudienceError(AudienceError, AirflowFailException):
    """An :class:`AudienceError` that is not retried: its list of recipients is the same in every try."""


class FinalLedgerConflictError(LedgerConflictError, AirflowFailException):
    """A :class:`LedgerConflictError` that is not retried: the record is the same in every try."""


class FinalLedgerMissingError(LedgerMissingError, AirflowFailException):
    """A :class:`LedgerMissingError` that is not retried: no retry finds what is not there."""


class FinalCampaignDoomedError(CampaignDoomedError, AirflowFailException):
    """A :class:`CampaignDoomedError` that is not retried: every other call would be refused as well."""


class FinalTooManyRefusedError(TooManyRefusedError, AirflowFailException):
    """A :class:`TooManyRefusedError` that is not retried: the same refusals would cost money again."""


class FinalOutcomeUnknownError(OutcomeUnknownError, AirflowFailException):
    """An :class:`OutcomeUnknownError` that is not retried: no later try can settle what is open."""


class FinalGuardError(GuardError, AirflowFailException):
    """A :class:`GuardError` that is not retried: the guard has decided, and would decide so again."""


# Of several that fit, the first; so a class stands before those that it inherits from.
_FINAL: Final = (
    (CredentialsError, FinalCredentialsError),
    (ConfigurationError, FinalConfigurationError),
    (AudienceError, FinalAudienceError),
    (LedgerConflictError, FinalLedgerConflictError),
    (LedgerMissingError, FinalLedgerMissingError),
    (CampaignDoomedError, FinalCampaignDoomedError),
    (TooManyRefusedError, FinalTooManyRefusedError),
    (OutcomeUnknownError, FinalOutcomeUnknownError),
    (GuardError, FinalGuardError),
)


def final(error: AliyunSmsError) -> AliyunSmsError:
    """Return the same error, with the same cause, as an instance of a class that Airflow does not retry."""
    kind = next(final_kind for kind, final_kind in _FINAL if isinstance(error, kind))
    made: AliyunSmsError = kind.__new__(kind, *error.args)  # type: ignore[assignment]
    vars(made).update(vars(error))
    made.__cause__ = error.__cause__
    return made


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


def say_result(summary: Mapping[str, Any], *, failed: bool = False) -> None:
    """
    Log the counts of a campaign, and its codes as a table.

    :param failed: an error ends the try, which tells the next step itself.
    """
    from airflow_provider_aliyunsms.campaign.endings import explain_code, frequent_codes

    say(
        log,
        logging.INFO,
        "Result: %d of %d accepted, %d rejected, %d skipped, %d unknown.",
        *(summary[name] for name in ("accepted", "total", "rejected", "skipped", "unknown")),
    )
    codes = [
        (count, code, explain_code(code, summary))
        for code, count in frequent_codes(summary, all_codes=True)[:SHOWN_CODES]
    ]
    for line in table((count, code, info.meaning) for count, code, info in codes):
        log.info("%s", line)
    left_out = len(summary["errors"]) - len(codes)
    if left_out > 0:
        log.info("%d more codes are in the XCom.", left_out)
    if not failed:
        _say_next_steps([(code, info.advice) for _, code, info in codes], summary)


def _say_next_steps(codes: Sequence[tuple[str, str]], summary: Mapping[str, Any]) -> None:
    for code, advice in codes[:ADVISED_CODES]:
        say(log, logging.INFO, "Next step for %s: %s", code, advice)
    if not codes:
        accepted = summary["accepted"]
        say(log, logging.INFO, "Next step: %s", _WAIT_FOR_DELIVERY if accepted else "None needed.")


def unknown_error(result: Result) -> AliyunSmsError:
    """
    Return the error for a try that ended with unknown outcomes.

    :returns: an :class:`OutcomeUnknownError`; one that Airflow does not retry if no later try can settle any of them.
    """
    from airflow_provider_aliyunsms.campaign.endings import RETRY, explain_ending

    summary = result.summary
    error = OutcomeUnknownError(
        f"for {summary['unknown']} of {summary['total']} recipients it is not known whether they were sent to",
        advice=f"Everybody else was served. {RETRY}"
        if result.still_open
        else "Everybody else was served. Look their numbers up in the receipts and in the SMS console; "
        "resend_unknown=True sends to them again.",
    )
    explain_ending(error, summary)
    return error if result.still_open else final(error)
