# SPDX-License-Identifier: Apache-2.0
"""Send one short text to a few phones, one call each, and let no failure out: an alert must not make things worse."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.audience.phone_numbers import (
    international_number,
    mainland_number,
    mask_number,
)
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    ConnectionNotMadeError,
)
from airflow_provider_aliyunsms.notifications.wording import fit_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.notifications.hourly_cap import HourlyCap

log = logging.getLogger(__name__)

MAX_RECIPIENTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    What shall be sent.

    :param phone_numbers: as they were written; not shown, as nothing else here is.
    :param template_code: the approved template.
    :param sign_name: the signature.
    :param template_param: the variables, as they were written.
    """

    phone_numbers: object
    template_code: str
    sign_name: str
    template_param: Mapping[str, object] | None

    def __repr__(self) -> str:
        return f"Alert(template_code={self.template_code!r})"


def send_alert(alert: Alert, *, client: AliyunSmsClient, cap: HourlyCap) -> int:
    """
    Send to everybody who can be sent to: one call for each, none of them repeated.

    One call for each because one bad number has the API refuse the whole call. What would meet every other call as
    well ends it: template, signature, balance, a gateway that cannot be reached, a full hour.

    :return: how many were accepted.
    :raises OSError: the count cannot be kept; nothing more was sent.
    """
    params = {str(name): fit_variable(value) for name, value in (alert.template_param or {}).items()}
    accepted = 0
    for number in usable_numbers(alert.phone_numbers):
        moment = cap.take()
        if moment is None:
            log.error("The alert to %s is not sent: max_per_hour is reached.", mask_number(number))
            break
        try:
            response = client.send_sms(
                phone_numbers=[number],
                sign_name=alert.sign_name,
                template_code=alert.template_code,
                template_param=params or None,
            )
        except ApiError as error:
            _report(number, error)
            if not isinstance(error, AmbiguousOutcomeError):
                cap.give_back(moment)
            if isinstance(error, (CampaignDoomedError, ConnectionNotMadeError)):
                break
        else:
            accepted += 1
            log.info("Alert to %s accepted (request id %s).", mask_number(number), response.request_id)
    return accepted


def usable_numbers(given: object) -> list[str]:
    """Give at most 10 different numbers; says in the log, masked, what it leaves out."""
    if isinstance(given, str):
        given = given.replace(";", ",").replace("\n", ",").split(",")
    found: dict[str, None] = {}
    for item in given if isinstance(given, (list, tuple, set, frozenset)) else [given]:
        written = str(item).strip() if item is not None else ""
        number = mainland_number(written) or international_number(written)
        if number is not None:
            found[number] = None
        elif written:
            log.error("No alert to %s: this is no phone number.", mask_number(written))
    if not found:
        log.error("The alert has no recipient.")
    if len(found) > MAX_RECIPIENTS:
        log.error("The alert has %d recipients; only the first %d get it.", len(found), MAX_RECIPIENTS)
    return list(found)[:MAX_RECIPIENTS]


def _report(number: str, error: ApiError) -> None:
    # The text of these errors is our own, with code and request id and without anything personal.
    if isinstance(error, AmbiguousOutcomeError):
        log.error(
            "The alert to %s may or may not be sent; it is not sent again. %s", mask_number(number), error
        )
    else:
        log.error("The alert to %s is not sent. %s", mask_number(number), error)
