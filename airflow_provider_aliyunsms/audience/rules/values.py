# SPDX-License-Identifier: Apache-2.0
"""Read the template variables and the phone number of a row and turn their values into text."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_aliyunsms.audience.rows import field_label, first_given, is_missing
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError

TEMPLATE_PARAM = "template_param"

# More digits than any limit allows. Such a number is rejected before it is written out, because a short JSON number
# such as 1e999999999 would become a text that takes seconds to make and fills the memory.
_MAX_DIGITS = 2000
_SURROGATE = re.compile("[\ud800-\udfff]")


def has_broken_characters(text: str) -> bool:
    """Return whether the text holds a lone surrogate (half a character), which no request can carry."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def given_variables(
    values: Mapping[str, Any], *, known: Collection[str], flat: bool
) -> Iterator[tuple[str, Any]]:
    """
    Yield the name and value of each variable that a row gives, as the source wrote them.

    :param values: the row by field name.
    :param known: the keys that are not variables.
    :param flat: whether the other keys are variables. They come after those of ``template_param``, so that they win
        over a variable of the same name.
    :raises RowRejected: when ``template_param`` is not an object.
    :raises AudienceError: when a key is neither known nor a variable, because sending without it could be wrong.
    """
    # This comes first: callers let a later value replace an earlier one of the same name.
    yield from _param_object(values.get(TEMPLATE_PARAM)).items()
    for name, value in values.items():
        if name in known:
            continue
        if not flat:
            raise _unknown_key(name, known)
        yield name, value


def variable_text(name: object, value: Any) -> str | None:
    """
    Return a variable's value as the text the API asks for, or None when it is not given (None, NaN, blank).

    Numbers are written out in full (``1e3`` becomes ``1000``), booleans in lower case, dates and times in ISO form
    (with a space between date and time).

    :param name: the variable's name, which is checked too.
    :raises RowRejected: for a nested value, a value of another type, a number that is infinite or has too many
        digits, text with a lone surrogate, or a name that is not proper text.
    """
    if not isinstance(name, str) or not name.strip() or has_broken_characters(name):
        raise RowRejected(
            code=LocalCode.INVALID_VARIABLE, field=TEMPLATE_PARAM, reason="a variable has no proper name"
        )
    if is_missing(value):
        return None
    text = value if isinstance(value, str) else _plain_text(name, value)
    if has_broken_characters(text):
        raise _invalid(name, "holds half a character")
    return text


def _plain_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(repr(float(value)))
    if isinstance(value, Decimal):
        return _decimal_text(name, value)
    if isinstance(value, datetime.datetime):
        return datetime.datetime.isoformat(value, sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    try:
        number = operator.index(value)
    except TypeError:
        raise _invalid(name, "is not a plain value (text, number, date)") from None
    return _int_text(name, number)


def _decimal_text(name: str, value: Decimal) -> str:
    if value.is_infinite():
        raise _invalid(name, "is not a finite number")
    exponent = value.as_tuple().exponent
    if abs(value.adjusted()) > _MAX_DIGITS or (isinstance(exponent, int) and abs(exponent) > _MAX_DIGITS):
        raise _too_many_digits(name)
    return format(value, "f")


def _int_text(name: str, value: int) -> str:
    if value.bit_length() > 3 * _MAX_DIGITS:
        raise _too_many_digits(name)
    return str(value)


def _param_object(value: Any) -> Mapping[str, Any]:
    if is_missing(value):
        return {}
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except BrokenJsonError as error:
            raise RowRejected(
                code=LocalCode.INVALID_VARIABLE, field=TEMPLATE_PARAM, reason=f"template_param is {error}"
            ) from None
    if not isinstance(value, Mapping):
        raise RowRejected(
            code=LocalCode.INVALID_VARIABLE, field=TEMPLATE_PARAM, reason="template_param is not an object"
        )
    return value


def _invalid(name: str, problem: str) -> RowRejected:
    label = field_label(name)
    return RowRejected(code=LocalCode.INVALID_VARIABLE, field=label, reason=f"variable '{label}' {problem}")


def _too_many_digits(name: str) -> RowRejected:
    label = field_label(name)
    return RowRejected(
        code=LocalCode.VARIABLE_TOO_LONG,
        field=label,
        reason=f"variable '{label}' has more than {_MAX_DIGITS} digits",
    )


def _unknown_key(name: object, known: Collection[str]) -> AudienceError:
    label = field_label(name)
    return AudienceError(
        f"The key '{label}' means nothing here; a row may have {', '.join(sorted(known))}.",
        field=label,
        advice=f"put template variables under '{TEMPLATE_PARAM}', and drop what the message does not need.",
    )


_MAX_PHONE = 10**17


def number_text(values: Mapping[str, Any], *names: str) -> str:
    """
    Return the phone number of a row as the source wrote it, from the first of the named keys that has one.

    An integer becomes its digits, and so does a float without a fraction, as data frames make them.

    :param names: the keys in the order of preference; an error names the first one.
    :raises RowRejected: when there is no number, or when it is neither text nor a positive whole number
        below 10**17.
    """
    field = names[0]
    value = first_given(values, names)
    if isinstance(value, str):
        return value
    if value is None:
        raise RowRejected(code=LocalCode.MISSING_NUMBER, field=field, reason="the row has no phone number")
    digits = _whole_number(value)
    if digits is None:
        raise invalid_number(field, "the phone number is neither text nor a whole number")
    return digits


def invalid_number(field: str, reason: str) -> RowRejected:
    """Return the error for a row whose phone number cannot be used."""
    return RowRejected(code=LocalCode.INVALID_NUMBER, field=field, reason=reason)


def _whole_number(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        if not 0 < value < _MAX_PHONE or value != int(value):
            return None
        return str(int(value))
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return str(number) if 0 < number < _MAX_PHONE else None
