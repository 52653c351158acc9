# SPDX-License-Identifier: Apache-2.0
"""
Every error this package raises.

::

    AliyunSmsError                     code, request_id, advice
    ├── ConfigurationError             a parameter or connection field is wrong; nothing was sent
    │   └── CredentialsError           no usable credentials
    ├── AudienceError                  the audience cannot be read or must not be sent to; nothing was sent
    ├── ApiError                       the outcome of one call
    │   ├── NotSentError               certainly not accepted; may be sent again after a wait
    │   │   ├── ConnectionNotMadeError the request never left this machine
    │   │   └── ThrottledError         the gateway is busy with us; carries retry_after
    │   ├── RequestRefusedError        not accepted: the request or one of its recipients is wrong
    │   ├── CampaignDoomedError        not accepted, and nothing else of this campaign would be
    │   └── AmbiguousOutcomeError      it may or may not have been accepted
    ├── LedgerError                    the durable record cannot be read or written; sending stopped
    │   └── LedgerMissingError         a second try found no record of the first
    ├── SendInterruptedError           stopped on request before the next call; a retry resumes
    ├── TooManyRefusedError            the error threshold was reached; a retry resumes
    ├── OutcomeUnknownError            everyone was served, but for some the outcome is still unknown
    └── DeliveryError                  the verdict of the delivery sensor is "no"
        └── DeliveryTimeoutError       the deadline passed with messages still pending

The root is a plain ``Exception``: a deferred sensor's ``soft_fail`` swallows every ``AirflowException``. The send
operators raise a ConfigurationError or AudienceError that no retry would mend as a subclass of it that Airflow does
not retry (``operators/failures.py``).
"""

from __future__ import annotations


class AliyunSmsError(Exception):
    """
    The root of the tree.

    :param message: what happened, without numbers, texts, variable values or secrets.
    :param code: the API's code, or one of this package's own.
    :param request_id: the API's ``RequestId``, for a support ticket.
    :param advice: the next step for the person who reads it.
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

    def __str__(self) -> str:
        facts = [
            f"{name}={value}"
            for name, value in (("code", self.code), ("request_id", self.request_id))
            if value
        ]
        text = f"{self.message} [{', '.join(facts)}]" if facts else self.message
        return f"{text} Next step: {self.advice}" if self.advice else text


class ConfigurationError(AliyunSmsError):
    """A parameter or a connection field is wrong; nothing was sent."""


class CredentialsError(ConfigurationError):
    """There are no usable credentials; nothing was sent."""


class CredentialsRefusedError(CredentialsError):
    """Whoever gives the credentials out refused to; that may pass, for a role or a token may come a little later."""


class AudienceError(AliyunSmsError):
    """
    The audience cannot be read, or must not be sent to as it is; nothing was sent.

    :param row: the row at fault, counted from 1 without the header.
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
    One call did not end in a plain success.

    :param http_status: the status of the answer, None when there was none.
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
    """The request never left this machine: DNS, refused connection, TLS handshake, connect timeout."""


class ThrottledError(NotSentError):
    """
    The gateway refused the call because of its rate.

    :param retry_after: seconds the gateway asks to wait, None when it does not say.
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
    """The call may or may not have been accepted: never repeat it without evidence."""


class LedgerError(AliyunSmsError):
    """The durable record of the campaign cannot be read or written; sending stopped before the next call."""


class LedgerMissingError(LedgerError):
    """A second try found no record of what the first one did, and therefore sends nothing."""


class SendInterruptedError(AliyunSmsError):
    """Sending stopped on request before the next call; a retry resumes."""


class TooManyRefusedError(AliyunSmsError):
    """Too large a share of the recipients was refused; sending stopped, a retry resumes."""


class OutcomeUnknownError(AliyunSmsError):
    """Everyone was served, but for some recipients the outcome is still unknown."""


class DeliveryError(AliyunSmsError):
    """Too few messages of the campaign reached their phones."""


class DeliveryTimeoutError(DeliveryError):
    """The deadline passed with messages still pending."""
