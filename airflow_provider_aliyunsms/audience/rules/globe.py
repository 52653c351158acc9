# SPDX-License-Identifier: Apache-2.0
"""Check rows against the rules of the international API (BatchSendMessageToGlobe) and make recipients of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.phone_numbers import (
    international_number,
    is_bare_mainland,
    region_of,
)
from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.rows import PHONE_NUMBER, field_label, is_missing
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.rules.values import (
    TEMPLATE_PARAM,
    given_variables,
    has_broken_characters,
    invalid_number,
    number_text,
    variable_text,
)
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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


TO = "to"
MESSAGE = "message"
GLOBE_KEYS = frozenset({TO, PHONE_NUMBER, MESSAGE, TEMPLATE_PARAM})
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
    ) -> None:
        self._refused_regions = _check_regions(refused_regions)
        try:
            self._message = _message(message)
            # The values of placeholders are only known for a row, so only the text around them is measured here.
            _check_length(_PLACEHOLDER.sub("", self._message))
            self._defaults = _texts(
                given_variables({TEMPLATE_PARAM: template_param}, known=GLOBE_KEYS, flat=False)
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
        template = _message(values.get(MESSAGE)) or self._message
        own = dict(given_variables(values, known=GLOBE_KEYS, flat=flat))
        return Recipient(number=number, message=self._rendered(template, own))

    def _number(self, values: Mapping[str, Any]) -> str:
        text = number_text(values, TO, PHONE_NUMBER)
        if is_bare_mainland(text):
            if "CN" in self._refused_regions:
                raise _refused("CN", "; a number in North America needs its plus sign to be told apart")
            raise invalid_number(
                TO, "the phone number reads as a mainland and as a +1 number; write it with a plus"
            )
        number = international_number(text)
        if number is None:
            raise invalid_number(TO, "the phone number is not one with a country code")
        region = region_of("+" + number)
        if region in self._refused_regions:
            raise _refused(region, "")
        return number

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
    if is_missing(value):
        return ""
    if not isinstance(value, str) or has_broken_characters(value):
        raise RowRejected(code=LocalCode.INVALID_MESSAGE, field=MESSAGE, reason="the text is not proper text")
    return value


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
