# SPDX-License-Identifier: Apache-2.0
"""Check rows against the rules of the China API (SendBatchSms) and make recipients of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.content import content_head
from airflow_provider_aliyunsms.audience.fields import (
    CHINA_FIELDS,
    PHONE_NUMBER,
    PHONE_REGION,
    SIGN_NAME,
    SMS_UP_EXTEND_CODE,
    TEMPLATE_PARAM,
)
from airflow_provider_aliyunsms.audience.phone_numbers import (
    compact_number,
    international_number,
    is_bare_mainland,
    mainland_number,
    national_number,
)
from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.rows import field_label, is_missing
from airflow_provider_aliyunsms.audience.rules.base import PlainRows, RowRejected
from airflow_provider_aliyunsms.audience.rules.china_columns import (
    contents_of,
    heads_of,
    inner_columns,
    mainland_numbers,
    usual_texts,
    whole_as_text,
)
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
from airflow_provider_aliyunsms.audience.rules.variable_names import VariableNames
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from airflow_provider_aliyunsms.audience.rows import TableBlock

MAINLAND = "CN"

# The whole number that a reply goes to has at most 20 digits. The vendor does not document how many of them are free.
_EXTEND_CODE = re.compile(r"[0-9]{1,20}")


class ChinaRules:
    """
    Turn rows into recipients of ``SendBatchSms``.

    :param sign_name: the signature for rows that have none of their own.
    :param template_param: default values of variables; a row's own values win over them. An empty default declares
        a variable that every row must give.
    :param international: whether digits without ``+`` or ``00`` that are no mainland mobile may be a number abroad
        with its country code first. Otherwise they are rejected: most of them are mistyped mainland numbers.
    :param phone_region: the ISO region of such digits instead, such as ``SG``; a row's own ``phone_region`` wins
        over it.
    :param max_variable_length: the largest number of characters that one variable may have, at least 1.
    :raises ConfigurationError: when a default could not be sent.

    See https://help.aliyun.com/en/sms/developer-reference/api-dysmsapi-2017-05-25-sendbatchsms
    """

    def __init__(
        self,
        *,
        sign_name: str | None,
        template_param: Mapping[str, Any] | None,
        international: bool = False,
        phone_region: str | None = None,
        max_variable_length: int = 35,
    ) -> None:
        if max_variable_length < 1:
            msg = "max_variable_length must be at least 1."
            raise ConfigurationError(msg)
        self._max_variable_length = max_variable_length
        self._international = international
        self._phone_region = check_region(phone_region)
        try:
            self._sign_name = _sign_name(sign_name)
            self._defaults, self._required = self._check_defaults(template_param)
            self._names = VariableNames()
        except RowRejected as error:
            msg = f"The defaults cannot be sent: {error.reason}."
            raise ConfigurationError(msg, code=error.code) from None

    def prepare(self, values: Mapping[str, Any] | str, *, flat: bool = False) -> Recipient:
        """
        Return the recipient that a row's values describe.

        :param values: the row by field name, or only a phone number.
        :param flat: whether keys that the API does not know are template variables.
        :raises RowRejected: when the row cannot be sent to.
        :raises AudienceError: when the row has a key that this API does not use.
        """
        if isinstance(values, str):
            values = {PHONE_NUMBER: values}
        number = self._number(values)
        sign_name = _sign_name(values.get(SIGN_NAME)) or self._sign_name
        if not sign_name:
            raise RowRejected(
                code=LocalCode.MISSING_SIGNATURE, field=SIGN_NAME, reason="there is no signature for this row"
            )
        recipient = Recipient(
            number=number,
            sign_name=sign_name,
            template_param=self._variables(values, flat=flat),
            sms_up_extend_code=_extend_code(values.get(SMS_UP_EXTEND_CODE)),
        )
        self._names.note(recipient.template_param)
        return recipient

    def check_all(self) -> None:
        """
        Check what only all rows together show: that they have the same variables.

        :raises AudienceError: they have not.
        """
        self._names.check()

    def _number(self, values: Mapping[str, Any]) -> str:
        text = number_text(values, PHONE_NUMBER)
        own_region = region_given(values, None)
        if own_region is not None and own_region != MAINLAND:
            return _in_region(text, own_region)
        mainland = mainland_number(text)
        if mainland is not None:
            if own_region is None and self._is_also_abroad(text):
                raise invalid_number(
                    PHONE_NUMBER,
                    f"the digits are a mobile in the mainland and a number in {self._phone_region}; "
                    "write the number with +86 or the plus of its country",
                )
            return mainland
        if own_region is None:
            return self._abroad(text)
        raise invalid_number(PHONE_NUMBER, "the phone number is not a mainland mobile", text=text)

    def _is_also_abroad(self, text: str) -> bool:
        region = self._phone_region
        if region is None or region == MAINLAND or not is_bare_mainland(text):
            return False
        return national_number(text, region=region) is not None

    def _abroad(self, text: str) -> str:
        has_plus = compact_number(text).startswith(("+", "00"))
        if not has_plus and self._phone_region is not None:
            return _in_region(text, self._phone_region)
        number = international_number(text)
        if number is None:
            raise invalid_number(
                PHONE_NUMBER,
                "the phone number is neither a mainland mobile nor one with a country code",
                text=text,
            )
        # A mistyped mainland mobile is often eleven digits that begin with 1. Taken for a +1 number, it would reach a
        # phone in North America and be charged for. So a +1 number needs its plus sign, or 00 in front.
        if number.startswith("1") and not has_plus:
            raise invalid_number(
                PHONE_NUMBER, "eleven digits that are no mainland mobile; +1 numbers need their plus"
            )
        # Of mainland landlines without their zero nearly half are numbers in some other country, and so are many
        # mistyped mobiles.
        if not has_plus and not self._international:
            raise invalid_number(
                PHONE_NUMBER,
                "the digits are no mainland mobile; a number abroad needs its plus, or the task international=True "
                "or a phone_region",
            )
        return _sendable(number)

    def _variables(self, values: Mapping[str, Any], *, flat: bool) -> dict[str, str]:
        merged = dict(self._defaults)
        empty = set(self._required)
        for name, value in given_variables(values, known=CHINA_FIELDS, flat=flat):
            text = self._checked(name, value)
            if text is None:
                empty.add(name)
            else:
                merged[name] = text
        for name in sorted(empty - merged.keys()):
            label = field_label(name)
            raise RowRejected(
                code=LocalCode.EMPTY_VARIABLE,
                field=label,
                reason=f"variable '{label}' is empty and has no default",
            )
        return merged

    def plain_rows(self, block: TableBlock) -> PlainRows | None:
        """Return the rows that :meth:`prepare` would accept, see :meth:`.RecipientRules.plain_rows`."""
        columns = block.columns()
        if (
            PHONE_NUMBER not in columns
            or PHONE_REGION in columns
            or self._phone_region not in (None, MAINLAND)
        ):
            return None
        inner, are_alike = inner_columns(columns.get(TEMPLATE_PARAM))
        outer = {name: cells for name, cells in columns.items() if name not in CHINA_FIELDS}
        if not inner.keys().isdisjoint(outer) or not self._are_usual({*inner, *outer}):
            return None
        variables = {name: whole_as_text(cells) for name, cells in {**inner, **outer}.items()}
        given = whole_as_text(columns[PHONE_NUMBER])
        numbers = mainland_numbers(given)
        absent = (None,) * len(block)
        signs, codes = (columns.get(name, absent) for name in (SIGN_NAME, SMS_UP_EXTEND_CODE))
        heads = heads_of(signs, codes, head=self._head)
        if not all(numbers):
            heads = [None if number is None else head for number, head in zip(numbers, heads, strict=True)]
        if False in are_alike:
            heads = [head if alike else None for head, alike in zip(heads, are_alike, strict=True)]
        constants = {name: text for name, text in self._defaults.items() if name not in variables}
        contents = contents_of(
            heads,
            columns=variables,
            constants=constants,
            usual=[usual_texts(cells, longest=self._max_variable_length) for cells in variables.values()],
        )
        self._names.note([*variables, *constants], rows=len(contents) - contents.count(None))
        return PlainRows(numbers=[number or "" for number in numbers], contents=contents, given=given)

    def _are_usual(self, variables: Set[str]) -> bool:
        try:
            return all(variable_text(name, name) for name in variables) and self._required <= variables
        except RowRejected:
            return False

    def _head(self, own_sign_name: str | None, own_code: str | None) -> str | None:
        try:
            sign_name = _sign_name(own_sign_name) or self._sign_name
            code = _extend_code(own_code)
        except RowRejected:
            return None
        return content_head(message="", sign_name=sign_name, sms_up_extend_code=code) if sign_name else None

    def _checked(self, name: str, value: Any) -> str | None:
        text = variable_text(name, value)
        if text is not None and len(text) > self._max_variable_length:
            label = field_label(name)
            raise RowRejected(
                code=LocalCode.VARIABLE_TOO_LONG,
                field=label,
                reason=f"variable '{label}' is longer than {self._max_variable_length} characters",
            )
        return text

    def _check_defaults(
        self, template_param: Mapping[str, Any] | None
    ) -> tuple[dict[str, str], frozenset[str]]:
        checked = {
            name: self._checked(name, value)
            for name, value in given_variables(
                {TEMPLATE_PARAM: template_param}, known=CHINA_FIELDS, flat=False
            )
        }
        defaults = {name: text for name, text in checked.items() if text is not None}
        return defaults, frozenset(checked.keys() - defaults.keys())


def _in_region(text: str, region: str) -> str:
    number = national_number(text, region=region)
    if number is None:
        raise invalid_number(PHONE_NUMBER, f"the phone number is none of the region {region}", text=text)
    return _sendable(number)


def _sendable(number: str) -> str:
    if number.startswith("86"):
        raise invalid_number(PHONE_NUMBER, "the phone number is in the mainland but is not a mobile")
    # The API ignores a plus sign and takes eleven digits that begin with 13 to 19 for a mainland mobile, so that most
    # +1 numbers would reach a phone in mainland China.
    if mainland_number(number) is not None:
        raise invalid_number(PHONE_NUMBER, "the API would take this +1 number for a mainland mobile")
    return number


_BRACKETS = "【】[]［］"


def _sign_name(value: Any) -> str:
    value = as_text(value)
    if value is None or is_missing(value):
        return ""
    problem = "is not proper text"
    if isinstance(value, str):
        text = trimmed(value)
        problem = broken_characters(text) or ""
        if any(bracket in text for bracket in _BRACKETS):
            problem = "has brackets, which the gateway adds itself"
        elif not problem and not text.isprintable():
            problem = "holds an invisible character"
        if not problem:
            return text
    raise RowRejected(code=LocalCode.INVALID_SIGNATURE, field=SIGN_NAME, reason=f"the signature {problem}")


def _extend_code(value: Any) -> str:
    text = None if value is None else variable_text(SMS_UP_EXTEND_CODE, value)
    if text is None:
        return ""
    if not _EXTEND_CODE.fullmatch(text):
        raise RowRejected(
            code=LocalCode.INVALID_EXTEND_CODE,
            field=SMS_UP_EXTEND_CODE,
            reason="the extension code is not made of 1 to 20 digits",
        )
    return text
