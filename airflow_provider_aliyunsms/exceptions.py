# SPDX-License-Identifier: Apache-2.0
"""
Define the errors that this package raises.

::

    AliyunSmsError                     code, request_id, advice
    ├── ConfigurationError             a parameter or connection field is wrong; nothing was sent
    │   ├── CredentialsError           no usable credentials
    │   │   └── CredentialsRefusedError the service that hands them out refused to; a later try may succeed
    │   └── LedgerStorageError         the storage of the ledger cannot decide between two tries
    ├── AudienceError                  the audience cannot be read or must not be sent to; nothing was sent
    ├── ApiError                       the outcome of one call
    │   ├── NotSentError               certainly not accepted; may be sent again after a wait
    │   │   ├── ConnectionNotMadeError the request never left this machine
    │   │   ├── PaceError              the pace that all tasks of the account share left no room for the call
    │   │   └── ThrottledError         the rate of the calls was too high; carries retry_after
    │   ├── RequestRefusedError        not accepted: the request or one of its recipients is wrong
    │   ├── CampaignDoomedError        not accepted, and no other call of this campaign would be
    │   └── AmbiguousOutcomeError      it may or may not have been accepted
    ├── LedgerError                    the durable record cannot be read or written; sending stopped
    │   ├── LedgerMissingError         a later try found no record of an earlier one
    │   └── LedgerConflictError        the record contradicts this try; a retry changes nothing
    ├── ClaimsError                    what all campaigns have claimed cannot be read or written; nothing was sent
    ├── SendInterruptedError           stopped on request before the next call; a later try resumes
    ├── WatchInterruptedError          the sensor stopped on request; a later try asks again
    ├── TooManyRefusedError            the gateway refused too many; a Clear resumes
    ├── GuardError                     a guard decided against sending; a Clear asks it again
    │   ├── GuardWaitError             not before a moment; the task waits with its slot free
    │   ├── GuardSkipError             not at all, and this is no mistake; the task is skipped
    │   └── GuardUndecidedError        it could not judge; a retry asks it again
    ├── ReceiptsError                  everybody was served, and the receipts could not be written
    ├── OutcomeUnknownError            the outcome of some calls is still unknown
    └── DeliveryError                  too few messages were delivered
        └── DeliveryTimeoutError       the deadline passed, or the calls were used up, with messages still pending

The root is a plain ``Exception``, because the ``soft_fail`` of a deferred sensor swallows every ``AirflowException``.
When no retry would mend a ConfigurationError or an AudienceError, the send operators raise it as a subclass that
Airflow does not retry (``operators/failures.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.log_lines import wrapped

if TYPE_CHECKING:
    from datetime import datetime


class AliyunSmsError(Exception):
    """
    The base class of all errors of this package.

    :param message: what happened, without numbers, texts, variable values or secrets.
    :param code: the API's code, or one of this package's own.
    :param request_id: the API's ``RequestId``, for a support ticket.
    :param advice: the next step for the reader of the error.

    Its text has several lines: what happened, with code and request id; what else is known, such as the counts of a
    campaign (``details``); and the next step, which begins with ``Next step:``.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.request_id = request_id
        self.advice = advice
        self.details: tuple[str, ...] = ()
        # Set where the task ends: whether its log has the error already, and how long the lines of its text may be.
        self.is_told = False
        self.line_length: int | None = None

    def __str__(self) -> str:
        facts = [
            f"{name}={value}"
            for name, value in (("code", self.code), ("request_id", self.request_id))
            if value
        ]
        first = f"{self.message} [{', '.join(facts)}]" if facts else self.message
        last = (f"Next step: {self.advice}",) if self.advice else ()
        text = "\n".join((first, *self.details, *last))
        if self.line_length is None:
            return text
        # Tracebacks begin with the name of the class.
        return "\n".join(wrapped(text, width=self.line_length, before=len(f"{type(self).__name__}: ")))


class ConfigurationError(AliyunSmsError):
    """A parameter or a connection field is wrong; nothing was sent."""


class CredentialsError(ConfigurationError):
    """There are no usable credentials; nothing was sent."""


class CredentialsRefusedError(CredentialsError):
    """
    The service that hands out the credentials refused to; nothing was sent.

    The refusal may pass, because a role or a token may become valid a little later.
    """


