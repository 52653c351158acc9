# SPDX-License-Identifier: Apache-2.0
"""Check rows against the rules of the international API (BatchSendMessageToGlobe) and make recipients of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.fields import (
    GLOBE_FIELDS,
    MESSAGE,
    PHONE_NUMBER,
    TEMPLATE_PARAM,
    TO,
)
from airflow_provider_aliyunsms.audience.phone_numbers import (
    compact_number,
    international_number,
    is_bare_mainland,
    national_number,
    region_of,
)
from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.rows import field_label, is_missing
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.rules.values import (
    as_text,
    broken_characters,
    check_region,
    given_variables,
    invalid_number,
    number_text,
    region_given,
    trimmed,
    variable_text,
)
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from airflow_provider_aliyunsms.audience.rows import TableBlock


_SENDER_ID = re.compile(r"[0-9]{1,15}|[0-9A-Za-z]{1,11}")


def check_sender_id(text: str) -> None:
    """
    Check the form of a sender ID; only the API knows whether the ID is an approved one.

    :param text: 1 to 11 ASCII digits and letters, or 1 to 15 digits alone.
    :raises ConfigurationError: when it is anything else.

    See https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe
    """
    if not isinstance(text, str) or not _SENDER_ID.fullmatch(text):
        msg = "sender_id must be 1 to 11 digits and letters, or 1 to 15 digits, without spaces or signs."
        raise ConfigurationError(msg)


MAX_MESSAGE_LENGTH = 1500

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_REGION = re.compile(r"[A-Z]{2}")


class GlobeRules:
    """
    Turn rows into recipients of ``BatchSendMessageToGlobe``.

    :param message: the text for rows that have none of their own; ``${name}`` is filled from the row's variables.
    :param template_param: default values of variables; a row's own values win over them.
    :param refused_regions: ISO regions that nothing is sent to; their rows are rejected. The API never reaches
        ``CN``, and its first documentation excluded ``US``.
    :param phone_region: the ISO region of numbers that are digits without ``+`` or ``00``, such as ``SG``; a row's
        own ``phone_region`` wins over it. Without one their country code comes first.
    :param message_of: instead of ``message``, returns the text for a number; the group of a number decides.
    :raises ConfigurationError: when the default text or a default variable could not be sent, or a region is not a
        two-letter code.

    See https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe
    """

    def __init__(
        self,
        *,
        message: str | None,
        template_param: Mapping[str, Any] | None,
        refused_regions: Collection[str] = ("CN", "US"),
        phone_region: str | None = None,
        message_of: Callable[[str], str] | None = None,
    ) -> None:
        self._message_of = message_of
        self._refused_regions = _check_regions(refused_regions)
        self._phone_region = check_region(phone_region)
        try:
            self._message = _message(message)
            # The values of placeholders are only known for a row, so only the text around them is measured here.
            _check_length(_PLACEHOLDER.sub("", self._message))
            self._defaults = _texts(
                given_variables({TEMPLATE_PARAM: template_param}, known=GLOBE_FIELDS, flat=False)
            )
        except RowRejected as error:
            msg = f"The defaults cannot be sent: {error.reason}."
            raise ConfigurationError(msg, code=error.code) from None

    def plain_rows(self, block: TableBlock) -> None:  # noqa: ARG002 - the rules of the China API need it
        """
        Return None, so that :meth:`prepare` checks each row.

        Parsing an international number costs so much that checking the other cells by the column would save little.
        """
        return

    def check_all(self) -> None:
        """Do nothing: a row that lacks a variable of its text is rejected by itself."""

    def prepare(self, values: Mapping[str, Any] | str, *, flat: bool = False) -> Recipient:
        """
        Return the recipient that a row's values describe, with its finished text.

        :param values: the row by field name, or only a phone number with its country code.
        :param flat: whether keys that the API does not know are variables of the text.
        :raises RowRejected: when the row cannot be sent to.
        :raises AudienceError: when the row has a key that this API does not use.
        """
        if isinstance(values, str):
            values = {TO: values}
        number = self._number(values)
        default = self._message if self._message_of is None else _message(self._message_of(number))
        template = _message(values.get(MESSAGE)) or default
        own = dict(given_variables(values, known=GLOBE_FIELDS, flat=flat))
        return Recipient(number=number, message=self._rendered(template, own))

    def _number(self, values: Mapping[str, Any]) -> str:
        text = number_text(values, TO, PHONE_NUMBER)
        region = region_given(values, self._phone_region)
        if region is not None and not compact_number(text).startswith(("+", "00")):
            number = national_number(text, region=region)
            problem = f"the phone number is none of the region {region}"
        else:
            number = self._with_country_code(text)
            problem = "the phone number is not one with a country code"
        if number is None:
            raise invalid_number(TO, problem, text=text)
        found = region_of("+" + number)
        if found in self._refused_regions:
            raise _refused(found, "")
        return number

    def _with_country_code(self, text: str) -> str | None:
        if is_bare_mainland(text):
            if "CN" in self._refused_regions:
                raise _refused("CN", "; a number in North America needs its plus sign to be told apart")
            raise invalid_number(
                TO, "the phone number reads as a mainland and as a +1 number; write it with a plus"
            )
        return international_number(text)

    def _rendered(self, template: str, own: Mapping[str, Any]) -> str:
        def value_of(found: re.Match[str]) -> str:
            name = found.group(1).strip()
            text = variable_text(name, own[name]) if name in own else None
            if text is None:
                text = self._defaults.get(name)
            if text is None:
                raise _missing_variable(name)
            return text

        message = _PLACEHOLDER.sub(value_of, template)
        if not message.strip():
            raise RowRejected(
                code=LocalCode.MISSING_MESSAGE, field=MESSAGE, reason="there is no text for this row"
            )
        _check_length(message)
        return message


def _texts(variables: Any) -> dict[str, str]:
    made = {name: variable_text(name, value) for name, value in variables}
    return {name: text for name, text in made.items() if text is not None}


def _message(value: Any) -> str:
    value = as_text(value)
    if is_missing(value):
        return ""
    problem = "is not proper text"
    if isinstance(value, str):
        text = trimmed(value)
        problem = broken_characters(text) or ""
        if not problem:
            return text
    raise RowRejected(code=LocalCode.INVALID_MESSAGE, field=MESSAGE, reason=f"the text {problem}")


def _check_length(message: str) -> None:
    if len(message) > MAX_MESSAGE_LENGTH:
        raise RowRejected(
            code=LocalCode.MESSAGE_TOO_LONG,
            field=MESSAGE,
            reason=f"the text is longer than {MAX_MESSAGE_LENGTH} characters",
        )


def _check_regions(regions: Collection[str]) -> frozenset[str]:
    if isinstance(regions, str) or not all(isinstance(region, str) for region in regions):
        msg = "refused_regions must be a list of two-letter region codes such as ['CN', 'US']."
        raise ConfigurationError(msg)
    upper = frozenset(region.strip().upper() for region in regions)
    if not all(_REGION.fullmatch(region) for region in upper):
        msg = "refused_regions holds something that is no two-letter region code."
        raise ConfigurationError(msg)
    return upper


def _refused(region: str, more: str) -> RowRejected:
    return RowRejected(
        code=LocalCode.REFUSED_REGION, field=TO, reason=f"this task does not send to region {region}{more}"
    )


def _missing_variable(name: str) -> RowRejected:
    label = field_label(name)
    return RowRejected(
        code=LocalCode.MISSING_VARIABLE,
        field=label,
        reason=f"the text asks for '{label}', which has no value",
    )
