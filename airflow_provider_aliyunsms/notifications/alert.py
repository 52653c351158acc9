# SPDX-License-Identifier: Apache-2.0
"""
Send one alert to a few phone numbers, with one call for each.

An API error is logged and not raised, because an alert must not add a failure to the one it reports.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import nullcontext
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
    PaceError,
)
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.notifications.wording import NOTHING, fit_variable
from airflow_provider_aliyunsms.task_errors import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.campaign.pacing import AccountPace
    from airflow_provider_aliyunsms.notifications.hourly_cap import HourlyCap

log = logging.getLogger(__name__)

MAX_RECIPIENTS: Final = 10

_NAME_NUMBERS = "Correct phone_numbers, or alert_phone_numbers in the extra of the connection."

PATIENCE: Final = 30.0
"""Seconds that an alert waits in all for room in the account's pace: a callback must end."""

_BETWEEN: Final = re.compile(r"[,;\n\r\t|，；、]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    The content and the recipients of one alert; its ``repr`` shows the template code alone.

    :param phone_numbers: a list, or one text with commas, semicolons (also Chinese ones) or line ends between the
        numbers; unchecked.
    :param template_code: the approved template.
    :param sign_name: the signature.
    :param template_param: the template's variables, unchecked.
    """

    phone_numbers: object
    template_code: str
    sign_name: str
    template_param: Mapping[str, object] | None

    def __repr__(self) -> str:
        return f"Alert(template_code={self.template_code!r})"


def send_alert(
    alert: Alert,
    *,
    client: AliyunSmsClient,
    cap: HourlyCap,
    make_pace: Callable[[int], AccountPace | None] = lambda _: None,
) -> int:
    """
    Send an alert to each usable number, one call for each, and log the outcomes.

    Costs one call and one message for each recipient. Each has a call of its own, because the API refuses a whole
    call for one bad number. No call is repeated. An error that every other call would meet as well ends the alert:
    template, signature, balance, a gateway that cannot be reached, no room in the account's pace. So does a full
    hour.

    :param alert: the content and the recipients.
    :param client: makes the calls.
    :param cap: counts the messages of the last hour.
    :param make_pace: makes the account's pace for so many calls; None for no limit. It is waited for by
        :data:`PATIENCE` seconds.
    :returns: the number of recipients that the gateway accepted.
    :raises OSError: the count cannot be read or written; nothing more was sent.
    :raises NotSentError: this machine has no thread for the pace; nothing was sent.
    """
    numbers = usable_numbers(alert.phone_numbers)
    pace = make_pace(len(numbers)) if numbers else None
    with pace or nullcontext():
        return _send_to_each(alert, numbers, client=client, cap=cap, pace=pace)


def _send_to_each(
    alert: Alert, numbers: list[str], *, client: AliyunSmsClient, cap: HourlyCap, pace: AccountPace | None
) -> int:
    params = {str(name): fit_variable(value) for name, value in (alert.template_param or {}).items()}
    accepted, latest = 0, time.monotonic() + PATIENCE
    for number in numbers:
        # Counted before the call: a crash between the two then counts one message too many, never one too few. Also
        # before the wait for the pace: behind it, a slow disk would hold up a place that others could use.
        moment = cap.take()
        if moment is None:
            say(
                log,
                logging.ERROR,
                "The alert to %s is not sent: max_per_hour is reached.",
                mask_number(number),
                next_step="Look for what fails so often; raise max_per_hour if all of it is to be told.",
            )
            break
        try:
            with pace.call(patience=max(0.0, latest - time.monotonic())) if pace else nullcontext():
                response = client.send_sms(
                    phone_numbers=[number],
                    sign_name=alert.sign_name,
                    template_code=alert.template_code,
                    template_param=params or None,
                )
        except ApiError as error:
            _report(number, error)
            # A message that may have been sent stays counted.
            if not isinstance(error, AmbiguousOutcomeError):
                cap.give_back(moment)
            if isinstance(error, (CampaignDoomedError, ConnectionNotMadeError, PaceError)):
                break
        else:
            accepted += 1
            say(
                log,
                logging.INFO,
                "Alert to %s accepted, request id %s.",
                mask_number(number),
                response.request_id,
            )
    return accepted


def usable_numbers(given: object) -> list[str]:
    """
    Return at most 10 different valid numbers; log, masked, those that are left out as invalid.

    :param given: a list, or one text with commas, semicolons or line ends between the numbers.
    """
    found: dict[str, None] = {}
    items = given if isinstance(given, (list, tuple, set, frozenset)) else [given]
    for written in (part.strip() for item in items if item is not None for part in _BETWEEN.split(str(item))):
        number = mainland_number(written) or international_number(written)
        if number is not None:
            found[number] = None
        elif written not in ("", NOTHING):
            say(log, logging.ERROR, "No alert to %s: this is no phone number.", mask_number(written))
    if not found:
        say(log, logging.ERROR, "The alert has no recipient.", next_step=_NAME_NUMBERS)
    if len(found) > MAX_RECIPIENTS:
        say(
            log,
            logging.ERROR,
            "The alert has %d recipients; only the first %d get it.",
            len(found),
            MAX_RECIPIENTS,
        )
    return list(found)[:MAX_RECIPIENTS]


def _report(number: str, error: ApiError) -> None:
    # The text of these errors is safe to log: this package writes it, with code and request id and no personal data.
    if isinstance(error, AmbiguousOutcomeError):
        say(
            log,
            logging.ERROR,
            "The alert to %s may or may not be sent; it is not sent again.",
            mask_number(number),
        )
    else:
        say(log, logging.ERROR, "The alert to %s is not sent.", mask_number(number))
    tell(error)