class LedgerStorageError(ConfigurationError):
    """The storage of the ledger cannot create a file exclusively, so two tries could both send; nothing was sent."""


class AudienceError(AliyunSmsError):
    """
    The audience cannot be read, or must not be sent to as it is; nothing was sent.

    :param row: number of the row at fault, counted from 1 without the header.
    :param field: the column or key at fault.
    """

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        field: str | None = None,
        code: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, code=code, advice=advice)
        self.row = row
        self.field = field


class ApiError(AliyunSmsError):
    """
    One call to the API did not succeed, or may not have succeeded.

    :param http_status: the HTTP status of the response; None when there was none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        advice: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, advice=advice)
        self.http_status = http_status


class NotSentError(ApiError):
    """The call was certainly not accepted and may be made again after a wait."""


class ConnectionNotMadeError(NotSentError):
    """The request never left this machine, because of DNS, a refused connection, TLS handshake or connect timeout."""


class PaceError(NotSentError):
    """
    The call was not made: the pace that all tasks of the account share left no room for it in time.

    Or it is not known whether there is room, because the connection by which they share it cannot be reached.
    """


class ThrottledError(NotSentError):
    """
    The gateway refused the call because too many calls came in a short time.

    :param retry_after: seconds that the gateway asks to wait; None when it asks for none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        advice: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, advice=advice, http_status=http_status)
        self.retry_after = retry_after


class RequestRefusedError(ApiError):
    """The call was not accepted because the request, or one recipient in it, is wrong."""


class CampaignDoomedError(ApiError):
    """The call was not accepted for a reason that holds for every other call of the campaign as well."""


class AmbiguousOutcomeError(ApiError):
    """The call may or may not have been accepted, so it must not be repeated without evidence."""


class LedgerError(AliyunSmsError):
    """The durable record of the campaign cannot be read or written; sending stopped before the next call."""


class LedgerMissingError(LedgerError):
    """A later try found no record of what an earlier one sent, and therefore sends nothing."""


class LedgerConflictError(LedgerError):
    """The record contradicts this try, as when ``dedupe`` has changed; nothing was sent, and no retry helps."""


class ClaimsError(AliyunSmsError):
    """
    What all campaigns have claimed of a shared limit cannot be read or written; nothing was sent by this try.

    It never counts as "nothing was claimed".
    """


class SendInterruptedError(AliyunSmsError):
    """Sending stopped on request before the next call; a later try resumes where it stopped."""


class WatchInterruptedError(AliyunSmsError):
    """Asking for deliveries stopped on request; a later try asks again, and nothing is sent by either."""


class TooManyRefusedError(AliyunSmsError):
    """
    The gateway refused too large a share of the recipients: sending stopped, or the campaign ended so.

    A Clear goes on, and sends again to those who were refused for a cause that is not their own.
    """


class GuardError(AliyunSmsError):
    """A guard decided that the campaign must not be sent, or not any further; a Clear asks it again."""


class GuardWaitError(GuardError):
    """
    A guard decided that nothing more may be sent before a moment; then the campaign is judged anew and goes on.

    :param until: the moment by this machine's clock, with a time zone; None for now.
    """

    def __init__(
        self,
        message: str,
        *,
        until: datetime | None = None,
        code: str | None = None,
        request_id: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, advice=advice)
        self.until = until


class GuardSkipError(GuardError):
    """A guard decided that the campaign is not sent, and that this is no mistake."""


class GuardUndecidedError(GuardError):
    """A guard could not judge, so nothing more was sent; a later try asks it again."""


class ReceiptsError(AliyunSmsError):
    """Everybody was served, and the receipts could not be written; a retry only writes them."""


class OutcomeUnknownError(AliyunSmsError):
    """
    The outcome of some calls is still unknown.

    Every other recipient was served, or sending stopped because too many calls had no clear outcome. A later try
    looks for evidence again and sends nothing twice.
    """


class DeliveryError(AliyunSmsError):
    """Too few messages of the campaign reached their phones."""


class DeliveryTimeoutError(DeliveryError):
    """The sensor's deadline passed, or its allowed calls were used up, with messages still pending."""
